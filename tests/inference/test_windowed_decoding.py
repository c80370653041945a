"""Decoding in windows: the same frames as of whole clips, and the same bits in whatever company and order."""

import dataclasses

import gpt_run
import jax
import numpy as np
import pytest

from signjax.errors import ConfigError
from signjax.inference import windowed_decoding
from signjax.inference.load import load
from signjax.inference.pose_tokenizer import PoseTokenizer
from signjax.models import build, code_layout

LENGTHS = (1, 3, 26, 27, 60)


@pytest.fixture(scope="module")
def tokenizer(tiny_runs):
    """Of depth 3, so that tokens reach far; its weights are drawn, for training begins with zeros."""
    c = gpt_run.get_config("vqvae", **gpt_run.TOKENIZER | {"model.size.depth": 3})
    model = build.build_tokenizer(c)
    pose, mask = np.zeros((1, 8, 50, 3), np.float32), np.ones((1, 8), bool)
    shapes = jax.eval_shape(model.init, jax.random.key(0), pose, mask)
    leaves, tree = jax.tree.flatten(shapes)
    rng = np.random.default_rng(0)
    drawn = [np.abs(rng.normal(size=x.shape)).astype(x.dtype) / 4 for x in leaves]
    return PoseTokenizer.from_config(c, jax.tree.unflatten(tree, drawn))


@pytest.fixture(scope="module")
def codes(tokenizer):
    rng, (columns, size) = np.random.default_rng(1), code_layout.code_shape(tokenizer.config)
    return [rng.integers(0, size, (n, columns)).astype(np.int32) for n in LENGTHS]


def test_windows_give_the_frames_of_whole_clips(tokenizer, codes):
    assert tokenizer.reach == 7 and tokenizer.decodes_windows
    apart = dataclasses.replace(tokenizer, reach=None)
    windowed, whole = tokenizer.decode_arrays(codes), apart.decode_arrays(codes)
    for a, b, n in zip(windowed, whole, LENGTHS, strict=True):
        assert a.shape == b.shape == (4 * n, 50, 3)
        np.testing.assert_allclose(a, b, atol=1e-5)
    nearer = windowed_decoding.decode_windows(
        lambda c, m: tokenizer.decode_batch(tokenizer.variables, c, m), codes, 5
    )
    assert np.abs(nearer[-1] - whole[-1]).max() > 1e-3, "less than the reach is not enough"


def test_company_changes_no_bit(tokenizer, codes):
    together = tokenizer.decode_arrays(codes * 5)
    for k, own in enumerate(codes):
        [alone] = tokenizer.decode_arrays([own])
        assert all((together[i] == alone).all() for i in range(k, len(together), len(codes)))


@pytest.mark.parametrize("tokens", [1, 4, 100])
def test_frames_that_arrive_early_are_the_final_ones(tokenizer, codes, tokens):
    own = codes[-1]
    [whole] = tokenizer.decode_arrays([own])
    seen = []

    def arriving():
        for n in range(0, len(own) + tokens, tokens):
            seen.append(min(n, len(own)))
            yield own[:n], n >= len(own)

    shown = 0
    for frames in windowed_decoding.stream_windows(
        lambda c, m: tokenizer.decode_batch(tokenizer.variables, c, m), arriving(), 7
    ):
        assert len(frames) and (frames == whole[shown : shown + len(frames)]).all()
        shown += len(frames)
        assert seen[-1] == len(own) or shown <= 4 * (seen[-1] - 7)
    assert shown == len(whole)


@pytest.mark.parametrize("temperature", [pytest.param(0.0, marks=pytest.mark.extended), 1.0])
def test_a_streamed_clip_is_the_generated_one(tiny_runs, monkeypatch, temperature):
    monkeypatch.chdir(tiny_runs)
    generator = load("runs/gpt")
    sampling = {"temperature": temperature, "min_tokens": 10}
    whole = generator.generate("hello my name", seed=3, **sampling)
    parts = list(generator.stream("hello my name", 3, tokens_at_once=3, **sampling))
    assert len(parts) > 2 and len(parts[0]) < len(whole)
    assert (np.concatenate([part.points for part in parts]) == whole.points).all()
    later = list(generator.stream("hello my name", 3, tokens_at_once=100, **sampling))
    assert len(later) == 1 and (later[0].points == whole.points).all()
    slow = dataclasses.replace(generator, codec=dataclasses.replace(generator.codec, reach=None))
    assert generator.can_stream and not slow.can_stream
    with pytest.raises(ConfigError, match="whole clips only"):
        next(slow.stream("hello", 3, **sampling))
