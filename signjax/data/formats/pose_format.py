"""Folders of .pose files (pose-format): OpenPose's components and MediaPipe Holistic's, full or reduced.

The depth that MediaPipe gives is left out: in its files it is a share of the picture's width beside pixels,
counted from the hips for the body and from the wrist for a hand, and wrists come out metres from the body.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from signjax.data.formats import base, file_names, mediapipe, pose_file
from signjax.data.formats.base import JointMap, UnreadableClip
from signjax.io import safe_read
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip

MOST = 1 << 28  # bytes of a file: twenty minutes of MediaPipe Holistic with all of the face
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
    return base.read_each(
        ((str(file), (path, file)) for file in file_names.list_files(path, ".pose")), _read_clip
    )


def _read_clip(item: tuple[Path, Path]) -> Clip:
    root, path = item
    file = pose_file.parse_pose_file(safe_read.read_bytes(path, MOST))
    if not file.points.size:
        raise InvalidFileError("has no frames with people")
    person = int(np.nansum(file.confidence, axis=(0, 2), dtype=np.float64).argmax())
    points, seen = file.points[:, person], file.confidence[:, person] > base.MIN_CONFIDENCE
    flat = points.shape[-1] < 3 or any("LANDMARKS" in c.name for c in file.components)
    points = np.pad(points[..., :2], [(0, 0), (0, 0), (0, 1)]) if flat else points[..., :3]
    return Clip(
        *base.select_joints(points, seen, map_joints(file.components)),
        fps=file.fps if 0 < file.fps < 1000 else None,
        text=file_names.read_text_beside(path),
        sid=file_names.parse_sid(path),
        split=file_names.find_split(root, path),
    )


def map_joints(components: tuple[pose_file.Component, ...]) -> JointMap:
    """Where the joints are in the points of all components, one after the other.

    Raises:
      InvalidFileError: there are no shoulders.
    """
    body, hands, face, first = {}, {}, (), 0
    for component in components:
        kind, count = component.name.upper(), len(component.points)
        if "WORLD" in kind:
            pass
        elif "HAND" in kind and count == 21:
            hands["RIGHT" in kind] = first
        elif "FACE" in kind:
            face = _map_face(component.points, first)
            everything = tuple(range(first, first + count))
            body.setdefault("nose", everything if "LANDMARKS" in kind else everything[27:36])
        else:
            known = {
                re.sub("[^a-z]", "", name.lower()): (first + k,) for k, name in enumerate(component.points)
            }
            body |= known
        first += count
    found = [next((body[name] for name in joint if name in body), ()) for joint in BODY]
    if not (found[2] and found[5]):
        named = ", ".join(component.name for component in components)
        raise InvalidFileError(
            f"has no shoulders, only {named[:80]}; signjax needs the upper body and the hands"
        )
    found[1] = found[1] or found[2] + found[5]
    return JointMap(tuple(found), hands.get(True), hands.get(False), face)


def _map_face(points: tuple[str, ...], first: int) -> tuple[int, ...]:
    """The 70 points in OpenPose's face, COCO's of 68 or MediaPipe's, whose points are named by number."""
    if len(points) in (68, 70):
        return tuple(first + k if k < len(points) else -1 for k in range(base.FACE_POINTS))
    at = {name: first + k for k, name in enumerate(points)}
    return tuple(at.get(str(number), -1) for number in mediapipe.FACE)
