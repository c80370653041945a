"""Clips that cannot be a signer's are named; what healthy clips do is not."""

import format_files
import numpy as np
import pytest
from format_cases import FORMATS

from signjax.data import import_warnings, plausibility
from signjax.data.formats import base, hand_sides
from signjax.data.import_poses import import_poses
from signjax.data.import_report import describe_clip
from signjax.pose import skeleton
from signjax.pose.clip import Clip

POSE, VALID = format_files.motion(frames=30), np.ones((30, 50), bool)
FLAT = POSE * [1, 1, 0]


def move(points, frames, joints, by):
    points = points.copy()
    points[frames, joints] += by
    return points


def stretch(points, factor, frames=slice(None)):
    """The right forearm made longer, with the hand that hangs on it."""
    points = points.copy()
    by = (factor - 1) * (points[frames, skeleton.R_WRIST] - points[frames, skeleton.R_ELBOW])
    points[frames, skeleton.R_WRIST] += by
    points[frames, skeleton.RIGHT] += by[:, None]
    return points


def hide(part):
    valid = VALID.copy()
    valid[:, part] = False
    return valid


@pytest.mark.parametrize("points, valid, kinds", [
    (POSE, VALID, ()),
    (FLAT, VALID, ()),
    (FLAT, hide(skeleton.LEFT), ()),
    (FLAT[:1], VALID[:1], ("clips are one frame long",)),
    (FLAT, hide(slice(8, 50)), ("no hand is seen in any frame",)),
    (move(FLAT, slice(None), skeleton.RIGHT, [-2, 0, 0]), VALID, (plausibility.FAR_HANDS,)),
    (FLAT[:, [*range(8), *range(29, 50), *range(8, 29)]], VALID, ()),  # exchanged hands are another question
    (move(FLAT, slice(15, None), slice(None), [2, 0, 0]), VALID, (plausibility.JUMPS,)),
    (move(FLAT, slice(15, 16), skeleton.NOSE, [2, 0, 0]), VALID, ()),  # one bad detection is no jump
    (stretch(FLAT, 5), VALID, (plausibility.LONG_BONES,)),
    (stretch(FLAT, 0.4, slice(10, 20)), VALID, ()),  # foreshortened
    (FLAT * np.where(np.arange(30) % 2, 1, 1.6)[:, None, None], VALID, (plausibility.FLICKER,)),
    (FLAT * np.linspace(1, 3, 30)[:, None, None], VALID, (plausibility.ZOOM,)),
    (stretch(POSE, 4, slice(10, 20)), VALID, (plausibility.LONG_BONES, plausibility.BONES_3D)),
    (FLAT[:1].repeat(30, 0), VALID, (plausibility.STILL,)),
    (FLAT[:15].repeat(2, 0), VALID, (plausibility.REPEATED,)),  # 25 frames a second written as 50
    (FLAT[[*range(20), *range(10)]], VALID, ()),  # a pause, and the same once more
])  # fmt: skip
def test_what_looks_wrong_is_named(points, valid, kinds):
    # In pixels: measures are relative to the body.
    clip = Clip(points * 300 + [640, 300, 0], valid)
    assert tuple(warning.kind for warning in plausibility.check_clip(clip)) == kinds


@pytest.mark.parametrize("place", [[-1, -1, 0], [640, 360, 0], "wrist"])
def test_hands_at_one_place_are_not_seen(place):
    points = FLAT * 300 + [640, 300, 0]
    wrist = points[5:12, [skeleton.L_WRIST]]
    points[5:12, skeleton.LEFT] = wrist if place == "wrist" else place
    clip = plausibility.inspect_clip(Clip(points, VALID))
    expected = VALID.copy()
    expected[5:12, skeleton.LEFT] = False
    np.testing.assert_array_equal(clip.valid, expected)
    assert (
        clip.warnings == ((plausibility.COLLAPSED, "7 of 30 frames"),) and not clip.points[~clip.valid].any()
    )


def test_points_at_minus_one_are_not_seen():
    points = np.full((4, 60, 3), 5.0)
    points[1, 3, :2], points[2, 4, 0] = -1, -1
    joint_map = base.JointMap(tuple((k,) for k in range(8)), 8, 29)
    valid = base.select_joints(points, np.ones((4, 60), bool), joint_map)[1]
    assert not valid[1, 3] and valid.sum() == 4 * 50 - 1


def test_a_clip_that_shows_nothing_has_no_measures():
    clip = plausibility.inspect_clip(Clip(FLAT, np.zeros_like(VALID)))
    assert [warning.kind for warning in clip.warnings] == ["no hand is seen in any frame"]
    assert plausibility.is_left_leading(clip) is None


def test_hands_are_put_to_their_arms():
    order = [*range(8), *range(29, 50), *range(8, 29)]
    clip = plausibility.inspect_clip(Clip(FLAT[:, order], hide(skeleton.LEFT)[:, order]))
    np.testing.assert_array_equal(clip.points, np.float32(FLAT))
    np.testing.assert_array_equal(clip.valid, hide(skeleton.LEFT))
    assert [warning.kind for warning in clip.warnings] == [hand_sides.CROSSED]


@pytest.mark.parametrize("name", FORMATS)
def test_healthy_clips_of_all_formats_raise_no_warning(tmp_path, name):
    FORMATS[name][0](tmp_path / "theirs")
    (tmp_path / "theirs/index.tsv").write_text("clip\ttext\none\thello\nclip-0\thello\n")
    report = import_poses(tmp_path / "theirs", str(tmp_path), "mine")
    lines = [warning for warning in report["warnings"] if "rows without a clip" not in warning]
    # In one a second person comes and goes; in the other all points of the face lie around the nose.
    told = {"pose-0.0": ["several people"], "slrtp": ["order of the face's 128 points"]}.get(name, [])
    assert len(lines) == len(told) and all(words in line for words, line in zip(told, lines, strict=True))


def test_most_clips_with_a_leading_left_hand_and_unseen_parts_are_told():
    lively = move(FLAT, slice(None), skeleton.L_WRIST, np.sin(np.arange(30))[:, None])
    clip = describe_clip(Clip(lively), "a")
    report = {"seen": {"body": 1.0, "right hand": 0.0, "left hand": 0.001}}
    lines = import_warnings.warn_of_clips(report, [clip] * 20)
    assert lines[0] == "right hand: not seen in any frame of any clip"
    assert "20 of 20 clips" in lines[1] and len(lines) == 2
    assert len(import_warnings.warn_of_clips(report, [clip] * 19)) == 1
