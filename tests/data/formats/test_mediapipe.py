"""MediaPipe's JSON as its programs write it: lists of people, visibility that is not set, sides of hands."""

import copy
import json

import format_files
import numpy as np
import pytest
from format_cases import POSE, VALID

from signjax.data import plausibility
from signjax.data.formats import detect, frame_numbers, hand_results, hand_sides, mediapipe
from signjax.data.formats.base import UnreadableClip
from signjax.pose import skeleton

HANDS = ("right_hand_landmarks", "left_hand_landmarks")
CAMEL = {"pose_landmarks": "poseLandmarks", "face_landmarks": "faceLandmarks"}
CAMEL |= {"right_hand_landmarks": "rightHandLandmarks", "left_hand_landmarks": "leftHandLandmarks"}


def read(path, change, size=None):
    """The clip of a file of Holistic, after `change` of its content."""
    format_files.landmarks(path, POSE, VALID)
    content = json.loads(path.read_text())
    path.write_text(json.dumps(change(content) or content))
    [clip] = mediapipe.read_clips(path, size)
    return clip


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return read(tmp_path_factory.mktemp("plain") / "a.json", lambda content: None)


def each_frame(change):
    def change_all(content):
        content["frames"] = [change(frame) or frame for frame in content["frames"]]

    return change_all


def nest(frame):
    return {CAMEL[key]: [rows] if rows else [] for key, rows in frame.items()} | {"faceBlendshapes": []}


def nest_numbers(frame):
    return {key: [[[p["x"], p["y"], p["z"]] for p in rows]] if rows else [[]] for key, rows in frame.items()}


def unset_hands(value):
    def change(frame):
        for key in (*HANDS, "face_landmarks"):
            for point in frame[key]:
                point["visibility"] = value

    return change


@pytest.mark.parametrize("change", [
    each_frame(nest),
    each_frame(nest_numbers),
    each_frame(unset_hands(0.0)),
    each_frame(unset_hands(None)),
    each_frame(lambda frame: unset_hands(0)(frame) or nest(frame)),
    each_frame(lambda frame: {key: {"landmark": rows} for key, rows in frame.items()}),
    each_frame(lambda frame: {key: [{"landmarks": rows}] for key, rows in frame.items()}),
])  # fmt: skip
def test_what_the_tasks_api_writes_is_the_same_clip(tmp_path, plain, change):
    clip = read(tmp_path / "a.json", change)
    np.testing.assert_array_equal(clip.valid, plain.valid)
    np.testing.assert_array_equal(clip.points, plain.points)
    assert clip.valid[:, skeleton.RIGHT].all() and clip.has_face and not clip.warnings


def flatten(frame):
    def list_numbers(key, rows):
        names = ("x", "y", "z", "visibility") if key.startswith("pose") else ("x", "y", "z")
        return [point[name] for point in rows for name in names]

    return {key: list_numbers(key, rows) for key, rows in frame.items()}


@pytest.mark.parametrize("change", [
    flatten, lambda frame: frame | {"pose_landmarks": frame["pose_landmarks"][:25]},
])  # fmt: skip
def test_flat_lists_and_the_model_of_the_upper_body_are_read(tmp_path, plain, change):
    clip = read(tmp_path / "a.json", each_frame(change))
    np.testing.assert_array_equal(clip.points, plain.points)
    np.testing.assert_array_equal(clip.valid, plain.valid)


def test_a_list_of_frames_is_a_clip(tmp_path, plain):
    clip = read(tmp_path / "a.json", lambda content: content["frames"], format_files.SIZE)
    np.testing.assert_array_equal(clip.points, plain.points)


def test_visibility_counts_where_it_is_set(tmp_path):
    def change(content):
        content["frames"][2]["pose_landmarks"][14]["visibility"] = 0.0
        # Somebody's own confidence of a hand.
        content["frames"][5]["right_hand_landmarks"][8]["visibility"] = 0.01
        content["frames"][6]["right_hand_landmarks"][8] |= {"x": 0, "y": 0}
        content["frames"][7]["right_hand_landmarks"][8] |= {"x": None, "y": None}

    clip = read(tmp_path / "a.json", change)
    expected = VALID.copy()
    expected[2, skeleton.R_ELBOW] = expected[5:8, skeleton.R_HAND + 8] = False
    np.testing.assert_array_equal(clip.valid[:, :50], expected)


