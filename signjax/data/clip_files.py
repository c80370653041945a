"""One clip on disk: `<sid>/text.txt`, `<sid>/pose.json` and perhaps `<sid>/gloss.txt`, read strictly.

The schema is the one of the data sets' exporters: `poses` is a list of frames, each with 8 body and
2 x 21 hand joints as flat lists of x, y and a third value (signjax.data.pose_layout says which), and perhaps
70 points of a face; face lists of another length are ignored. What cannot be used is refused with the reason.
"""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax.data import pose_layout
from signjax.errors import DataError
from signjax.io import machine_errors, safe_read
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip

TEXT, POSE, GLOSS = "text.txt", "pose.json", "gloss.txt"
# In the order of signjax.pose.skeleton: body, right hand, left hand.
FIELDS = (("pose_keypoints_2d", 8), ("hand_right_keypoints_2d", 21), ("hand_left_keypoints_2d", 21))
FACE = ("face_keypoints_2d", 70)
# A page of text and ten minutes of video; more is no clip.
MAX_BYTES = {TEXT: 1 << 12, GLOSS: 1 << 12, POSE: safe_read.MAX_BYTES}
MAX_LABEL = 100  # characters of the name of a signer or a language
MAX_COORDINATE = 1e6  # squares and sums stay far inside float32


class RawClip(NamedTuple):
    """What a clip's files say."""

    text: str
    pose: np.ndarray  # see `parse_pose`
    fps: float | None = None  # None where pose.json does not say
    signer: str | None = None
    language: str | None = None
    source: str | None = None
    segment: np.ndarray | None = None


def read_clip(folder: str | os.PathLike, layout: pose_layout.PoseLayout | None = None) -> Clip:
    """Reads one clip's folder.

    Args:
      folder: the directory that holds text.txt and pose.json.
      layout: the data set's layout; None takes the third value as depth and the arms as they are.

    Returns:
      The clip in its own unit, the right hand on joints 2-3-4.

    Raises:
      DataError: a file is missing or unusable; names the file, the field and what to do.
    """
    folder = Path(folder)
    try:
        raw = read_raw(folder)
        gloss = read_gloss(folder)
    except DataError as error:
        advice = machine_errors.choose_advice(error, "repair this clip, or move it away")
        raise DataError(f"{folder}/{error}; {advice}") from None
    return make_clip(raw, gloss, folder.name, layout or pose_layout.PoseLayout())


def make_clip(raw: RawClip, gloss: str, sid: str, layout: pose_layout.PoseLayout) -> Clip:
    """The clip of a folder's files."""
    points, valid = pose_layout.apply_layout(raw.pose, layout)
    about = raw._asdict()
    del about["pose"]
    return Clip(points, valid, **about, gloss=gloss, sid=sid)


def read_raw(folder: Path) -> RawClip:
    """Text and pose, exactly as in the files.

    Raises:
      InvalidFileError: names the file, not its folder, and the reason.
      MissingFileError: a file is not there.
    """
    text, content = _parse_file(folder, TEXT, parse_text), _parse_file(folder, POSE, _parse_content)
    return RawClip(text, *content)


def read_gloss(folder: Path) -> str:
    """The gloss of a clip, "" if it has none.

    Raises:
      InvalidFileError: it has one that cannot be read.
    """
    try:
        return _parse_file(folder, GLOSS, parse_text)
    except safe_read.MissingFileError:
        return ""


def _parse_file(folder: Path, name: str, parse):
    try:
        return parse(_read_file(folder, name))
    except InvalidFileError as error:
        raise type(error)(f"{name}: {error}") from None


def list_clips(split: str | os.PathLike) -> list[str]:
    """Sorted names of the clip folders of a split; hidden folders and loose files do not count.

    Raises:
      DataError: there is no such folder, it cannot be read, or a name could not be printed.
    """
    try:
        with os.scandir(split) as entries:
            names = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    except OSError as error:
        raise DataError(f"{split}: {error.strerror}; a split is a folder of clips") from None
    for name in names:
        if not name.isprintable():
            raise DataError(f"{split}: {name!r} cannot be printed; give that clip's folder another name")
    return names


def read_signature(folder: str) -> list:
    """Size and times of a clip's files: while these stay the same, the content is taken to be the same.

    Raises:
      StorageError: the disk cannot say them now.
    """
    # The time of the last change of the entry, too: programs can set the time of modification back.
    result = []
    for name in (TEXT, POSE, GLOSS):
        try:
            s = os.stat(f"{folder}/{name}")
            result += [s.st_size, s.st_mtime_ns, s.st_ctime_ns]
        except OSError as error:
            # With other times, all packs of the clip would count as packs of other clips.
            if safe_read.is_unreadable(error):
                raise machine_errors.make_unreadable_error(f"{folder}/{name}", error) from None
            # Clips without a gloss keep the signatures that they had before there were glosses: their packs
            # open without hashing all of them again.
            result += [-1, 0, 0] if name != GLOSS else []
    return result


def digest_clip(folder: str | os.PathLike) -> str:
    """A hash of the bytes of a clip's files; text and pose that are not there count by their absence.

    Raises:
      StorageError: a file cannot be read now.
    """
    total = hashlib.blake2b(digest_size=16)
    for name in (TEXT, POSE, GLOSS):
        try:
            data = _read_file(Path(folder), name)
            # With its length: otherwise bytes could move from one file to the other without another digest.
            total.update(b"%d:" % len(data) + data)
        except safe_read.UnreadableFileError as error:
            raise machine_errors.make_unreadable_error(Path(folder, name), error) from None
        except InvalidFileError as error:
            # As for signatures: a clip that has no gloss keeps its digest.
            if name == GLOSS and isinstance(error, safe_read.MissingFileError):
                continue
            total.update(f"{name}: {error}".encode(errors="replace"))
    return total.hexdigest()


