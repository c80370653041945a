"""Decoding in windows: the same frames as of whole clips, and the same bits in whatever company and order."""

import gpt_run
import jax
import numpy as np
import pytest

from signjax.errors import ConfigError
from signjax.inference import windowed_decoding
from signjax.tasks import gpt, vqvae

LENGTHS = (1, 3, 26, 27, 60)


@pytest.fixture(scope="module")
def tokenizer(tiny_runs):
    """Of depth 3, so that tokens reach far; its weights are drawn, for training begins with zeros."""
    c = gpt_run.get_config("vqvae", **gpt_run.TOKENIZER | {"model.size.depth": 3})
    model = vqvae.build(c)
    pose, mask = np.zeros((1, 8, 50, 3), np.float32), np.ones((1, 8), bool)
    shapes = jax.eval_shape(model.init, jax.random.key(0), pose, mask)
    leaves, tree = jax.tree.flatten(shapes)
    rng = np.random.default_rng(0)
    drawn = [np.abs(rng.normal(size=x.shape)).astype(x.dtype) / 4 for x in leaves]
    return vqvae._tokenizer(c, jax.tree.unflatten(tree, drawn), model)


@pytest.fixture(scope="module")
def codes(tokenizer):
    rng, (columns, size) = np.random.default_rng(1), vqvae.code_shape(tokenizer.config)
    return [rng.integers(0, size, (n, columns)).astype(np.int32) for n in LENGTHS]


def test_windows_give_the_frames_of_whole_clips(tokenizer, codes):
    assert tokenizer.reach == 7 and vqvae.by_window(tokenizer)
    found, whole = vqvae.decode(tokenizer, codes), vqvae.decode(tokenizer._replace(reach=None), codes)
    for a, b, n in zip(found, whole, LENGTHS, strict=True):
        assert a.shape == b.shape == (4 * n, 50, 3)
        np.testing.assert_allclose(a, b, atol=1e-5)
    nearer = windowed_decoding.decode(lambda c, m: tokenizer.decode(tokenizer.variables, c, m), codes, 5)
    assert np.abs(nearer[-1] - whole[-1]).max() > 1e-3, "less than the reach is not enough"


def test_company_changes_no_bit(tokenizer, codes):
    together = vqvae.decode(tokenizer, codes * 5)
    for k, own in enumerate(codes):
        [alone] = vqvae.decode(tokenizer, [own])
        assert all((together[i] == alone).all() for i in range(k, len(together), len(codes)))


@pytest.mark.parametrize("tokens", [1, 4, 100])
def test_frames_that_arrive_early_are_the_final_ones(tokenizer, codes, tokens):
    own = codes[-1]
    [whole] = vqvae.decode(tokenizer, [own])
    seen = []

    def arriving():
        for n in range(0, len(own) + tokens, tokens):
            seen.append(min(n, len(own)))
            yield own[:n], n >= len(own)

    shown = 0
    for frames in windowed_decoding.stream(
        lambda c, m: tokenizer.decode(tokenizer.variables, c, m), arriving(), 7
    ):
        assert len(frames) and (frames == whole[shown : shown + len(frames)]).all()
        shown += len(frames)
        assert seen[-1] == len(own) or shown <= 4 * (seen[-1] - 7)
    assert shown == len(whole)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_streamed_clip_is_the_generated_one(tiny_runs, monkeypatch, temperature):
    monkeypatch.chdir(tiny_runs)
    generator = gpt.load("runs/gpt")
    sampler = gpt.sampler_of(gpt_run.gpt_config(tiny_runs), temperature=temperature, min_tokens=10)
    [whole] = gpt.generate(generator, ["hello my name"], 3, sampler)
    parts = list(gpt.stream(generator, "hello my name", 3, sampler, tokens=3))
    assert len(parts) > 2 and len(parts[0]) < len(whole)
    assert (np.concatenate(parts) == whole).all()
    later = list(gpt.stream(generator, "hello my name", 3, sampler, tokens=100))
    assert len(later) == 1 and (later[0] == whole).all()
    slow = generator._replace(tokenizer=generator.tokenizer._replace(reach=None))
    with pytest.raises(ConfigError, match="whole clips only"):
        next(gpt.stream(slow, "hello", 3, sampler))
