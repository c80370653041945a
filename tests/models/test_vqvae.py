"""The tokenizer's promises: padding and batch mates change nothing, codes say all, sides are mirrored."""

import functools
import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tokenizer_helpers import tiny_config

from signjax.models import build, code_layout, linear_start, quantizers
from signjax.models import vqvae as models
from signjax.pose import body_parts, skeleton

pytestmark = pytest.mark.usefixtures("compile_quickly")
VARIANTS = ("rvq", "fsq", "whole", "seed")
LENGTH = 37  # frames of the clip looked at: nine tokens and a quarter


def motion(rng, frames):
    """Poses [frames, 50, 3] that move like something, not like noise."""
    rest = rng.normal(size=(50, 3))
    return (rest + rng.normal(scale=0.1, size=(frames, 50, 3)).cumsum(0)).astype(np.float32)


@functools.cache
def clip():
    return motion(np.random.default_rng(0), LENGTH)


def batch(length, mates=0, padding=0.0):
    """The clip in row `mates` of a batch, padded to `length` with `padding`, behind longer clips."""
    rng = np.random.default_rng(1)
    pose = np.stack([motion(rng, length) for _ in range(mates + 1)])
    pose[mates] = padding
    pose[mates, :LENGTH] = clip()
    lengths = np.array([length - 5 * i for i in range(mates)] + [LENGTH])
    return pose, np.arange(length) < lengths[:, None]


@functools.cache
def tokenizer(variant):
    """A model and variables with nothing left at zero, its entries near the clip's latents."""
    model = build.build_tokenizer(tiny_config(variant))
    variables = jax.jit(model.init)(jax.random.key(0), *batch(40))
    rng = np.random.default_rng(3)
    variables["params"] = jax.tree.map(lambda x: x + 0.1 * rng.normal(size=x.shape), variables["params"])
    latents = jax.jit(functools.partial(model.apply, method="compute_latents"))(variables, *batch(40))
    rows = [x.reshape(-1, x.shape[-1]) for x in jax.tree.leaves(latents)]
    for book in jax.tree.leaves(variables.get("codebook", {}), is_leaf=lambda x: "sums" in x):
        levels, codes = book["counts"].shape
        shrink = 0.5 ** np.arange(levels)[:, None, None]
        near = rng.choice(np.concatenate(rows), (levels, codes)) + 0.1 * rng.normal(size=book["sums"].shape)
        book["sums"] = near * shrink
        book["counts"] = np.ones((levels, codes))
    return model, jax.tree.map(np.float32, variables)


@functools.cache
def compiled(variant, method):
    model, variables = tokenizer(variant)
    return functools.partial(jax.jit(functools.partial(model.apply, method=method)), variables)


def reconstruct(variant, pose, mask):
    return jax.device_get(compiled(variant, "__call__")(pose, mask))


