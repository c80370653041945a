"""COCO-WholeBody's 133 points as JSON, one file per clip: DWPose, RTMW and others by MMPose.

As MMPose writes them, `{"instance_info": [{"instances": [{"keypoints": [[x, y], ...],
"keypoint_scores": [...]}]}, ...]}`, the same list without the object around it, or plain arrays,
`{"keypoints": [T][133][2 or 3], "keypoint_scores": [T][133]}`; a third number of a point is its confidence.
A frame's "frame_id" says when it is, a person's "track_id" who it is. Some programs write both hands before
the face: where hands lie says which order it is. Of pictures, MMPose writes a file each, a list of people.
"""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax.data import picture_units, plausibility
from signjax.data.formats import base, frame_files, frame_numbers, hand_sides, landmarks, mediapipe, signer
from signjax.data.formats.base import JointMap, UnreadableClip
from signjax.data.formats.frame_files import FrameFiles
from signjax.io import safe_read
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip, ClipWarning

POINTS = 133  # body 17, feet 6, face 68, left hand 21, right hand 21
JOINT_MAP = JointMap(
    ((0,), (5, 6), (6,), (8,), (10,), (5,), (7,), (9,)), 112, 91, (*range(23, 91), -1, -1)
)  # the neck is the middle of the shoulders
HANDS_FIRST_MAP = JOINT_MAP._replace(right=23, left=44, face=(*range(65, 133), -1, -1))
HANDS_FIRST = "both hands stand before the face among the 133 points, as where they lie shows"
PICTURES = "files of one frame were joined to clips by the numbers in their names"
UNNUMBERED = 'some frames have no "frame_id", so that all follow one another as listed'
PERSON_KEYS = ("track_id", "instance_id")


class Frame(NamedTuple):
    """The people of a frame."""

    people: np.ndarray  # x, y and confidence [P, 133, 3]
    ids: list[int] | None  # their numbers by a tracker
    number: int | None  # when it is


def is_dwpose(content: dict) -> bool:
    """Whether a JSON object is such a file."""
    frames = content.get("instance_info", content.get("keypoints"))
    return isinstance(frames, list) and bool(frames)


def parse_json(data: bytes, memory: int = safe_read.MAX_MEMORY) -> dict:
    """The object of a file; a list becomes its "instance_info"."""
    # The bounded parser takes objects only, so that a list is made one before anything is built of it.
    is_list = data.lstrip().startswith(b"[")
    return safe_read.parse_json(b'{"instance_info":%s}' % data if is_list else data, memory)


def read_clips(path: Path) -> Iterator[Clip | UnreadableClip]:
    """The clips of all .json files in a folder and those below, or of one file."""
    return base.read_each(
        frame_files.list_clips(path, ".json", _are_frames), functools.partial(_read_clip, path)
    )


def _are_frames(files: list[Path]) -> bool:
    """Whether files hold one frame each: a list of people, as MMPose writes of pictures, or of one frame."""
    for file in files[:8]:
        try:
            frames = _list_frames(parse_json(safe_read.read_bytes(file)))
        except InvalidFileError:
            # A picture that shows nobody is an empty list: the first that shows somebody speaks for all.
            continue
        return len(frames) == 1 or (len(frames) <= signer.MAX_PEOPLE and all(map(_is_person, frames)))
    return False


def _is_person(entry) -> bool:
    numbered = frame_numbers.read_number(entry, frame_numbers.FRAME_KEYS) is not None
    return isinstance(entry, dict) and "keypoints" in entry and not numbered


def _read_clip(root: Path, source: Path | FrameFiles) -> Clip:
    if isinstance(source, FrameFiles):
        frames = [_read_picture(*pair) for pair in zip(source.files, source.numbers, strict=True)]
        return frame_files.name_clip(source, _make_clip(frames, {}).add_warning(PICTURES))
    content = parse_json(safe_read.read_bytes(source))
    frames = [_parse_frame(frame, t) for t, frame in enumerate(_list_frames(content))]
    return base.name_clip(root, source, _make_clip(frames, content))


def _read_picture(file: Path, number: int) -> Frame:
    """The people of a file of one frame, whose number its name has."""
    # A file of thousands is named, which the label of the clip does not.
    try:
        content = parse_json(safe_read.read_bytes(file))
        frames = [] if content.get("instance_info") == [] else _list_frames(content)
        people = [_parse_frame(frame, 0).people for frame in frames]
    except InvalidFileError as error:
        raise InvalidFileError(f"{file.name}: {error}") from None
    return Frame(np.concatenate([np.empty((0, POINTS, 3)), *people]), None, number)


def _make_clip(frames: list[Frame], content: dict) -> Clip:
    frames, places, warnings = _sort_frames(frames)
    people, ids = [frame.people for frame in frames], [frame.ids for frame in frames if frame.ids is not None]
    tracked = ids if len(ids) == len(frames) else None
    chosen, about_people = signer.choose_signer(people, JOINT_MAP, tracked)
    points = frame_numbers.fill_gaps(signer.pick_people(people, chosen), places)  # [T, 133, 3]
    seen = points[..., 2] > base.MIN_CONFIDENCE
    # The confidence stood where depth has its place.
    points[..., 2] = 0
    joint_map, about_order = _find_order(points, seen)
    fps, name = mediapipe.read_rate_and_signer(content)
    warnings = (*warnings, *about_people, *about_order)
    clip = Clip(*base.select_joints(points, seen, joint_map), fps=fps, signer=name, warnings=warnings)
    size = content.get("width"), content.get("height")
    if not landmarks.is_size(size):
        return clip
    if picture_units.are_shares(clip):
        return picture_units.to_pixels(clip, size)
    return picture_units.scale_percents(clip, size)


