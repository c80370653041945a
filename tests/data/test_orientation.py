"""Signers who lie on their side or stand on their head are turned upright, and the user is told."""

import format_files
import numpy as np
import pytest

from signjax.data import orientation
from signjax.pose import skeleton
from signjax.pose.clip import Clip

POSE, VALID = format_files.motion(), format_files.validity()
CLIP = Clip(np.where(VALID[..., None], POSE * [100, 100, 0] + [640, 300, 0], 0), VALID)


def change(x, y):
    """The clip with other axes."""
    points = np.stack([x, y, CLIP.points[..., 2]], -1)
    return Clip(np.where(VALID[..., None], points, 0), VALID)


def relative(clip):
    return (clip.points - np.median(clip.points[:, skeleton.NECK], 0)) * VALID[..., None]


X, Y = CLIP.points[..., 0], CLIP.points[..., 1]


@pytest.mark.parametrize("clip, kinds", [
    (CLIP, ()),
    (change(720 - Y, X), (orientation.TURNED,)),
    (change(Y, 1280 - X), (orientation.TURNED,)),
    (change(1280 - X, 720 - Y), (orientation.TURNED,)),
    (change(X, -Y), (orientation.Y_WAS_UP,)),
])  # fmt: skip
def test_a_signer_in_any_direction_stands_upright(clip, kinds):
    turned = orientation.turn_upright(clip)
    np.testing.assert_allclose(relative(turned), relative(CLIP), atol=0.01)
    assert not turned.points[~VALID].any() and tuple(w.kind for w in turned.warnings) == kinds
    assert (turned is clip) == (not kinds)


def test_a_signer_without_a_head_is_turned_by_the_arms():
    valid = VALID.copy()
    valid[:, skeleton.NOSE] = False
    clip = orientation.turn_upright(Clip(change(720 - Y, X).points, valid))
    np.testing.assert_allclose(relative(clip)[:, 1:], relative(CLIP)[:, 1:], atol=0.01)
    nothing = Clip(CLIP.points, np.zeros_like(VALID))
    assert orientation.turn_upright(nothing) is nothing


def test_mirrored_points_are_named_and_left_alone():
    mirrored = orientation.turn_upright(change(1280 - X, Y))
    assert [w.kind for w in mirrored.warnings] == [orientation.MIRRORED]
    np.testing.assert_array_equal(mirrored.points, change(1280 - X, Y).points)


@pytest.mark.parametrize("sign", [1, -1])
def test_heights_in_z_become_y(sign):
    clip = Clip(POSE, VALID)
    points = np.stack([POSE[..., 0], sign * POSE[..., 2], -sign * POSE[..., 1]], -1)
    turned = orientation.turn_upright(Clip(points, VALID))
    np.testing.assert_allclose(relative(turned), relative(clip), atol=1e-5)
    assert [w.kind for w in turned.warnings] == [orientation.Z_WAS_UP]
    assert orientation.turn_upright(clip) is clip


def test_who_leans_is_left_alone():
    turn = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
    points = CLIP.points.copy()
    points[..., :2] = points[..., :2] @ turn.T
    clip = orientation.turn_upright(Clip(points, VALID))
    np.testing.assert_array_equal(clip.points, points)
    assert [w.kind for w in clip.warnings] == [orientation.LEANS]