def test_a_pose_without_any_visibility_is_seen(tmp_path, plain):
    def change(frame):
        for point in frame["pose_landmarks"]:
            point["visibility"] = 0.0

    np.testing.assert_array_equal(read(tmp_path / "a.json", each_frame(change)).valid, plain.valid)


def test_hands_go_to_the_nearer_wrist(tmp_path, plain):
    def exchange(frame):
        return frame | {HANDS[0]: frame[HANDS[1]], HANDS[1]: frame[HANDS[0]]}

    clip = plausibility.inspect_clip(read(tmp_path / "a.json", each_frame(exchange)))
    np.testing.assert_array_equal(clip.points, plain.points)
    assert (hand_sides.CROSSED, "") in clip.warnings


def list_hands(frame, names=("Left", "Right"), key="hand_landmarks"):
    """As a HandLandmarker beside a PoseLandmarker: hands in any order, sides of a mirrored picture."""
    hands = [(frame.pop(side), name) for side, name in zip(HANDS, names, strict=True)]
    hands = [hand for hand in hands if hand[0]][::-1]
    return frame | {
        key: [points for points, _ in hands],
        "handedness": [[{"score": 0.9, "category_name": name}] for _, name in hands],
    }


def name_in_camel_case(frame):
    frame = list_hands(frame, key="landmarks")
    names = [guesses[0]["category_name"] for guesses in frame.pop("handedness")]
    frame["handednesses"] = [[{"categoryName": name}] for name in names]
    return frame | {"poseLandmarks": [frame.pop("pose_landmarks")]}


def name_as_solution(frame):
    frame = list_hands(frame, key="multi_hand_landmarks")
    labels = [guesses[0]["category_name"] for guesses in frame.pop("handedness")]
    frame["multi_hand_landmarks"] = [{"landmark": points} for points in frame["multi_hand_landmarks"]]
    return frame | {"multi_handedness": [{"classification": [{"label": label}]} for label in labels]}


@pytest.mark.parametrize("change", [
    list_hands, name_in_camel_case, name_as_solution, lambda frame: list_hands(frame, ("Left", "Left")),
])  # fmt: skip
def test_listed_hands_go_to_the_nearer_wrist(tmp_path, plain, change):
    clip = read(tmp_path / "a.json", each_frame(change))
    np.testing.assert_array_equal(clip.valid, plain.valid)
    np.testing.assert_array_equal(clip.points, plain.points)
    assert {kind for kind, _ in clip.warnings} <= {hand_results.MIRRORED}


def test_sides_of_a_mirrored_picture_are_told(tmp_path):
    clip = read(tmp_path / "a.json", each_frame(list_hands))
    assert [kind for kind, _ in clip.warnings] == [hand_results.MIRRORED]
    clip = read(tmp_path / "b.json", each_frame(lambda frame: list_hands(frame, ("Right", "Left"))))
    assert not clip.warnings


def test_listed_hands_without_a_pose_go_by_their_side(tmp_path, plain):
    def hide_poses(content):
        content["frames"] = [list_hands(frame) for frame in content["frames"]]
        for t in (2, 3):
            content["frames"][t]["pose_landmarks"] = []
        content["frames"][3]["handedness"] = []

    clip = read(tmp_path / "a.json", hide_poses)
    np.testing.assert_array_equal(clip.points[2, 8:50], plain.points[2, 8:50])
    assert not clip.valid[2, :8].any() and not clip.valid[3, :50].any()
    assert [kind for kind, _ in clip.warnings] == [hand_results.MIRRORED, hand_results.UNPLACED]


