"""Landmarks of MediaPipe as JSON, one file per clip: of Holistic and of the newer Tasks API.

    {"fps": 25, "width": 1280, "height": 720, "frames": [
        {"pose_landmarks": [{"x": 0.5, "y": 0.2, "z": -0.1, "visibility": 0.9}, ...],
         "left_hand_landmarks": [...], "right_hand_landmarks": [...], "face_landmarks": [...]}, ...]}

or the list of frames alone, or a file for each frame. Landmarks are objects or lists, [] or null where there
are none; the Tasks API writes a list of people in each part, `{"poseLandmarks": [[{"x": ...}, ...]], ...}`.
Hands may also be those of a HandLandmarker, see signjax.data.formats.hand_results.
Depth is left out, see signjax.data.formats.pose_format.
"""

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax.data.clip_files import parse_rate
from signjax.data.formats import base, frame_files, frame_numbers, hand_results, landmarks, signer
from signjax.data.formats.base import UnreadableClip
from signjax.data.formats.frame_files import FrameFiles
from signjax.data.formats.landmarks import PARTS
from signjax.io import safe_read
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip, ClipWarning

# Bytes that a file's objects may take at most: a minute with all of the face.
MEMORY = 4 * safe_read.MAX_MEMORY
MAX_FRAME_BYTES = 1 << 22
LANDMARK = {"x": None, "y": None, "z": 0.0, "visibility": landmarks.UNSET}  # fields and their defaults
# Hands and face belong to the body that they lie at; without a body nothing says whose they are.
ANCHORS = {"right_hand": 16, "left_hand": 15, "face": 0}
# Of a face without refined landmarks, which has no pupils, and of the older model of the upper body, which
# has the first points of the other.
OTHER_COUNTS = {PARTS["face"]: (468,), PARTS["pose"]: (25,)}
MAX_PEOPLE = signer.MAX_PEOPLE  # in a frame
BODY_MAP = landmarks.JOINT_MAP._replace(right=None, left=None, face=())
# Fields of a frame that say nothing about the joints, or the same in metres from the hips.
OTHER_FIELDS = ("world", "blendshape", "segmentation", "time", "matrix", "frame")


def _list_keys(name: str) -> tuple[str, str, str]:
    # As MediaPipe's Python has it, as its JavaScript has it, and without the ending.
    return f"{name}_landmarks", name.replace("_hand", "Hand") + "Landmarks", name


# Fields of a frame that are read.
KNOWN = {key for name in PARTS for key in _list_keys(name)}
KNOWN |= {*hand_results.HAND_KEYS, *hand_results.SIDE_KEYS, hand_results.ANY_KEY}
ABOUT = ("width", "height", "fps", "signer")


class Frame(NamedTuple):
    """What is read of a frame."""

    people: dict[str, list[np.ndarray]]  # x, y, z and visibility [N, 4] of everybody's parts; 70 of a face
    hands: list[hand_results.Hand]  # of a HandLandmarker
    unknown: tuple[str, ...]  # fields with content that is not looked at
    about: dict  # the fields of ABOUT


def is_mediapipe(content: dict) -> bool:
    """Whether a JSON object is such a file; a list in JSON comes as its "instance_info"."""
    frames = content.get("frames", content.get("instance_info"))
    if not isinstance(frames, list):
        return _has_landmarks(content)
    # Nobody may be seen at first.
    return any(map(_has_landmarks, frames[:100]))


def _has_landmarks(frame) -> bool:
    if not isinstance(frame, dict):
        return False
    return _find_landmarks(frame, "pose") is not None or hand_results.find_hands(frame) is not None


def read_clips(path: Path, size: tuple[int, int] | None = None) -> Iterator[Clip | UnreadableClip]:
    """The clips of all .json files in a folder and those below, or of one file.

    Args:
      path: the folder or file.
      size: width and height of the picture, where files do not say.
    """
    return base.read_each(
        frame_files.list_clips(path, ".json", _are_frames), functools.partial(_read_clip, path, size)
    )


def _are_frames(files: list[Path]) -> bool:
    """Whether files hold one frame each; the first that can be read speaks for all."""
    for file in files[:8]:
        try:
            content = _parse_content(safe_read.read_bytes(file))
        except InvalidFileError:
            continue
        return "frames" not in content and is_mediapipe(content)
    return False


