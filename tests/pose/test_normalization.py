"""Canonical space: what it takes out, and that it gives back."""

import jax.numpy as jnp
import numpy as np
import pytest

from signjax.pose import normalization, skeleton


def figure(rng, frames=20):
    """A moving skeleton [T, 50, 3] with the average proportions, neck at the origin."""
    directions = rng.normal(size=(frames, 50, 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    x = np.zeros((frames, 50, 3))
    for joint in skeleton.ORDER[1:]:
        x[:, joint] = x[:, skeleton.PARENTS[joint]] + directions[:, joint] * skeleton.LENGTHS[joint]
    return x.astype(np.float32)


@pytest.mark.parametrize("scale", [1e-3, 0.09, 1.0, 250.0])
@pytest.mark.parametrize("origin", [(0, 0, 0), (0.3, -0.2, 0.1), (5, 4, -3)])
def test_measure_finds_the_placement_and_restore_is_lossless(scale, origin):
    x = figure(np.random.default_rng(0))
    own = (x * scale + np.array(origin) * scale).astype(np.float32)
    place = normalization.measure_placement(own)
    assert np.isclose(place.scale, scale, rtol=1e-5)
    np.testing.assert_allclose(place.origin, np.array(origin) * scale, atol=1e-5 * scale)
    canonical = normalization.to_canonical(own, place)
    assert canonical.dtype == np.float32
    np.testing.assert_allclose(canonical, x, atol=1e-5)
    np.testing.assert_allclose(
        normalization.from_canonical(canonical, place), own, rtol=0, atol=1e-5 * max(scale, 1)
    )


def test_the_neck_moves_in_canonical_space():
    x = figure(np.random.default_rng(0))
    x += np.linspace(-1, 1, len(x), dtype=np.float32)[:, None, None]
    neck = normalization.to_canonical(x, normalization.measure_placement(x))[:, skeleton.NECK]
    assert np.allclose(np.median(neck, axis=0), 0, atol=1e-6) and np.ptp(neck) > 1.5


@pytest.mark.parametrize("array", [np.asarray, jnp.asarray])
def test_batches_of_placements_meet_batches_of_poses(array):
    rng = np.random.default_rng(0)
    x = np.stack([figure(rng) * 0.1 + 1, figure(rng) * 3 - 2]).astype(np.float32)
    places = [normalization.measure_placement(clip) for clip in x]
    both = normalization.Placement(*(array(np.stack(part)) for part in zip(*places, strict=True)))
    canonical = normalization.to_canonical(array(x), both)
    for row, (clip, place) in enumerate(zip(x, places, strict=True)):
        np.testing.assert_allclose(canonical[row], normalization.to_canonical(clip, place), atol=1e-6)
    np.testing.assert_allclose(normalization.from_canonical(canonical, both), x, atol=1e-5)


def test_one_placement_serves_any_number_of_axes():
    x = figure(np.random.default_rng(0))
    for shaped in (x[0], x, x[None], x[None, None]):
        assert normalization.to_canonical(shaped, normalization.DEFAULT).shape == shaped.shape
        np.testing.assert_allclose(
            normalization.from_canonical(
                normalization.to_canonical(shaped, normalization.DEFAULT), normalization.DEFAULT
            ),
            shaped,
            atol=1e-5,
        )


def test_missing_joints_do_not_change_the_size():
    x = figure(np.random.default_rng(0))
    valid = np.ones(x.shape[:2], bool)
    valid[:15, skeleton.RIGHT] = False
    valid[:, skeleton.LEFT] = False
    valid[3:7, skeleton.NECK] = False
    gaps = np.where(valid[..., None], x, 100).astype(np.float32)
    place = normalization.measure_placement(gaps, valid)
    assert np.isclose(place.scale, 1, rtol=1e-5)
    np.testing.assert_allclose(place.origin, 0, atol=1e-6)


def test_hands_collapsed_to_a_point_do_not_change_the_size():
    x = figure(np.random.default_rng(0))
    x[:, skeleton.RIGHT] = x[:, [skeleton.R_WRIST]]
    x[:, skeleton.LEFT] = x[:, [skeleton.L_WRIST]]
    assert np.isclose(normalization.measure_placement(x).scale, 1, rtol=1e-5)


@pytest.mark.parametrize(
    "valid, words", [(None, "one point"), (np.arange(50) != skeleton.NECK, "neck")], ids=["point", "no neck"]
)
def test_clips_without_size_or_place_are_refused(valid, words):
    valid = None if valid is None else np.tile(valid, (4, 1))
    with pytest.raises(ValueError, match=words):
        normalization.measure_placement(np.ones((4, 50, 3), np.float32), valid)