def test_hands_alone_cannot_be_used(tmp_path):
    def leave_hands(frame):
        frame = list_hands(frame)
        return {key: frame[key] for key in ("hand_landmarks", "handedness")}

    message = read(tmp_path / "a.json", each_frame(leave_hands))
    assert isinstance(message, UnreadableClip) and "has hands only, no shoulders" in message.reason
    assert detect.detect_format(tmp_path) is detect.MEDIAPIPE


def test_the_result_of_a_pose_model_is_read(tmp_path, plain):
    clip = read(tmp_path / "a.json", each_frame(lambda frame: {"landmarks": [frame["pose_landmarks"]]}))
    np.testing.assert_array_equal(clip.points[:, :8], plain.points[:, :8])
    assert not clip.valid[:, 8:].any()


def test_one_person_is_followed(tmp_path, plain):
    """A passer-by, smaller and far away, is listed first in some frames."""

    def change(content):
        frames = [nest(frame) for frame in content["frames"]]
        for t, frame in enumerate(frames):
            other = copy.deepcopy(frame)
            for rows in (row for part in other.values() for row in part):
                for point in rows:
                    point |= {"x": 0.05 + 0.2 * point["x"], "y": 0.2 * point["y"]}
            for key in frame:
                frame[key] = (other[key] + frame[key]) if t % 3 else (frame[key] + other[key])
        content["frames"] = frames

    clip = read(tmp_path / "a.json", change)
    seen = plain.valid & clip.valid
    np.testing.assert_array_equal(clip.points[seen], plain.points[seen])
    np.testing.assert_array_equal(clip.valid[:, : skeleton.L_HAND], plain.valid[:, : skeleton.L_HAND])
    assert any("several people" in kind for kind, _ in clip.warnings)


def test_a_field_that_is_not_read_is_named(tmp_path):
    clip = read(
        tmp_path / "a.json", each_frame(lambda frame: frame | {"hand_tips": [1], "poseWorldLandmarks": [1]})
    )
    assert [kind for kind, _ in clip.warnings] == ["the field 'hand_tips' of its frames is not read"]


@pytest.mark.parametrize("frame, message", [
    ({"poseLandmarks": [[{"x": 0, "y": 0}]]}, "frame 0: pose_landmarks is 1 landmarks, not 33"),
    ({"poseLandmarks": [[[1]] * 33]}, "frame 0: pose_landmarks 0 is no landmark"),
    ({"poseLandmarks": [3]}, "frame 0: pose_landmarks is 1 landmarks"),
])  # fmt: skip
def test_what_is_no_person_is_named(tmp_path, frame, message):
    (tmp_path / "a.json").write_text(json.dumps({"frames": [frame]}))
    [item] = mediapipe.read_clips(tmp_path / "a.json")
    assert isinstance(item, UnreadableClip) and message in item.reason


@pytest.mark.parametrize("change", [lambda frame: frame, nest])
def test_a_file_for_each_frame(tmp_path, plain, change):
    format_files.landmarks(tmp_path / "a.json", POSE, VALID)
    frames = json.loads((tmp_path / "a.json").read_text())["frames"]
    (tmp_path / "in/clip").mkdir(parents=True)
    for t, frame in enumerate(frames):
        if t != 5:
            (tmp_path / f"in/clip/frame_{t}.json").write_text(json.dumps(change(frame)))
    (tmp_path / "in/clip/text.txt").write_text("hello")
    [clip] = detect.detect_format(tmp_path / "in").read_clips(tmp_path / "in", size=format_files.SIZE)
    assert (clip.sid, clip.text, len(clip)) == ("clip", "hello", len(plain)) and not clip.valid[5].any()
    kept = [t for t in range(len(plain)) if t != 5]
    np.testing.assert_array_equal(clip.points[kept], plain.points[kept])
    assert any(kind == frame_numbers.GAPS for kind, _ in clip.warnings)


def test_a_broken_frame_is_named(tmp_path):
    for t in range(3):
        (tmp_path / f"{t}.json").write_text(json.dumps({"poseLandmarks": [], "faceLandmarks": []}))
    (tmp_path / "1.json").write_text("{")
    [item] = mediapipe.read_clips(tmp_path)
    assert isinstance(item, UnreadableClip) and "1.json: is not valid JSON" in item.reason
