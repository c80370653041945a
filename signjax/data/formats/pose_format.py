"""Folders of .pose files (pose-format): OpenPose's components and MediaPipe Holistic's, full or reduced.

The depth that MediaPipe gives is left out: in its files it is a share of the picture's width beside pixels,
counted from the hips for the body and from the wrist for a hand, and wrists come out metres from the body.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax.data import picture_units
from signjax.data.formats import base, landmarks, point_names, pose_file, signer
from signjax.data.formats.base import JointMap, UnreadableClip
from signjax.io import safe_read
from signjax.io.safe_read import InvalidFileError
from signjax.pose import skeleton
from signjax.pose.clip import Clip, ClipWarning

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
    point_map = map_points(file.components)
    file = _append_hands(file, point_map.hands)
    points, confidence, warnings = _choose_person(file, point_map.joint_map)
    seen = confidence > base.MIN_CONFIDENCE
    # MediaPipe's depth is of no use, see above; others' is kept.
    flat = points.shape[-1] < 3 or any("LANDMARKS" in component.name for component in file.components)
    points = np.pad(points[..., :2], [(0, 0), (0, 0), (0, 1)]) if flat else points[..., :3]
    fps = file.fps if 0 < file.fps < 1000 else None
    warnings = (*point_map.warnings, *warnings)
    clip = Clip(*base.select_joints(points, seen, point_map.joint_map), fps=fps, warnings=warnings)
    # Normalized files keep the size in their header, too: only what fits into a picture is a share of it.
    has_size = min(file.size[:2]) > 1 and picture_units.are_shares(clip)
    if not has_size:
        return picture_units.scale_percents(clip, file.size[:2]) if min(file.size[:2]) > 1 else clip
    return picture_units.to_pixels(clip, file.size[:2])


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


class PointMap(NamedTuple):
    """Where the joints are in the points of all components, one after the other."""

    joint_map: JointMap  # hands follow all points, the right before the left
    hands: tuple[tuple[int, ...], ...]  # [1 or 2][21], the points of these hands, -1 for none
    warnings: tuple[ClipWarning, ...]


def _append_hands(file: pose_file.PoseFile, hands: tuple[tuple[int, ...], ...]) -> pose_file.PoseFile:
    """The file with the points of the hands once more behind all points, in the usual order."""
    # Where they have another order, or are among those of the body.
    numbers = np.array(hands, int).reshape(-1)
    confidence = file.confidence[..., numbers] * (numbers >= 0)
    points = np.concatenate([file.points, file.points[..., numbers, :]], -2)
    return file._replace(points=points, confidence=np.concatenate([file.confidence, confidence], -1))


def map_points(components: tuple[pose_file.Component, ...]) -> PointMap:
    """Where the joints are, by the names of components and of their points.

    Raises:
      InvalidFileError: there are no shoulders.
    """
    body: dict[str, tuple[int, ...]] = {}
    hands: dict[str, dict[int, int]] = {"right": {}, "left": {}}
    face, first, warnings = (), 0, []
    for component in components:
        kind, count = component.name.upper(), len(component.points)
        numbers = tuple(range(first, first + count))
        understood = True
        if "WORLD" in kind:
            # The same points once more, in metres from the hips.
            pass
        elif "HAND" in kind:
            understood = _map_hands(component, first, hands)
        elif "FACE" in kind:
            mapped = _map_face(component.points, first)
            understood = max(mapped) >= 0
            face = mapped if understood else face
            # A body without a nose gets the middle of the face mesh, or of the face's own nose.
            body.setdefault("nose", numbers if "LANDMARKS" in kind else numbers[27:36])
        else:
            # RIGHT_SHOULDER, RShoulder and right shoulder are one.
            names = [re.sub("[^a-z]", "", name.lower()) for name in component.points]
            body |= {name: (first + k,) for k, name in enumerate(names)}
            within = point_names.find_face(component.points)
            if within:
                face = _map_face(component.points[within[0] : sum(within)], first + within[0])
            has_hands = _map_hands(component, first, hands)
            understood = has_hands or bool(within) or any(name in names for of in BODY for name in of)
            if not has_hands and point_names.count_finger_words(component.points) > point_names.BODY_FINGERS:
                warnings.append(ClipWarning(f"points of hands in {component.name[:40]!r} are not understood"))
        if not understood:
            shown = f"component {component.name[:40]!r} is not understood: its {count} points are not read"
            warnings.append(ClipWarning(shown))
        first += count
    return _build_map(body, hands, face, first, tuple(warnings), components)


def _build_map(
    body: dict[str, tuple[int, ...]],
    hands: dict[str, dict[int, int]],
    face: tuple[int, ...],
    count: int,
    warnings: tuple[ClipWarning, ...],
    components: tuple[pose_file.Component, ...],
) -> PointMap:
    """The map of named points: `count` of all components."""
    joints: list[tuple[int, ...]] = [
        next((body[name] for name in names if name in body), ()) for names in BODY
    ]
    right, left = joints[skeleton.R_SHOULDER], joints[skeleton.L_SHOULDER]
    if not (right and left):
        listed = ", ".join(component.name for component in components)[:80]
        raise InvalidFileError(f"has no shoulders, only {listed}; signjax needs the upper body and the hands")
    # A format without a neck has it in the middle of the shoulders.
    joints[skeleton.NECK] = joints[skeleton.NECK] or right + left
    firsts: dict[str, int] = {}
    appended = []
    for side, wrist in (("right", skeleton.R_WRIST), ("left", skeleton.L_WRIST)):
        if hands[side]:
            firsts[side] = count + base.HAND_POINTS * len(appended)
            # Hands of 20 points have their root in the wrist of the body.
            root = hands[side].get(0, joints[wrist][0] if joints[wrist] else -1)
            appended.append((root, *(hands[side].get(k, -1) for k in range(1, base.HAND_POINTS))))
    joint_map = JointMap(tuple(joints), firsts.get("right"), firsts.get("left"), face)
    return PointMap(joint_map, tuple(appended), warnings)


def _map_hands(component: pose_file.Component, first: int, hands: dict[str, dict[int, int]]) -> bool:
    """Adds the points of hands in a component, the first of which is `first`; whether there are any."""
    is_hand, names = "HAND" in component.name.upper(), component.points
    side = point_names.find_side(component.name) if is_hand else None
    known = [(k, p) for k, name in enumerate(names) if (p := point_names.parse_hand_point(name, side))]
    fingers = {point for _, point in known if point.joint}
    if side and len(names) == base.HAND_POINTS and len(fingers) < base.HAND_POINTS - 1:
        # OpenPose and pose-format have other names, in the usual order.
        hands[side] |= {k: first + k for k in range(base.HAND_POINTS)}
        return True
    # A finger of which nothing says whose it is could be either hand's.
    if not fingers or any(point.side is None for point in fingers):
        return False
    for k, point in known:
        # A wrist is the root of a hand in a component of hands; elsewhere it is a joint of the body.
        if point.side and (point.joint or is_hand or "root" in names[k].lower()):
            hands[point.side][point.joint] = first + k
    return True


def _map_face(points: tuple[str, ...], first: int) -> tuple[int, ...]:
    """The 70 points in OpenPose's face, COCO's of 68 or MediaPipe's, whose points are named by number."""
    if len(points) in (68, base.FACE_POINTS):
        return tuple(first + k if k < len(points) else -1 for k in range(base.FACE_POINTS))
    numbers = {name: first + k for k, name in enumerate(points)}
    return tuple(numbers.get(str(number), -1) for number in landmarks.FACE)
