"""The one clip type: what it checks, what it takes out of a clip and gives back."""

import dataclasses
import pickle

import numpy as np
import pytest

from signjax import demo
from signjax.errors import DataError
from signjax.pose import normalization, skeleton
from signjax.pose.clip import Clip, Tokens
from signjax.pose.normalization import CANONICAL, DEFAULT


def signer(joints=50):
    points = demo.synthesize_pose("hello", np.random.default_rng(0))[:9]
    return np.concatenate([points, points[:, :1].repeat(joints - 50, 1)], axis=1).astype(np.float32)


def test_defaults():
    clip = Clip(signer().astype(np.float64).tolist())
    assert clip.points.dtype == np.float32 and clip.valid.shape == (9, 50) and clip.valid.all()
    assert len(clip) == 9 and not clip.has_face and clip.without_face() is clip
    assert (clip.fps, clip.text, clip.tokens, clip.placement, clip.sid) == (None, "", None, None, "")
    assert len(Clip(np.zeros((0, 50, 3)))) == 0
    assert (
        repr(dataclasses.replace(clip, fps=25, text="hi")) == "Clip(9 frames at 25 fps, 50 joints, text='hi')"
    )
    assert repr(clip.add_warning("no hand", "here")) == "Clip(9 frames, 50 joints, warning: no hand)"


def test_arrays_are_not_copied():
    points, valid = signer(120), np.ones((9, 120), bool)
    clip = Clip(points, valid)
    assert clip.points is points and clip.valid is valid
    body = clip.without_face()
    assert body.points.shape == (9, 50, 3) and body.valid.shape == (9, 50)
    assert np.shares_memory(body.points, points) and np.shares_memory(body.valid, valid)


@pytest.mark.parametrize(
    "points, valid, message",
    [
        (signer()[:, :, :2], None, "points have shape"),
        (signer()[:, :49], None, "points have shape"),
        (signer()[0], None, "points have shape"),
        (signer(), np.ones((3, 50), bool), "valid has shape"),
        (signer(120), np.ones((9, 50), bool), "valid has shape"),
    ],
)
def test_wrong_shapes_get_one_line(points, valid, message):
    with pytest.raises(DataError, match=f"^clip one: {message}") as error:
        Clip(points, valid, sid="one")
    assert "\n" not in str(error.value)


def test_canonical_space_by_measure_and_by_placement():
    points, valid = signer(), np.ones((9, 50), bool)
    valid[3, skeleton.RIGHT] = False
    measured = Clip(points, valid)
    place = normalization.measure_placement(points, valid)
    expected = np.where(valid[..., None], normalization.to_canonical(points, place), np.float32(0))
    np.testing.assert_array_equal(measured.canonical(), expected)
    np.testing.assert_array_equal(Clip(points, valid, placement=place).canonical(), expected)
    other = normalization.Placement(np.float32([1, 2, 3]), np.float32(0.5))
    moved = Clip(points, placement=other).canonical()
    np.testing.assert_allclose(moved, (points - other.origin) / 0.5, rtol=1e-6)
    assert moved.dtype == np.float32


def test_a_canonical_clip_is_left_as_it_is():
    points = signer()
    points[0, 0, 0], valid = -0.0, np.ones((9, 50), bool)
    valid[1, 3] = False
    clip = Clip(points, valid, placement=CANONICAL)
    assert (
        clip.canonical() is points
        and pickle.loads(pickle.dumps(clip)).canonical().tobytes() == points.tobytes()
    )
    assert clip.move_to(CANONICAL).points is points


def test_moving_there_and_back():
    clip = Clip(signer(), text="hello", fps=25.0)
    there = clip.move_to()
    assert normalization.is_canonical(there.placement) and there.text == "hello" and there.fps == 25.0
    np.testing.assert_array_equal(there.points, clip.canonical())
    back = there.move_to(clip.find_placement())
    np.testing.assert_allclose(back.points, clip.points, atol=1e-6)
    placed = there.move_to(DEFAULT)
    np.testing.assert_array_equal(placed.points, normalization.from_canonical(there.points, DEFAULT))
    np.testing.assert_allclose(placed.canonical(), there.points, atol=1e-5)


def test_a_clip_without_a_body_has_no_place():
    for clip in (Clip(np.ones((4, 50, 3)), sid="one"), Clip(np.zeros((0, 50, 3)), sid="one")):
        with pytest.raises(DataError, match=r"^clip one: .*no place in canonical space"):
            clip.canonical()
    hidden = Clip(signer(), np.zeros((9, 50), bool))
    with pytest.raises(DataError, match="no frame shows the neck"):
        hidden.move_to()


def test_a_clip_keeps_what_it_was_decoded_from():
    tokens = Tokens(np.zeros((3, 2), int), 4, ("arm", "hand"))
    clip = Clip(signer(), tokens=tokens)
    assert clip.move_to().tokens is tokens and clip.without_face().tokens is tokens