def _read_clip(root: Path, size: tuple[int, int] | None, source: Path | FrameFiles) -> Clip:
    if isinstance(source, FrameFiles):
        _check_count(len(source.files))
        places, warnings = frame_numbers.place_frames(source.numbers)
        # One object at a time: those of all frames would take a thousand times the memory of the points.
        frames = [_read_frame(*pair) for pair in zip(source.files, source.numbers, strict=True)]
        return frame_files.name_clip(source, _make_clip(frames, frames[0].about, places, warnings, size))
    content = _parse_content(safe_read.read_bytes(source))
    if not is_mediapipe(content):
        raise InvalidFileError('has no "frames" with "pose_landmarks"')
    entries = content.get("frames", [content])
    _check_count(len(entries))
    order, places, warnings = frame_numbers.place_entries(entries)
    frames = [_parse_frame(entries[t], t) for t in order]
    return base.name_clip(root, source, _make_clip(frames, content, places, warnings, size))


def _check_count(frames: int) -> None:
    if frames > base.MAX_FRAMES:
        raise InvalidFileError(f"has {frames:,} frames; 1 to {base.MAX_FRAMES:,} can be read")


def _read_frame(file: Path, number: int) -> Frame:
    # A file of thousands is named, which the label of the clip does not.
    try:
        return _parse_frame(_parse_content(safe_read.read_bytes(file, MAX_FRAME_BYTES)), number)
    except InvalidFileError as error:
        raise InvalidFileError(f"{file.name}: {error}") from None


def _make_clip(
    frames: list[Frame],
    about: dict,
    places: np.ndarray,
    warnings: tuple[ClipWarning, ...],
    size: tuple[int, int] | None,
) -> Clip:
    """The clip of frames at their places, without name and text; `about` may say size, rate and signer."""
    _check_count(int(places[-1]) + 1)
    hands = [frame.hands for frame in frames]
    if any(hands) and not any(frame.people["pose"] for frame in frames):
        raise InvalidFileError(hand_results.HANDS_ONLY)
    rows, about_people = _follow_signer([frame.people for frame in frames])
    about_people += hand_results.place_hands(rows, hands) if any(hands) else ()
    rows = frame_numbers.fill_gaps(rows, places, np.nan)
    size_in_file = about.get("width"), about.get("height")
    fps, signer_name = read_rate_and_signer(about)
    size = size_in_file if landmarks.is_size(size_in_file) else size
    clip = landmarks.make_clip(rows, size, fps, signer_name)
    clip = dataclasses.replace(clip, warnings=(*clip.warnings, *warnings, *about_people))
    # In a dict, which keeps the order of the file.
    for key in list({key: None for frame in frames for key in frame.unknown})[:8]:
        clip = clip.add_warning(f"the field {key[:40]!r} of its frames is not read")
    return clip


def _parse_content(data: bytes) -> dict:
    """The object of a file; a list becomes its "frames"."""
    # The bounded parser takes objects only, so that a list is made one before anything is built of it.
    is_list = data.lstrip().startswith(b"[")
    return safe_read.parse_json(b'{"frames":%s}' % data if is_list else data, MEMORY)


def read_rate_and_signer(content: dict) -> tuple[float | None, str | None]:
    """Frame rate and signer, where a file says them."""
    name = content.get("signer")
    return parse_rate(content.get("fps")), name if isinstance(name, str) and name else None


def _find_landmarks(frame, name: str):
    """The list of a part's landmarks in a frame, None if there is none."""
    if not isinstance(frame, dict):
        return None
    if key := next((key for key in _list_keys(name) if key in frame), None):
        return _unwrap(frame[key])
    # A PoseLandmarker in JavaScript, which calls the landmarks of every model so.
    part = frame.get(hand_results.ANY_KEY) if name == "pose" else None
    people = _list_people(part or [])
    is_pose = people and all(isinstance(rows, list) and len(rows) == PARTS[name] for rows in people)
    return part if is_pose else None


def _unwrap(part):
    """The list of landmarks, without the object that protocol buffers put around it."""
    return part.get("landmark", part.get("landmarks")) if isinstance(part, dict) else part


def _parse_frame(frame, t: int) -> Frame:
    """The people of a frame, and what else is in it."""
    people = {}
    for name, count in PARTS.items():
        parts = _list_people(_find_landmarks(frame, name) or [])
        people[name] = [_parse_part(part, count, f"frame {t}: {name}_landmarks") for part in parts]
    hands = _parse_hands(frame, t) if isinstance(frame, dict) else []
    # Of a whole face mesh of every frame there is no memory for long clips.
    people["face"] = [landmarks.select_face(face) for face in people["face"]]
    items = frame.items() if isinstance(frame, dict) else ()
    filled = [key for key, value in items if isinstance(value, list | dict) and value and key not in KNOWN]
    unknown = tuple(key for key in filled if not any(word in key.lower() for word in OTHER_FIELDS))
    return Frame(people, hands, unknown, {key: value for key, value in items if key in ABOUT})


