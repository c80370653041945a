"""Folders of OpenPose's JSON, a file a frame: `<clip>/<anything>_000000000000_keypoints.json`.

Several clips may share a folder if their files have different names. Files may have other names if all .json
files are frames.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from signjax.data.formats import base, file_names, frame_files, frame_numbers, signer
from signjax.data.formats.base import JointMap, UnreadableClip
from signjax.data.formats.frame_files import FrameFiles
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


def is_openpose(content: dict) -> bool:
    """Whether a JSON object is a frame of OpenPose, which may show nobody."""
    people = content.get("people")
    return isinstance(people, list) and all(isinstance(p, dict) and PARTS[0][0] in p for p in people)


def read_clips(path: Path) -> Iterator[Clip | UnreadableClip]:
    """The clips in a folder and all below; frames are in the order of their numbers."""
    # OpenPose's own ending first: other .json files may lie beside its frames.
    ending = ENDING if next(file_names.list_files(path, ENDING), None) else ".json"
    return base.read_each(frame_files.group_files(path, ending), _read_clip)


def _read_clip(frames: FrameFiles) -> Clip:
    places, warnings = frame_numbers.place_frames(frames.numbers)
    if places[-1] >= base.MAX_FRAMES:
        raise InvalidFileError(f"has {places[-1] + 1:,} frames; 1 to {base.MAX_FRAMES:,} can be read")
    people, ids = zip(*(_read_frame(file) for file in frames.files), strict=True)
    chosen, about_people = signer.choose_signer(people, JOINT_MAP, None if None in ids else ids)
    points = frame_numbers.fill_gaps(signer.pick_people(people, chosen), places)  # [T, 120, 3]
    seen = points[..., 2] > base.MIN_CONFIDENCE
    # The confidence stood where depth has its place.
    points[..., 2] = 0
    clip = Clip(*base.select_joints(points, seen, JOINT_MAP), warnings=(*warnings, *about_people))
    return frame_files.name_clip(frames, clip)


def _read_frame(file: Path) -> tuple[np.ndarray, list[int] | None]:
    """x, y and confidence [P, 120, 3] of the people of a frame, and their numbers if all have one."""
    try:
        people = safe_read.parse_json(safe_read.read_bytes(file, MAX_FRAME_BYTES)).get("people")
        if not isinstance(people, list):
            raise InvalidFileError('has no list "people"')
        points = [_parse_person(person) for person in people]
    except InvalidFileError as error:
        raise InvalidFileError(f"{file.name}: {error}") from None
    # A list of one number, which is -1 unless OpenPose tracks people.
    numbers = [person.get("person_id") for person in people]
    known = all(isinstance(number, list) and list(map(type, number)) == [int] for number in numbers)
    return np.array(points).reshape(-1, 120, 3), [number[0] for number in numbers] if known else None


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
