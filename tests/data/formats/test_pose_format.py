""".pose files whose points have other places and names than usual: nothing in them is lost without a word."""

import format_files
import numpy as np
import pytest
from format_cases import POSE, VALID

from signjax.data.formats import point_names, pose_file, pose_format
from signjax.pose import skeleton
from signjax.pose.clip import Clip

FINGERS = ("Thumb", "Index", "Middle", "Ring", "Pinky")
BODY = [
    "Nose",
    "LEye",
    "REye",
    "LShoulder",
    "RShoulder",
    "LElbow",
    "RElbow",
    "LWrist",
    "RWrist",
    "LHip",
    "RHip",
]
JOINTS = [0, 0, 0, 5, 2, 6, 3, 7, 4, 1, 1]
OPENPOSE = {"Thumb": ("1CMC", "2Knuckles", "3IP", "4FingerTip")}
OPENPOSE_ENDS = ("1Knuckles", "2PIP", "3DIP", "4FingerTip")
FACE = [f"FaceContour{k}" for k in range(17)] + [f"Face{k}" for k in range(53)]


def openpose_names(side):
    return [f"{side}{f}{end}" for f in FINGERS for end in OPENPOSE.get(f, OPENPOSE_ENDS)]


def mediapipe_names(side):
    ends = {"Thumb": ("CMC", "MCP", "IP", "TIP")}
    return [f"{side}{f.upper()}_{end}" for f in FINGERS for end in ends.get(f, ("MCP", "PIP", "DIP", "TIP"))]


def coco_names(side):
    fingers = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
    return [f"{side}_{finger}{k}" for finger in fingers for k in (1, 2, 3, 4)]


RIGHT, LEFT = list(range(9, 29)), list(range(30, 50))  # the hands' joints without their roots


def read(path, components):
    """The clip of a file with components (name, names of points, joints); faces are joints from 50 on."""
    points = np.concatenate([format_files.pixels(POSE), format_files.face_of(POSE)], 1)
    valid = np.concatenate([VALID, np.ones((len(POSE), 70), bool)], 1)
    joints = [joint for _, _, of in components for joint in of]
    listed = tuple(pose_file.Component(name, "XYC", tuple(names)) for name, names, _ in components)
    confidence = 0.9 * valid[:, None, joints]
    file = pose_file.PoseFile((1280, 720, 0), listed, 25.0, points[:, None, joints], confidence)
    path.write_bytes(pose_file.format_pose_file(file))
    [clip] = pose_format.read_clips(path)
    assert isinstance(clip, Clip)
    return clip


def assert_hands(clip, roots=True):
    """Both hands are those of the motion, their roots in the wrists unless `roots`."""
    expected, seen = np.append(format_files.pixels(POSE), np.zeros((*POSE.shape[:2], 1)), -1), VALID.copy()
    if not roots:
        for part, wrist in skeleton.HANDS:
            expected[:, part.start], seen[:, part.start] = expected[:, wrist], True
    np.testing.assert_array_equal(clip.valid[:, 8:50], seen[:, 8:])
    hands = np.where(seen[:, 8:, None], expected[:, 8:], 0)
    np.testing.assert_allclose(clip.points[:, 8:50], hands, atol=1e-3)


def test_one_component_of_body_hands_and_face(tmp_path):
    names = BODY + openpose_names("L") + openpose_names("R") + FACE
    clip = read(tmp_path / "a.pose", [("BODY_135", names, JOINTS + LEFT + RIGHT + list(range(50, 120)))])
    assert_hands(clip, roots=False)
    assert clip.has_face and clip.valid[:, 50:].all() and not clip.warnings
    np.testing.assert_allclose(clip.points[:, 50:, :2], format_files.face_of(POSE), atol=1e-3)


