"""Runs of the code before it had rooms: they load, and give what that code made of them.

tests/assets/old_runs has the best checkpoints of two tiny runs on the demo language, a tokenizer and the
GPT on it, and what the old code made of them. Codes are compared exactly. Poses are compared bit for bit
with the JAX and on the kind of CPU that they were made with, else to rounding, for another one may add in
another order.
"""

import numpy as np
import pytest
from engine_helpers import spawn
from paths import ASSETS, HELPERS

from signjax.inference.load import load

OLD = ASSETS / "old_runs"
ROUNDING = 1e-5  # neck-to-shoulder lengths


@pytest.fixture(scope="module")
def outputs(old_runs):
    """(what the old code gave, what the runs give today), both {name: array}."""
    path = old_runs / "today.npz"
    script = str(HELPERS / "old_run_outputs.py")
    # Like the old code: on one device, with all optimizations.
    process = spawn(script, str(old_runs), str(OLD / "expected.npz"), str(path), home=old_runs, XLA_FLAGS="")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    with np.load(OLD / "expected.npz") as old, np.load(path) as today:
        return dict(old), dict(today)


def test_old_runs_load(old_runs):
    tokenizer, generator = load(old_runs / "vqvae"), load(old_runs / "gpt")
    assert (tokenizer.stride, tokenizer.columns) == (4, ("whole", "whole"))
    assert generator.can_generate and generator.can_stream and generator.has_tokens
    assert generator.tokenizer.config == tokenizer.config


def test_codes_are_the_old_ones(outputs):
    old, today = outputs
    for name in ("vqvae/encode", "gpt/tokens/0", "gpt/tokens/1"):
        assert today[name].dtype == old[name].dtype == np.int32
        np.testing.assert_array_equal(today[name], old[name])


@pytest.mark.parametrize("name", ["vqvae/reconstruct", "vqvae/codebooks", "gpt/generate/0", "gpt/generate/1"])
def test_poses_are_the_old_ones(outputs, name):
    old, today = outputs
    assert today[name].dtype == old[name].dtype == np.float32
    np.testing.assert_allclose(today[name], old[name], rtol=0, atol=ROUNDING)
    if today["made_on"] == old["made_on"]:
        assert today[name].tobytes() == old[name].tobytes()


@pytest.mark.extended
def test_a_streamed_clip_is_the_generated_one(outputs):
    today = outputs[1]
    assert today["gpt/stream"].tobytes() == today["gpt/generate/0"].tobytes()
