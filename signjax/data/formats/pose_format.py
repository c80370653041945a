"""Folders of .pose files (pose-format): OpenPose's components and MediaPipe Holistic's, full or reduced.

The depth that MediaPipe gives is left out: in its files it is a share of the picture's width beside pixels,
counted from the hips for the body and from the wrist for a hand, and wrists come out metres from the body.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from signjax.data.formats import base, landmarks, pose_file, signer
from signjax.data.formats.base import JointMap, UnreadableClip
from signjax.io import safe_read
from signjax.io.safe_read import InvalidFileError
from signjax.pose import skeleton
from signjax.pose.clip import Clip

MAX_BYTES = 1 << 28  # of a file: twenty minutes of MediaPipe Holistic with all of the face
# Body joints in the order of the skeleton, by their names in lower-case letters.
BODY = (
    ("nose",),
    ("neck",),
    ("rightshoulder", "rshoulder"),
    ("rightelbow", "relbow"),
    ("rightwrist", "rwrist"),
    ("leftshoulder", "lshoulder"),
    ("leftelbow", "lelbow"),
    ("leftwrist", "lwrist"),
)


def read_clips(path: Path) -> Iterator[Clip | UnreadableClip]:
    """The clips of all .pose files in a folder and those below, or of one file."""
    return base.read_files(path, ".pose", _read_clip)


def _read_clip(path: Path) -> Clip:
    file = pose_file.parse_pose_file(safe_read.read_bytes(path, MAX_BYTES))
    if not file.points.size:
        raise InvalidFileError("has no frames with people")
    joint_map = map_joints(file.components)
    points, confidence, warnings = _choose_person(file, joint_map)
    seen = confidence > base.MIN_CONFIDENCE
    # MediaPipe's depth is of no use, see above; others' is kept.
    flat = points.shape[-1] < 3 or any("LANDMARKS" in component.name for component in file.components)
    points = np.pad(points[..., :2], [(0, 0), (0, 0), (0, 1)]) if flat else points[..., :3]
    fps = file.fps if 0 < file.fps < 1000 else None
    return Clip(*base.select_joints(points, seen, joint_map), fps=fps, warnings=warnings)


def _choose_person(file: pose_file.PoseFile, joint_map: JointMap) -> tuple:
    """Points [T, N, D] and confidence [T, N] of the signer, and what to tell of the choice."""
    if file.points.shape[1] == 1:
        return file.points[:, 0], file.confidence[:, 0], ()
    # Programs list people in the order of each frame, which may change from one to the next.
    people = np.concatenate([file.points[..., :2], file.confidence[..., None]], -1)
    chosen, warnings = signer.choose_signer(list(people), joint_map)
    frames = np.arange(len(chosen))
    confidence = np.where(chosen[:, None] >= 0, file.confidence[frames, chosen], 0)
    return file.points[frames, chosen], confidence, warnings


def map_joints(components: tuple[pose_file.Component, ...]) -> JointMap:
    """Where the joints are in the points of all components, one after the other.

    Raises:
      InvalidFileError: there are no shoulders.
    """
    body, hands, face, first = {}, {}, (), 0
    for component in components:
        kind, count = component.name.upper(), len(component.points)
        if "WORLD" in kind:
            # The same points once more, in metres from the hips.
            pass
        elif "HAND" in kind and count == base.HAND_POINTS:
            hands["RIGHT" in kind] = first
        elif "FACE" in kind:
            face = _map_face(component.points, first)
            numbers = tuple(range(first, first + count))
            # A body without a nose gets the middle of the face mesh, or of the face's own nose.
            body.setdefault("nose", numbers if "LANDMARKS" in kind else numbers[27:36])
        else:
            # RIGHT_SHOULDER, RShoulder and right shoulder are one.
            names = (re.sub("[^a-z]", "", name.lower()) for name in component.points)
            body |= {name: (first + k,) for k, name in enumerate(names)}
        first += count
    joints = [next((body[name] for name in names if name in body), ()) for names in BODY]
    right, left = joints[skeleton.R_SHOULDER], joints[skeleton.L_SHOULDER]
    if not (right and left):
        listed = ", ".join(component.name for component in components)[:80]
        raise InvalidFileError(f"has no shoulders, only {listed}; signjax needs the upper body and the hands")
    # A format without a neck has it in the middle of the shoulders.
    joints[skeleton.NECK] = joints[skeleton.NECK] or right + left
    return JointMap(tuple(joints), hands.get(True), hands.get(False), face)


def _map_face(points: tuple[str, ...], first: int) -> tuple[int, ...]:
    """The 70 points in OpenPose's face, COCO's of 68 or MediaPipe's, whose points are named by number."""
    if len(points) in (68, base.FACE_POINTS):
        return tuple(first + k if k < len(points) else -1 for k in range(base.FACE_POINTS))
    numbers = {name: first + k for k, name in enumerate(points)}
    return tuple(numbers.get(str(number), -1) for number in landmarks.FACE)