def _sort_frames(frames: list[Frame]) -> tuple[list[Frame], np.ndarray, tuple[ClipWarning, ...]]:
    """The frames by their numbers, when they are, and what to tell of them."""
    numbers = [frame.number for frame in frames if frame.number is not None]
    if len(numbers) < len(frames):
        return frames, np.arange(len(frames)), (ClipWarning(UNNUMBERED),) if numbers else ()
    by_number: dict[int, Frame] = {}
    for number, frame in zip(numbers, frames, strict=True):
        # Some programs write an entry for each person.
        same = by_number.get(number, frame._replace(people=frame.people[:0], ids=[]))
        ids = None if same.ids is None or frame.ids is None else same.ids + frame.ids
        by_number[number] = Frame(np.concatenate([same.people, frame.people]), ids, number)
    places, warnings = frame_numbers.place_frames(sorted(by_number))
    if places[-1] >= base.MAX_FRAMES:
        raise InvalidFileError(f"has {places[-1] + 1:,} frames; 1 to {base.MAX_FRAMES:,} can be read")
    return [by_number[number] for number in sorted(by_number)], places, warnings


def _find_order(points: np.ndarray, seen: np.ndarray) -> tuple[JointMap, tuple[ClipWarning, ...]]:
    """Where hands and face are: in COCO-WholeBody's order unless its hands are nowhere near the wrists."""
    for kind, order in (("", JOINT_MAP), (HANDS_FIRST, HANDS_FIRST_MAP)):
        joint_map, crossed = hand_sides.cross_hands(points, seen, order)
        # The usual order first: of a clip that signs at the face, both could pass.
        if not plausibility.has_far_hands(*base.select_joints(points, seen, joint_map)):
            kinds = (kind, hand_sides.CROSSED if crossed else "")
            return joint_map, tuple(ClipWarning(text) for text in kinds if text)
    # The import warns of hands that are far from the wrists in any order.
    return JOINT_MAP, ()


def _list_frames(content: dict) -> list:
    """The frames of a file, of plain arrays as if MMPose had written them."""
    if "instance_info" in content:
        frames = content["instance_info"]
    else:
        points, scores = content.get("keypoints"), content.get("keypoint_scores", content.get("scores"))
        if not isinstance(points, list) or not (scores is None or _has_length_of(scores, points)):
            raise InvalidFileError('has no "instance_info" and no "keypoints" with as many "keypoint_scores"')
        pairs = zip(points, scores or [None] * len(points), strict=True)
        frames = [{"keypoints": p, "keypoint_scores": s} for p, s in pairs]
    if not isinstance(frames, list) or not frames:
        raise InvalidFileError("has 0 frames")
    return frames


def _has_length_of(scores, points: list) -> bool:
    return isinstance(scores, list) and len(scores) == len(points)


def _parse_frame(frame, t: int) -> Frame:
    people = frame.get("instances", [frame]) if isinstance(frame, dict) else None
    if not isinstance(people, list):
        raise InvalidFileError(f'frame {t} has no list "instances"')
    points = [_parse_person(person, t) for person in people]
    numbers = [frame_numbers.read_number(person, PERSON_KEYS) for person in people]
    ids = [number for number in numbers if number is not None]
    number = frame_numbers.read_number(frame, frame_numbers.FRAME_KEYS)
    return Frame(np.array(points).reshape(-1, POINTS, 3), ids if len(ids) == len(people) else None, number)


def _parse_person(person, t: int) -> np.ndarray:
    """x, y and confidence [133, 3] of a person, the confidence from its own list if points have none."""
    points = person.get("keypoints") if isinstance(person, dict) else None
    rows = _parse_numbers(points, t, "keypoints")
    if rows.ndim != 2 or len(rows) != POINTS or rows.shape[1] not in (2, 3):
        raise InvalidFileError(f"frame {t}: keypoints are {list(rows.shape)} numbers, not [{POINTS}, 2 or 3]")
    # The third number of a point, if it has one, is its confidence.
    if rows.shape[1] == 3:
        return rows
    scores = _parse_numbers(person.get("keypoint_scores"), t, "keypoint_scores")
    if scores.shape != (POINTS,):
        raise InvalidFileError(f"frame {t}: keypoint_scores are {list(scores.shape)} numbers, not [{POINTS}]")
    return np.concatenate([rows, scores[:, None]], 1)


def _parse_numbers(values, t: int, name: str) -> np.ndarray:
    """Lists of numbers as an array; InvalidFileError if they are anything else."""
    try:
        numbers = np.array(values)
    except (ValueError, OverflowError):
        # Lists of several lengths, or integers of hundreds of digits.
        numbers = np.array(None)
    if numbers.dtype.kind not in "if":
        raise InvalidFileError(f"frame {t}: {name} are no lists of numbers of one length")
    return numbers.astype(np.float64)
