"""Folders of OpenPose's JSON, a file a frame: `<clip>/<anything>_000000000000_keypoints.json`.

Several clips may share a folder if their files begin with different names.
"""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from signjax.data.formats import base, file_names
from signjax.data.formats.base import JointMap, UnreadableClip
from signjax.io import safe_read
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip

ENDING = "_keypoints.json"
MOST = 1 << 22  # bytes of a frame
# Key, points of it that are used, whether it may be missing. Bodies have 25, 18 or 15; the first 8 agree.
PARTS = (
    ("pose_keypoints_2d", 8, False),
    ("hand_right_keypoints_2d", 21, True),
    ("hand_left_keypoints_2d", 21, True),
    ("face_keypoints_2d", 70, True),
)
PLACES = JointMap(tuple((k,) for k in range(8)), 8, 29, tuple(range(50, 120)))


def read_clips(path: Path) -> Iterator[Clip | UnreadableClip]:
    """The clips in a folder and all below; frames are in the order of their numbers."""
    return base.read_each(_group_files(path), _read_clip)


def _group_files(path: Path) -> Iterator[tuple[str, tuple]]:
    """Each clip's name and (path, its folder, its name, its files)."""
    for folder, held in itertools.groupby(file_names.list_files(path, ENDING), lambda file: file.parent):
        found: dict[str, list[Path]] = {}
        for file in held:
            found.setdefault(_clip_prefix(file), []).append(file)
        for prefix, files in found.items():
            name = folder.name if len(found) == 1 else prefix
            yield str(folder if len(found) == 1 else folder / prefix), (path, folder, name, files)


def _clip_prefix(file: Path) -> str:
    return re.sub(r"_?\d*$", "", file.name.removesuffix(ENDING))


def _frame_number(file: Path) -> int:
    return int(re.search(r"(\d*)$", file.name.removesuffix(ENDING))[1] or 0)


def _read_clip(item) -> Clip:
    root, folder, name, files = item
    if len(files) > base.MAX_FRAMES:
        raise InvalidFileError(f"has {len(files):,} frames; 1 to {base.MAX_FRAMES:,} can be read")
    points = np.stack([_read_frame(file) for file in sorted(files, key=_frame_number)])  # [T, 120, 3]
    seen = points[..., 2] > base.MIN_CONFIDENCE
    points[..., 2] = 0
    return Clip(
        *base.select_joints(points, seen, PLACES),
        text=file_names.read_text_beside(folder / "text.txt"),
        sid=file_names.parse_sid(name),
        split=file_names.find_split(root, folder),
    )


def _read_frame(file: Path) -> np.ndarray:
    """Points [120, 3], x, y and confidence, of the person whose body is surest; zeros if there is nobody."""
    try:
        people = safe_read.parse_json(safe_read.read_bytes(file, MOST)).get("people")
        if not isinstance(people, list):
            raise InvalidFileError('has no list "people"')
        found = [_parse_person(person) for person in people]
    except InvalidFileError as error:
        raise InvalidFileError(f"{file.name}: {error}") from None
    return max(found, key=lambda points: points[:8, 2].sum(), default=np.zeros((120, 3)))


def _parse_person(person) -> np.ndarray:
    rows = []
    for key, count, optional in PARTS:
        values = person.get(key) if isinstance(person, dict) else None
        if optional and not values:
            values = [0] * (3 * count)
        if not isinstance(values, list) or len(values) < 3 * count or len(values) % 3:
            given = f"{len(values)} numbers" if isinstance(values, list) else "no list"
            raise InvalidFileError(f"{key} is {given}, not {3 * count}")
        if not set(map(type, values)) <= {int, float}:
            raise InvalidFileError(f"{key} holds something that is not a number")
        rows += values[: 3 * count]
    try:
        return np.array(rows, np.float64).reshape(-1, 3)
    except OverflowError:
        raise InvalidFileError(f"has coordinates beyond {base.MAX_COORDINATE:g}") from None
