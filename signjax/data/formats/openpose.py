"""Folders of OpenPose's JSON, one file per frame: `<clip>/<anything>_000000000000_keypoints.json`.

Several clips may share a folder if their files have different names. Files may have other names if all .json
files are frames.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from signjax.data.formats import base, file_names, frame_files, frame_numbers, signer
from signjax.data.formats.base import JointMap, UnreadableClip
from signjax.data.formats.frame_files import FrameFiles
from signjax.io import safe_read
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip, ClipWarning

ENDING = "_keypoints.json"
MAX_FRAME_BYTES = 1 << 22
# Key, points of it, whether it may be missing.
PARTS = (
    ("pose_keypoints_2d", 25, False),
    ("hand_right_keypoints_2d", 21, True),
    ("hand_left_keypoints_2d", 21, True),
    ("face_keypoints_2d", 70, True),
)
POINTS = sum(count for _, count, _ in PARTS)
JOINT_MAP = JointMap(tuple((k,) for k in range(8)), 25, 46, tuple(range(67, POINTS)))
# Bodies by their number of points. Those of BODY_25 and COCO agree in the first 8, which some data sets keep
# alone; MPI has the top of the head in place of the nose. BODY_135 has hands (but for their roots) and face
# behind its body, which is that of BODY_25B: eyes and ears before the shoulders, and no neck.
EYES_FIRST = JOINT_MAP._replace(body=((0,), (5, 6), (6,), (8,), (10,), (5,), (7,), (9,)))
MPI = JOINT_MAP._replace(body=((), *JOINT_MAP.body[1:]))
MAPS = {8: JOINT_MAP, 25: JOINT_MAP, 18: JOINT_MAP, 15: MPI, 135: EYES_FIRST}
BODY_25B = (
    "bodies of 25 points have eyes and ears before the shoulders, as BODY_25B has, as where they lie shows"
)
# Of the face in both orders. As far from the nose as in one, they are twice as far in the other.
FACE_OF_25B, FACE_OF_25, CLEARLY = slice(1, 5), slice(15, 19), 0.5


def is_openpose(content: dict) -> bool:
    """Whether a JSON object is a frame of OpenPose, which may show nobody."""
    people = content.get("people")
    return isinstance(people, list) and all(_find_values(p, PARTS[0][0]) is not None for p in people)


def read_clips(path: Path) -> Iterator[Clip | UnreadableClip]:
    """The clips in a folder and all below; frames are in the order of their numbers."""
    # OpenPose's own ending first: other .json files may lie beside its frames.
    ending = ENDING if next(file_names.list_files(path, ENDING), None) else ".json"
    return base.read_each(frame_files.group_files(path, ending), _read_clip)


def _read_clip(frames: FrameFiles) -> Clip:
    places, warnings = frame_numbers.place_frames(frames.numbers)
    if places[-1] >= base.MAX_FRAMES:
        raise InvalidFileError(f"has {places[-1] + 1:,} frames; 1 to {base.MAX_FRAMES:,} can be read")
    people, ids, sizes = zip(*(_read_frame(file) for file in frames.files), strict=True)
    joint_map, about_order = _find_order(people, set().union(*sizes))
    chosen, about_people = signer.choose_signer(people, joint_map, None if None in ids else ids)
    points = frame_numbers.fill_gaps(signer.pick_people(people, chosen), places)  # [T, POINTS, 3]
    seen = points[..., 2] > base.MIN_CONFIDENCE
    # The confidence stood where depth has its place.
    points[..., 2] = 0
    warnings = (*warnings, *about_order, *about_people)
    clip = Clip(*base.select_joints(points, seen, joint_map), warnings=warnings)
    return frame_files.name_clip(frames, clip)


def _find_order(people: Sequence[np.ndarray], sizes: set[int]) -> tuple[JointMap, tuple[ClipWarning, ...]]:
    """Where the joints are in the people [P, POINTS, 3] of a clip, from the numbers of points of bodies."""
    maps = [MAPS[size] for size in sizes]
    if any(joint_map != maps[0] for joint_map in maps):
        listed = " and ".join(map(str, sorted(sizes)))
        raise InvalidFileError(f"has bodies of {listed} points; give clips of one model each")
    if sizes != {25}:
        return (maps or [JOINT_MAP])[0], ()
    # By clip: somebody who looks down has the neck where the eyes are.
    points = np.concatenate(people)
    points = np.where(points[..., 2:] > base.MIN_CONFIDENCE, points[..., :2], np.nan)
    gaps = np.linalg.norm(points - points[:, :1], axis=-1)
    near, far = (gaps[:, face][~np.isnan(gaps[:, face])] for face in (FACE_OF_25B, FACE_OF_25))
    if len(near) and len(far) and np.median(near) < CLEARLY * np.median(far):
        return EYES_FIRST, (ClipWarning(BODY_25B),)
    return JOINT_MAP, ()


def _read_frame(file: Path) -> tuple[np.ndarray, list[int] | None, set[int]]:
    """x, y and confidence [P, POINTS, 3] of the people of a frame, their numbers if all have one, and the
    numbers of points of their bodies."""
    try:
        people = safe_read.parse_json(safe_read.read_bytes(file, MAX_FRAME_BYTES)).get("people")
        if not isinstance(people, list):
            raise InvalidFileError('has no list "people"')
        parsed = [_parse_person(person) for person in people]
    except InvalidFileError as error:
        raise InvalidFileError(f"{file.name}: {error}") from None
    # A list of one number, which is -1 unless OpenPose tracks people.
    numbers = [person.get("person_id") for person in people]
    known = all(isinstance(number, list) and list(map(type, number)) == [int] for number in numbers)
    points = np.array([person for person, _ in parsed]).reshape(-1, POINTS, 3)
    return points, [number[0] for number in numbers] if known else None, {size for _, size in parsed}


def _parse_person(person) -> tuple[np.ndarray, int]:
    """x, y and confidence [POINTS, 3] of a person, 0 where there is no point; the points of the body."""
    body, *others = [_parse_part(person, *part) for part in PARTS]
    if len(body) not in MAPS:
        known = ", ".join(map(str, MAPS))
        raise InvalidFileError(f"{PARTS[0][0]} has {len(body)} points; known are bodies of {known}")
    if len(body) == 135:
        left, right, face = body[25:45], body[45:65], body[65:]
        others = [np.concatenate([body[[10]], right]), np.concatenate([body[[9]], left]), face]
    padded = np.zeros((PARTS[0][1], 3))
    padded[: len(body)] = body[: len(padded)]
    return np.concatenate([padded, *others]), len(body)


def _parse_part(person, key: str, count: int, optional: bool) -> np.ndarray:
    """x, y and confidence [n, 3] of a part; n is `count` but for bodies."""
    values = _find_values(person, key)
    # Without the flags --hand and --face their lists are empty.
    if optional and not values:
        return np.zeros((count, 3))
    if not isinstance(values, list) or len(values) < 24 or len(values) % 3:
        size = f"{len(values)} numbers" if isinstance(values, list) else "no list"
        raise InvalidFileError(f"{key} is {size}, not {3 * count}")
    if optional and len(values) < 3 * count:
        raise InvalidFileError(f"{key} is {len(values)} numbers, not {3 * count}")
    if not set(map(type, values)) <= {int, float}:
        raise InvalidFileError(f"{key} holds something that is not a number")
    try:
        return np.array(values[: 3 * count] if optional else values, np.float64).reshape(-1, 3)
    except OverflowError:
        # Integers of hundreds of digits.
        raise InvalidFileError(f"has coordinates beyond {base.MAX_COORDINATE:g}") from None


def _find_values(person, key: str):
    """The list of a part, as OpenPose calls it since version 1.1, or before; None if there is none."""
    if not isinstance(person, dict):
        return None
    return person.get(key, person.get(key.removesuffix("_2d")))