@pytest.mark.parametrize("hands", [
    [("HAND_RIGHT", openpose_names(""), RIGHT), ("HAND_LEFT", openpose_names(""), LEFT)],
    [("HANDS", openpose_names("L") + openpose_names("R"), LEFT + RIGHT)],
    [("HANDS_42", [*coco_names("left"), *coco_names("right")], LEFT + RIGHT)],
    [("LEFT_HAND", mediapipe_names("")[::-1], LEFT[::-1]), ("rhand", mediapipe_names("RIGHT_"), RIGHT)],
    [("COCO_WHOLEBODY", [*coco_names("left"), *coco_names("right")], LEFT + RIGHT)],
])  # fmt: skip
def test_hands_without_roots(tmp_path, hands):
    clip = read(tmp_path / "a.pose", [("BODY", BODY, JOINTS), *hands])
    assert_hands(clip, roots=False)
    assert not clip.warnings


@pytest.mark.parametrize("hands", [
    [("HANDS", ["LEFT_WRIST", *mediapipe_names("LEFT_"), "RIGHT_WRIST", *mediapipe_names("RIGHT_")],
      [29, *LEFT, 8, *RIGHT])],
    [("COCO", ["left_hand_root", *coco_names("left"), "right_hand_root", *coco_names("right")],
      [29, *LEFT, 8, *RIGHT])],
    [("RIGHT_HAND_LANDMARKS", [*mediapipe_names(""), "WRIST"], [*RIGHT, 8]),
     ("LEFT_HAND_LANDMARKS", ["WRIST", *mediapipe_names("")], [29, *LEFT])],
])  # fmt: skip
def test_hands_with_roots(tmp_path, hands):
    clip = read(tmp_path / "a.pose", [("BODY", BODY, JOINTS), *hands])
    assert_hands(clip)
    assert not clip.warnings


@pytest.mark.parametrize("component, message", [
    (("LEFT_HAND", [f"p{k}" for k in range(20)], LEFT), "'LEFT_HAND' is not understood: its 20 points"),
    (("HAND", [f"p{k}" for k in range(21)], [29, *LEFT]), "'HAND' is not understood: its 21 points"),
    (("HANDS", mediapipe_names(""), LEFT), "'HANDS' is not understood"),
    (("TAIL", ["tip", "end"], [1, 1]), "'TAIL' is not understood: its 2 points"),
    (("FACE", [f"point {k}" for k in range(128)], [50] * 128), "'FACE' is not understood: its 128 points"),
    (("BODY_2", ["Nose", *[f"thumb, {k} of 4" for k in range(8)]], [0] * 9), "points of hands in 'BODY_2'"),
])  # fmt: skip
def test_what_is_not_understood_is_named(tmp_path, component, message):
    clip = read(tmp_path / "a.pose", [("BODY", BODY, JOINTS), component])
    [warning] = clip.warnings
    assert message in warning.kind


def test_the_fingers_of_a_body_are_no_hands(tmp_path):
    """MediaPipe's body has a point of three fingers; its world is the same again."""
    names = [*BODY, "LEFT_PINKY", "RIGHT_PINKY", "LEFT_INDEX", "RIGHT_INDEX", "LEFT_THUMB", "RIGHT_THUMB"]
    world = ("POSE_WORLD_LANDMARKS", names, JOINTS + [7, 4] * 3)
    clip = read(tmp_path / "a.pose", [("POSE_LANDMARKS", names, JOINTS + [7, 4] * 3), world])
    assert not clip.valid[:, 8:].any() and not clip.warnings


@pytest.mark.parametrize("name, side, joint", [
    ("LThumb1CMC", "left", 1), ("RPinky4FingerTip", "right", 20), ("RRing2PIP", "right", 14),
    ("ring_4", None, 16), ("RIGHT_INDEX_FINGER_MCP", "right", 5), ("LEFT_WRIST", "left", 0),
    ("left_forefinger3", "left", 7),
])  # fmt: skip
def test_names_of_hand_points(name, side, joint):
    assert point_names.parse_hand_point(name) == (side, joint)


@pytest.mark.parametrize("name", ["RIGHT_INDEX", "Nose", "LElbow", "ring", "index0", "thumb5", "spring1"])
def test_names_of_other_points(name):
    assert point_names.parse_hand_point(name) is None