@pytest.mark.parametrize("variant", VARIANTS)
def test_padding_and_batch_mates_change_nothing(variant):
    alone = reconstruct(variant, *batch(40))
    other = reconstruct(variant, *batch(256, mates=2, padding=50.0))
    tokens = -(-LENGTH // 4)
    assert alone.codes.shape[1] == 10 and len(np.unique(alone.codes[0, :tokens], axis=0)) > 2
    np.testing.assert_array_equal(other.codes[2, :tokens], alone.codes[0, :tokens])
    np.testing.assert_allclose(other.pose[2, :LENGTH], alone.pose[0, :LENGTH], atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_codes_say_all(variant):
    """Decoding codes gives what the whole pass gives, in any batch, from ceil(T / 4) tokens a clip."""
    pose, mask = batch(256, mates=2)
    out = reconstruct(variant, pose, mask)
    codes = compiled(variant, "encode")(pose, mask)
    np.testing.assert_array_equal(codes, out.codes)
    columns, size = code_layout.code_shape(tiny_config(variant))
    assert codes.shape == (3, 64, columns) and 0 <= codes.min() <= codes.max() < size
    decode = compiled(variant, "decode")
    tokens = mask[:, ::4]
    assert tokens.sum(1).tolist() == [64, 63, 10]
    np.testing.assert_allclose(decode(codes, tokens), out.pose, atol=2e-5)
    short = decode(codes[2:, :10], np.ones((1, 10), bool))
    np.testing.assert_allclose(short[0, :LENGTH], out.pose[2, :LENGTH], atol=2e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_last_frame_counts(variant):
    """The 37th frame has a token of its own, and frames after it have none."""
    latents = compiled(variant, "compute_latents")
    pose, mask = batch(40)
    moved = pose.copy()
    moved[0, LENGTH - 1] = clip()[0]
    for x, y in zip(*(jax.tree.leaves(latents(p, mask)) for p in (pose, moved)), strict=True):
        change = np.abs(x - y).max(axis=(0, 2))
        assert change[9] > 1e-3
        assert x.shape[1] == 10


def test_every_codec_sees_all_parts():
    latents = compiled("rvq", "compute_latents")
    pose, mask = batch(40)
    moved = pose.copy()
    moved[0, 20, skeleton.LEFT] += clip()[0, skeleton.LEFT]
    before, after = latents(pose, mask), latents(moved, mask)
    for part in ("arm", "hand"):
        for side in range(2):
            assert np.abs(before[part][side, 5] - after[part][side, 5]).max() > 1e-3, (part, side)


@pytest.mark.parametrize("variant", ("rvq", "fsq"))
def test_a_mirrored_clip_has_the_codes_of_the_other_side(variant):
    pose, mask = batch(40)
    out = reconstruct(variant, pose, mask)
    mirrored = reconstruct(variant, skeleton.mirror_pose(pose), mask)
    levels = tiny_config(variant).quantizer.levels
    ends = np.cumsum([0, levels.arm, levels.arm, levels.hand, levels.hand])
    arm_r, arm_l, hand_r, hand_l = (list(range(a, b)) for a, b in itertools.pairwise(ends))
    np.testing.assert_array_equal(mirrored.codes, out.codes[..., arm_l + arm_r + hand_l + hand_r])
    np.testing.assert_allclose(mirrored.pose, skeleton.mirror_pose(out.pose), atol=2e-5)
    assert not np.array_equal(mirrored.codes, out.codes)


class Through(nn.Module):
    """A quantizer that leaves latents as they are."""

    levels: int = 1

    def __call__(self, z, mask, train):
        return quantizers.Quantized(z, jnp.zeros((*z.shape[:2], 1), jnp.int32), 0.0)


@pytest.mark.parametrize("variant", ("whole", "fsq"))
def test_training_starts_at_principal_components(variant):
    """Without quantization the new model is the projection on the data's principal components."""
    c = tiny_config(variant)
    rng = np.random.default_rng(2)
    pose = np.stack([motion(rng, 8) for _ in range(60)])
    dims = {part: code_layout.latent_dim(c.quantizer, part) for part in body_parts.LAYOUTS[c.layout]}
    model = models.VQVAE(layout=c.layout, dims=dims, quantizer=lambda part: Through(), **c.model.size)
    mask = np.ones(pose.shape[:2], bool)
    params = jax.jit(model.init)(jax.random.key(0), pose[:1], mask[:1])["params"]
    start = linear_start.start_tokenizer(c, pose)
    params |= {name: params[name] | start[name] for name in start}
    out = jax.jit(model.apply)({"params": params}, pose, mask)
    expected = {}
    for part, x in body_parts.split_parts(pose, c.layout).items():
        tokens = np.asarray(x, np.float64).reshape(-1, 4 * x.shape[-1])
        centre = tokens.mean(0)
        _, _, basis = np.linalg.svd(tokens - centre, full_matrices=False)
        near = centre + (tokens - centre) @ basis[: dims[part]].T @ basis[: dims[part]]
        expected[part] = near.reshape(x.shape).astype(np.float32)
        if variant == "fsq":  # rounds in units
            latents = tokens @ np.asarray(start[f"codecs_{part}"]["linear_in"]["kernel"])
            np.testing.assert_allclose(latents.std(0), 1, rtol=1e-2)
    joined = body_parts.merge_parts(expected, c.layout)
    np.testing.assert_allclose(out.pose, joined, atol=2e-4)
    assert 0.05 < np.abs(joined - pose).mean() < np.abs(pose - pose.mean((0, 1))).mean()


@pytest.mark.parametrize("kind", ("fsq", "kl"))
def test_a_part_that_never_moves_starts_finite(kind):
    """Noise on its latents moves nothing; those of parts that move have unit variance."""
    c = tiny_config(kind)
    pose = np.stack([motion(np.random.default_rng(k), 8) for k in range(40)])
    pose[..., skeleton.BODY, :] = pose[0, 0, skeleton.BODY]
    start = linear_start.start_tokenizer(c, pose)
    for part, x in body_parts.split_parts(pose, c.layout).items():
        params, tokens = start[f"codecs_{part}"], np.asarray(x).reshape(-1, 4 * x.shape[-1])
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params))
        latents = tokens @ np.asarray(params["linear_in"]["kernel"]) + params["linear_in"]["bias"]
        if part == "arm":
            # Each side stays where it is; that the two differ is the only component.
            assert latents.reshape(2, -1, latents.shape[-1]).std(1).max() < 1e-3
            assert not np.any(params["linear_out"]["kernel"][1:])
        else:
            assert latents.std(0).max() > 0.9