def _parse_hands(frame: dict, t: int) -> list[hand_results.Hand]:
    listed = _list_people(_unwrap(hand_results.find_hands(frame)) or [])
    hands = [_parse_part(rows, PARTS["right_hand"], f"frame {t}: hand {k}") for k, rows in enumerate(listed)]
    return list(zip(hands, hand_results.list_sides(frame, len(hands)), strict=True))


def _list_people(rows) -> list:
    """The landmarks of each person; those of Holistic are of one, those of the Tasks API lists of people."""
    first = _unwrap(rows[0]) if isinstance(rows, list) and rows else None
    # A landmark may be a list, too, but one of numbers.
    if not isinstance(first, list) or (first and not isinstance(first[0], list | dict)):
        return [rows] if rows else []
    return [part for person in rows[:MAX_PEOPLE] if (part := _unwrap(person))]


def _parse_part(rows, count: int, where: str) -> np.ndarray:
    counts = (count, *OTHER_COUNTS.get(count, ()))
    rows = _split_numbers(rows, counts)
    if not isinstance(rows, list) or len(rows) not in counts:
        size = f"{len(rows)} landmarks" if isinstance(rows, list) else "no list"
        raise InvalidFileError(f"{where} is {size}, not {count} landmarks")
    part = np.full((count, 4), np.nan)  # the others stay missing
    for k, landmark in enumerate(rows):
        part[k] = _parse_landmark(landmark, f"{where} {k}")
    return part


def _split_numbers(rows, counts: tuple[int, ...]):
    """A flat list of x, y, z (and visibility) of some points as a list of points; anything else as it is."""
    if not isinstance(rows, list) or set(map(type, rows)) - {int, float} or len(rows) in counts:
        return rows
    width = next((width for width in (4, 3) if len(rows) in [width * count for count in counts]), 0)
    return [rows[k : k + width] for k in range(0, len(rows), width)] if width else rows


def _parse_landmark(landmark, where: str) -> list[float]:
    """x, y, z and visibility, NaN where it is not set."""
    values = landmark
    if isinstance(landmark, dict):
        if not ("x" in landmark and "y" in landmark):
            raise InvalidFileError(f"{where} is no landmark with x and y")
        # In the Tasks API's Python visibility is null for hands; JavaScript writes NaN as null.
        values = [landmark.get(key, default) for key, default in LANDMARK.items()]
    if not isinstance(values, list) or not 2 <= len(values) <= 4:
        raise InvalidFileError(f"{where} is no landmark with x and y")
    values = [np.nan if value is None else value for value in values]
    if not set(map(type, values)) <= {int, float}:
        raise InvalidFileError(f"{where} is no landmark with x and y")
    try:
        return [float(value) for value in (values + [0.0, landmarks.UNSET][len(values) - 2 :])[:4]]
    except OverflowError:
        # Integers of hundreds of digits.
        raise InvalidFileError(f"{where} has coordinates beyond {base.MAX_COORDINATE:g}") from None


def _follow_signer(people: list[dict[str, list[np.ndarray]]]) -> tuple[np.ndarray, tuple[ClipWarning, ...]]:
    """The landmarks [T, 145, 4] of the signer in frames that may show several people, and what to tell."""
    bodies = [np.stack([*frame["pose"], np.empty((33, 4))])[:-1] for frame in people]
    chosen, warnings = np.array([len(frame) - 1 for frame in bodies]), ()
    if any(len(frame) > 1 for frame in bodies):
        # As if it were a confidence; what has none was seen.
        visibility = np.concatenate(bodies)[..., 3]
        unset = np.isnan(visibility).all() or not np.nanmax(visibility)
        sure = [np.where(np.isnan(frame[..., 3:]) | unset, 1.0, frame[..., 3:]) for frame in bodies]
        points = [np.concatenate([xy[..., :2], c], -1) for xy, c in zip(bodies, sure, strict=True)]
        chosen, warnings = signer.choose_signer(points, BODY_MAP)
    rows = np.full((len(people), landmarks.POINTS, 4), np.nan)
    for t, (frame, k) in enumerate(zip(people, chosen, strict=True)):
        # Where only others are seen, hands and faces are theirs.
        if k < 0 and frame["pose"]:
            continue
        body = frame["pose"][k] if k >= 0 else None
        for name, part in landmarks.FIELDS.items():
            chosen_part = body if name == "pose" else _choose_part(frame[name], body, ANCHORS[name])
            if chosen_part is not None:
                rows[t, part] = chosen_part
    return rows, warnings


def _choose_part(parts: list[np.ndarray], body: np.ndarray | None, anchor: int) -> np.ndarray | None:
    """The hand or face that is nearest to a point of the body."""
    if len(parts) < 2 or body is None:
        return parts[0] if parts else None
    gaps = [np.abs(part[0, :2] - body[anchor, :2]).sum() for part in parts]
    return parts[int(np.nan_to_num(gaps, nan=np.inf).argmin())]