def parse_text(data: bytes) -> str:
    """The sentence in the bytes of a text.txt; InvalidFileError gives the reason it is none."""
    try:
        text = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise InvalidFileError("is not UTF-8") from None
    if not text:
        raise InvalidFileError("is empty")
    return text


def _parse_content(data: bytes) -> tuple:
    """What `RawClip` has of the bytes of a pose.json, from `pose` on."""
    # Parsed once: numbers as text are what reading a clip takes its time for.
    content = safe_read.parse_json(data)
    signer, language = (parse_label(content.get(key)) for key in ("signer", "language"))
    source = content.get("source") if isinstance(content.get("source"), str) else None
    pose, fps = _parse_poses(content), parse_rate(content.get("fps"))
    return pose, fps, signer, language, source or None, parse_segment(content.get("segment"), len(pose))


def parse_label(value) -> str | None:
    """The name of a signer or a language from a value of a file; None if it is no name."""
    known = isinstance(value, str) and value.isprintable() and len(value) <= MAX_LABEL
    return (value.strip() or None) if known else None


def parse_rate(value) -> float | None:
    """Frames per second from a value of a file; None if it is no rate."""
    # Some programs write numbers as text, and ffprobe those that are not whole as 30000/1001.
    known = isinstance(value, int | float | str) and not isinstance(value, bool)
    number, _, divisor = str(value).lower().removesuffix("fps").partition("/") if known else ("0", "", "")
    try:
        rate = float(number) / float(divisor or 1)
    except (ValueError, OverflowError, ZeroDivisionError):
        return None
    return rate if 0 < rate < 1000 else None


def parse_segment(values, frames: int) -> np.ndarray | None:
    """A value of a file as `Clip.segment` of so many frames; None if it is something else."""
    is_list = isinstance(values, list) and len(values) == frames
    known = is_list and all(type(value) is int and 0 <= value <= 2 for value in values)
    return np.array(values, np.int8) if known else None


def parse_pose(data: bytes) -> np.ndarray:
    """The pose in the bytes of a pose.json; InvalidFileError gives the reason there is none.

    Returns:
      [T, 50, 3] float32, or [T, 120, 3] if a frame has a face that is not all zeros; frames without have
      zeros there.
    """
    return _parse_poses(safe_read.parse_json(data))


def _parse_poses(content: dict) -> np.ndarray:
    poses = content.get("poses")
    if not isinstance(poses, list):
        raise InvalidFileError('has no list "poses"')
    if not poses:
        raise InvalidFileError("has 0 frames")
    count = content.get("num_frames", len(poses))
    if type(count) is not int or count != len(poses):
        shown = str(count)[:20] if isinstance(count, int | float) else "no number"
        raise InvalidFileError(f"num_frames is {shown}, but there are {len(poses)} poses")
    rows = [_parse_frame(frame, t) for t, frame in enumerate(poses)]
    # Exporters write a face of zeros where they have none, as in the original project's How2Sign clips.
    faces = [_parse_face(frame, t) for t, frame in enumerate(poses)]
    if any(faces):
        nothing = [0] * 3 * FACE[1]
        rows = [row + (face or nothing) for row, face in zip(rows, faces, strict=True)]
    try:
        # Numbers too large for float32 become infinite here and are refused below.
        with np.errstate(over="ignore"):
            pose = np.array(rows, np.float64).astype(np.float32).reshape(len(rows), -1, 3)
    except OverflowError:
        # Integers of hundreds of digits.
        raise InvalidFileError(f"has coordinates beyond {MAX_COORDINATE:g}") from None
    # "not <=" instead of ">": NaN is neither, and must be refused, too.
    if not np.abs(pose).max() <= MAX_COORDINATE:
        t = int(np.argwhere(~(np.abs(pose) <= MAX_COORDINATE))[0, 0])
        raise InvalidFileError(f"frame {t} has coordinates that are infinite or beyond {MAX_COORDINATE:g}")
    return pose


def _parse_frame(frame, t: int) -> list:
    """The 150 numbers of a frame in skeleton order."""
    row = []
    for key, joints in FIELDS:
        values = frame.get(key) if isinstance(frame, dict) else None
        if not isinstance(values, list):
            raise InvalidFileError(f"frame {t} has no list {key}")
        if len(values) != 3 * joints:
            raise InvalidFileError(f"frame {t}: {key} has {len(values)} numbers, not {3 * joints}")
        row += _check_numbers(values, key, t)
    return row


def _parse_face(frame, t: int) -> list | None:
    """The 210 numbers of a frame's face, None if it has none, or nothing but zeros."""
    key, points = FACE
    values = frame.get(key)
    if not isinstance(values, list) or len(values) != 3 * points or not any(values):
        return None
    return _check_numbers(values, key, t)


def _check_numbers(values: list, key: str, t: int) -> list:
    # The set of exact types: a call for each number would take longer, and True is an instance of int.
    if not set(map(type, values)) <= {int, float}:
        raise InvalidFileError(f"frame {t}: {key} holds something that is not a number")
    return values


def _read_file(folder: Path, name: str) -> bytes:
    """The bytes of a clip's file; links may lead to other places of the same root, and no farther."""
    above = folder.absolute().parents
    safe_read.check_inside(folder / name, above[min(2, len(above) - 1)], folder.parent)
    return safe_read.read_bytes(folder / name, MAX_BYTES[name])
