"""OpenPose's bodies of several models, by their number of points and by where those lie."""

import json

import format_files
import numpy as np
import pytest
from format_cases import POSE, VALID

from signjax.data.formats import openpose
from signjax.data.formats.base import UnreadableClip
from signjax.pose import skeleton

HANDS = ("hand_left_keypoints_2d", "hand_right_keypoints_2d")


def read(folder, change):
    """The clip of frames, after `change` of each person."""
    format_files.openpose(folder / "one", POSE, VALID)
    for file in (folder / "one").glob("*.json"):
        content = json.loads(file.read_text())
        content["people"] = [change(person) for person in content["people"][-1:]]
        file.write_text(json.dumps(content))
    [clip] = openpose.read_clips(folder)
    return clip


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return read(tmp_path_factory.mktemp("plain"), dict)


def put_eyes_first(person):
    """BODY_25B: eyes and ears around the nose, then shoulders, elbows, wrists, left before right, legs."""
    body = np.array(person["pose_keypoints_2d"]).reshape(-1, 3)
    eyes = body[[0] * 4] + [[8, -8, 0], [-8, -8, 0], [16, 0, 0], [-16, 0, 0]]
    legs = body[[1] * 14] + [0, 400, 0]
    body = np.concatenate([body[:1], eyes, body[[5, 2, 6, 3, 7, 4]], legs])
    return person | {"pose_keypoints_2d": body.ravel().tolist()}


def join_parts(person):
    """BODY_135: all in one list, hands without their roots."""
    person = put_eyes_first(person)
    hands = [value for key in HANDS for value in person.pop(key)[3:]]
    body = person["pose_keypoints_2d"] + hands + person.pop("face_keypoints_2d")
    return {"person_id": [-1], "pose_keypoints_2d": body}


def keep(count):
    return lambda person: person | {"pose_keypoints_2d": person["pose_keypoints_2d"][: 3 * count]}


def test_hands_and_face_of_body_135_are_read(tmp_path, plain):
    clip = read(tmp_path, join_parts)
    np.testing.assert_array_equal(clip.valid[:, 50:], plain.valid[:, 50:])
    joints = [k for k in range(50) if k not in (skeleton.R_HAND, skeleton.L_HAND)]
    np.testing.assert_array_equal(clip.valid[:, joints], plain.valid[:, joints])
    np.testing.assert_allclose(clip.points[:, joints], plain.points[:, joints], atol=1e-3)
    np.testing.assert_array_equal(clip.points[:, skeleton.R_HAND], clip.points[:, skeleton.R_WRIST])
    assert not clip.warnings


def test_where_eyes_lie_tells_the_order_of_25_points(tmp_path, plain):
    clip = read(tmp_path, put_eyes_first)
    np.testing.assert_array_equal(clip.valid, plain.valid)
    np.testing.assert_allclose(clip.points, plain.points, atol=1e-3)
    assert [warning.kind for warning in clip.warnings] == [openpose.BODY_25B]


@pytest.mark.parametrize("count", [8, 18, 25])
def test_bodies_that_agree_are_the_same_clip(tmp_path, plain, count):
    clip = read(tmp_path, keep(count))
    np.testing.assert_array_equal(clip.points, plain.points)
    assert not clip.warnings


def test_the_top_of_the_head_is_no_nose(tmp_path, plain):
    clip = read(tmp_path, keep(15))
    assert not clip.valid[:, skeleton.NOSE].any()
    np.testing.assert_array_equal(clip.points[:, 1:50], plain.points[:, 1:50])


def test_older_names_of_the_lists_are_read(tmp_path, plain):
    clip = read(tmp_path, lambda person: {key.removesuffix("_2d"): value for key, value in person.items()})
    np.testing.assert_array_equal(clip.points, plain.points)


@pytest.mark.parametrize("count,message", [(19, "has 19 points; known are bodies of 8"), (5, "15 numbers")])
def test_other_bodies_are_refused(tmp_path, count, message):
    clip = read(tmp_path, keep(count))
    assert isinstance(clip, UnreadableClip) and message in clip.reason


def test_a_clip_is_of_one_model(tmp_path):
    counts = iter([25, 15] * 12)
    clip = read(tmp_path, lambda person: keep(next(counts))(person))
    assert isinstance(clip, UnreadableClip) and "bodies of 15 and 25 points" in clip.reason
