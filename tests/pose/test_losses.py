"""Losses and errors: zero at equality, in units of the pose, blind to what is missing, safe to derive."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from signjax.metrics import reconstruction
from signjax.pose import losses, skeleton

pytestmark = pytest.mark.usefixtures("compile_quickly")
WEIGHTS = {"joints": 1.0, "body": 0.5, "hands": 2.0, "velocity": 0.25, "bones": 0.1}


@pytest.fixture
def poses():
    rng = np.random.default_rng(0)
    pose, target = rng.normal(size=(2, 2, 6, 50, 3)).astype(np.float32)
    return pose, target, np.ones((2, 6, 50), np.float32)


def both(pose, target, valid):
    """All terms of the loss, and the errors as means, by name."""
    errors = losses.reconstruction_errors(pose, target, valid, np.ones(2, np.float32))
    terms = losses.reconstruction_losses(pose, target, valid, WEIGHTS)
    return terms | {f"error {name}": total / count for name, (total, count) in errors.items()}


def test_zero_at_equality_only(poses):
    pose, target, valid = poses
    for name, value in both(target, target, valid).items():
        assert abs(value - ("pck" in name)) < 1e-5, name
    assert all(value > 0.1 for name, value in both(pose, target, valid).items() if "pck" not in name)


def test_units_are_those_of_the_pose(poses):
    pose, target, valid = poses
    one, two = both(pose, target, valid), both(2 * pose, 2 * target, valid)
    for name in (n for n in one if "pck" not in n):
        np.testing.assert_allclose(two[name], 2 * one[name], rtol=1e-5, err_msg=name)


def test_each_term_measures_what_it_says(poses):
    _, target, valid = poses

    def terms(pose):
        values = losses.reconstruction_losses(pose, target, valid, WEIGHTS)
        return {name: round(float(x), 4) for name, x in values.items()}

    none = dict.fromkeys(WEIGHTS, 0.0)
    shifted = terms(target + np.array([3, 4, 0], np.float32))
    assert shifted == none | {"joints": 5.0, "body": 5.0, "loss": 7.5}, "bones, speed, hands within: the same"
    hand = target.copy()
    hand[..., skeleton.RIGHT, :] += [0, 0, 1]
    assert terms(hand)["hands"] == 0.5 and terms(hand)["joints"] == 0.42 and terms(hand)["body"] == 0
    arm = target.copy()
    arm[..., [skeleton.R_WRIST, *range(8, 29)], :] += [0, 0, 1]
    assert terms(arm)["hands"] == 0 and terms(arm)["body"] == 0.125
    late = target.copy()
    late[:, 3:] += [0, 2, 0]
    assert terms(late)["velocity"] == 0.4 and terms(late)["joints"] == 1.0
    grown = losses.reconstruction_losses(1.5 * target, target, valid, WEIGHTS)
    np.testing.assert_allclose(grown["bones"], 0.5 * skeleton.bone_lengths(target).mean(), rtol=1e-5)


def test_the_loss_is_the_weighted_sum(poses):
    terms = losses.reconstruction_losses(*poses, WEIGHTS)
    np.testing.assert_allclose(
        terms["loss"], sum(weight * terms[name] for name, weight in WEIGHTS.items()), rtol=1e-6
    )


def test_missing_joints_do_not_count(poses):
    """Nor does a hand whose wrist is missing, a bone with a missing end, a step to a missing frame."""
    pose, target, valid = poses
    valid[0, 2, [skeleton.L_WRIST, 12]] = 0
    valid[1, 4:] = 0
    wild = np.where(valid[..., None] > 0, pose, 1e3).astype(np.float32)
    one, other = both(pose, target, valid), both(wild, target, valid)
    for name in one:
        assert float(one[name]).hex() == float(other[name]).hex(), name
    seen = both(pose, target, np.ones_like(valid))
    assert all(seen[name] != one[name] for name in one if "pck" not in name)
    nothing = losses.reconstruction_losses(pose, target, np.zeros_like(valid), WEIGHTS)
    assert all(value == 0 for value in nothing.values())


def test_errors_are_sums_over_frames_in_own_units(poses):
    pose, target, valid = poses
    valid[1, 3:] = 0
    scale = np.array([0.1, 0.3], np.float32)
    distance = np.linalg.norm(pose.astype(np.float64) - target, axis=-1) * scale[:, None, None]
    total, count = losses.reconstruction_errors(pose, target, valid, scale)["mpjpe"]
    np.testing.assert_allclose(total, (distance * valid).sum(), rtol=1e-5)
    assert count == 9 * 50


@pytest.mark.parametrize("size", [1e-3, 1.0, 500.0])
def test_keypoints_are_correct_by_the_shoulder_width(poses, size):
    """In metres, in canonical units and in pixels alike, and as in an evaluation."""
    _, target, valid = poses
    valid[1, 2, skeleton.R_SHOULDER] = 0
    width = np.linalg.norm(target[..., skeleton.R_SHOULDER, :] - target[..., skeleton.L_SHOULDER, :], axis=-1)
    pose = target + np.array([0, 1, 0], np.float32) * 0.015 * width[..., None, None]
    scale = np.full(len(pose), size, np.float32)
    errors = losses.reconstruction_errors(pose, target, valid, scale)
    shares = {name: s / c for name, (s, c) in errors.items() if name.startswith("pck")}
    assert shares == {"pck_01": 0, "pck_02": 1, "pck_05": 1}
    assert errors["pck_05"][1] == (valid.sum(-1) * (valid[..., skeleton.R_SHOULDER] > 0)).sum()
    for x, y, seen in zip(target * size, pose * size, valid > 0, strict=True):
        for share, value in ((0.01, 0), (0.02, 100)):
            values, weights = reconstruction.make_pck("body", share).compute(x, y, seen)
            assert (values == value).all()
            np.testing.assert_array_equal(weights.all(1), seen[:, skeleton.R_SHOULDER])


@pytest.mark.parametrize("start", ["target", "point"])
def test_gradients_are_finite(start, poses):
    """At equality, and where all joints fall on one point so that no bone has a direction."""
    _, target, valid = poses
    pose = jnp.asarray(target if start == "target" else np.zeros_like(target))
    grad = jax.grad(lambda p: losses.reconstruction_losses(p, target, valid, WEIGHTS)["loss"])(pose)
    assert np.isfinite(grad).all()
