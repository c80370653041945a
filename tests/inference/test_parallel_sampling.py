"""What the masked model and the flow share: whole clips in steps, by programs that take all numbers."""

import numpy as np
import pytest
import shared_runs

from signjax.inference import flow_sampling, masked_decoding, text_batches
from signjax.inference.load import load

pytestmark = pytest.mark.usefixtures("compile_quickly")
PROGRAMS = {
    "masked": (masked_decoding.ENCODE, masked_decoding.FILL),
    "flow": (
        flow_sampling.ENCODE,
        flow_sampling.DRAW_NOISE,
        flow_sampling.INTEGRATE,
        flow_sampling.TO_LATENTS,
    ),
}
OTHERS = {"masked": {"temperature": (0, 0.9)}, "flow": {}}


@pytest.fixture(scope="module", params=PROGRAMS)
def run(request, tmp_path_factory):
    """A tiny run that nobody trained, of each of the two families."""
    return load(shared_runs.write(tmp_path_factory.mktemp("runs"), request.param))


def sample(run, **sampling):
    """(sequences, lengths) of two texts; short, so that they have one shape."""
    sampler = run.make_sampler(**{"max_tokens": 12, "guidance": 1.5, "steps": 5} | sampling)
    [batch] = text_batches.batch_texts(run.text_encoder, ["hello", "how are you"], 0, 4)
    sampled = run.family.sample(run.model, run.variables, batch.ids, batch.mask, batch.keys, sampler)
    return tuple(map(np.asarray, sampled))


def test_other_numbers_of_the_sampler_need_no_other_program(run):
    sequences, lengths = sample(run)
    before = [program.jitted._cache_size() for program in PROGRAMS[run.config.task]]
    others = {"steps": (1, 9), "guidance": (3, 2.5, np.float32(1.2))} | OTHERS[run.config.task]
    for name, values in others.items():
        for value in values:
            changed, same = sample(run, **{name: value})
            assert np.array_equal(same, lengths) and not np.array_equal(changed, sequences), (name, value)
    assert [program.jitted._cache_size() for program in PROGRAMS[run.config.task]] == before
