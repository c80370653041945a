"""Folders of OpenPose's JSON, a file a frame: `<clip>/<anything>_000000000000_keypoints.json`.

Several clips may share a folder if their files begin with different names.
"""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax.data.formats import base, file_names
from signjax.data.formats.base import JointMap, UnreadableClip
from signjax.io import safe_read
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip

ENDING = "_keypoints.json"
MAX_FRAME_BYTES = 1 << 22
# Key, points of it that are used, whether it may be missing. Bodies have 25, 18 or 15; the first 8 agree.
PARTS = (
    ("pose_keypoints_2d", 8, False),
    ("hand_right_keypoints_2d", 21, True),
    ("hand_left_keypoints_2d", 21, True),
    ("face_keypoints_2d", 70, True),
)
JOINT_MAP = JointMap(tuple((k,) for k in range(8)), 8, 29, tuple(range(50, 120)))


class FrameFiles(NamedTuple):
    """The files of a clip."""

    root: Path  # what is read
    folder: Path  # where they lie
    name: str  # of the clip
    files: list[Path]


def read_clips(path: Path) -> Iterator[Clip | UnreadableClip]:
    """The clips in a folder and all below; frames are in the order of their numbers."""
    return base.read_each(_group_files(path), _read_clip)


def _group_files(root: Path) -> Iterator[tuple[str, FrameFiles]]:
    """The files of each clip, with what messages call it."""
    for folder, files in itertools.groupby(file_names.list_files(root, ENDING), lambda file: file.parent):
        clips: dict[str, list[Path]] = {}
        for file in files:
            clips.setdefault(_parse_prefix(file), []).append(file)
        for prefix, frames in clips.items():
            # A folder of one clip names it; the files' own names are often those of the video's encoding.
            alone = len(clips) == 1
            label = str(folder if alone else folder / prefix)
            yield label, FrameFiles(root, folder, folder.name if alone else prefix, frames)


def _parse_prefix(file: Path) -> str:
    """What the files of a clip have in common: their name without the number."""
    # OpenPose puts twelve digits behind the name of the video.
    return re.sub(r"_?\d*$", "", file.name.removesuffix(ENDING))


def _parse_frame_number(file: Path) -> int:
    return int(re.search(r"(\d*)$", file.name.removesuffix(ENDING))[1] or 0)


def _read_clip(frames: FrameFiles) -> Clip:
    if len(frames.files) > base.MAX_FRAMES:
        raise InvalidFileError(f"has {len(frames.files):,} frames; 1 to {base.MAX_FRAMES:,} can be read")
    # By number, not by name: 10 follows 9.
    points = np.stack(
        [_read_frame(file) for file in sorted(frames.files, key=_parse_frame_number)]
    )  # [T, 120, 3]
    seen = points[..., 2] > base.MIN_CONFIDENCE
    # The confidence stood where depth has its place.
    points[..., 2] = 0
    return Clip(
        *base.select_joints(points, seen, JOINT_MAP),
        text=file_names.read_text_beside(frames.folder / "text.txt"),
        sid=file_names.parse_sid(frames.name),
        split=file_names.find_split(frames.root, frames.folder),
    )


def _read_frame(file: Path) -> np.ndarray:
    """Points [120, 3], x, y and confidence, of the person whose body is surest; zeros if there is nobody."""
    try:
        people = safe_read.parse_json(safe_read.read_bytes(file, MAX_FRAME_BYTES)).get("people")
        if not isinstance(people, list):
            raise InvalidFileError('has no list "people"')
        points_of = [_parse_person(person) for person in people]
    except InvalidFileError as error:
        raise InvalidFileError(f"{file.name}: {error}") from None
    return max(points_of, key=lambda points: points[:8, 2].sum(), default=np.zeros((120, 3)))


def _parse_person(person) -> np.ndarray:
    """x, y and confidence [120, 3] of the points of a person that are used."""
    rows = []
    for key, count, optional in PARTS:
        values = person.get(key) if isinstance(person, dict) else None
        # Without the flags --hand and --face their lists are empty.
        if optional and not values:
            values = [0] * (3 * count)
        if not isinstance(values, list) or len(values) < 3 * count or len(values) % 3:
            size = f"{len(values)} numbers" if isinstance(values, list) else "no list"
            raise InvalidFileError(f"{key} is {size}, not {3 * count}")
        if not set(map(type, values)) <= {int, float}:
            raise InvalidFileError(f"{key} holds something that is not a number")
        # Bodies have 25, 18 or 15 points, of which the first 8 are those of the skeleton.
        rows += values[: 3 * count]
    try:
        return np.array(rows, np.float64).reshape(-1, 3)
    except OverflowError:
        # Integers of hundreds of digits.
        raise InvalidFileError(f"has coordinates beyond {base.MAX_COORDINATE:g}") from None
