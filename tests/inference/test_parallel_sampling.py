"""What the masked model and the flow share: whole clips in steps, by programs that take all numbers."""

import jax
import numpy as np
import pytest
import shared_runs

from signjax.inference import clip_maker, text_batches
from signjax.inference.contracts import Progress
from signjax.inference.load import load

pytestmark = pytest.mark.usefixtures("compile_quickly")
OTHERS = {"masked": {"temperature": (0, 0.9)}, "flow": {}}


@pytest.fixture(scope="module")
def compiled():
    """Names of the programs that were compiled since."""
    names = []

    def listen(event, seconds, **about):
        if "backend_compile" in event:
            names.append(about.get("fun_name"))

    jax.monitoring.register_event_duration_secs_listener(listen)
    return names


@pytest.fixture(scope="module", params=OTHERS)
def run(request, tmp_path_factory):
    """A tiny run that nobody trained, of each of the two families."""
    return load(shared_runs.write(tmp_path_factory.mktemp("runs"), request.param))


def sample(run, watch=None, **sampling):
    """(sequences, lengths) of two texts; short, so that they have one shape."""
    sampler = run.make_sampler(**{"max_tokens": 12, "guidance": 1.5, "steps": 5} | sampling)
    [batch] = text_batches.batch_texts(run.text_encoder, ["hello", "how are you"], 0, 4)
    inputs = run.model, run.variables, batch.ids, batch.mask, batch.keys
    return tuple(map(np.asarray, run.family.sample(*inputs, sampler, watch)))


def test_other_numbers_of_the_sampler_need_no_other_program(run, compiled):
    sequences, lengths = sample(run)
    assert compiled
    compiled.clear()
    others = {"steps": (1, 9), "guidance": (3, 2.5, np.float32(1.2))} | OTHERS[run.config.task]
    for name, values in others.items():
        for value in values:
            changed, same = sample(run, **{name: value})
            assert np.array_equal(same, lengths) and not np.array_equal(changed, sequences), (name, value)
    assert not compiled


def test_steps_are_told_and_the_clips_are_the_same(run, compiled):
    told, expected = [], sample(run)
    compiled.clear()
    for array, other in zip(sample(run, told.append), expected, strict=True):
        np.testing.assert_array_equal(array, other)
    assert told == [Progress(k, 5) for k in (1, 2, 3, 4, 5)]
    assert not compiled


def test_a_page_is_told_of_steps_and_can_stop_them(run):
    told, steps, make_clip = [], run.config.sampler.steps, clip_maker.ClipMaker(run)

    def stop(state):
        told.append(state)
        if state.get("step") == 2:
            raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        make_clip("hello", 0, 1, stop)
    assert told == [
        {"state": "compiling"},
        *({"state": "signing", "step": k, "steps": steps} for k in (1, 2)),
    ]
    told.clear()
    assert len(make_clip("hello", 0, 1, told.append)["panels"]) == 1
    assert [state.get("step") for state in told] == [None, *range(1, steps + 1)]
