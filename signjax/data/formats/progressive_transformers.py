"""Progressive Transformers' files (Saunders et al. 2020), and Prompt2Sign's: `.skels`, `.text`, `.gloss`.

A line of .skels is a clip: 150 numbers a frame, 50 joints of x, y and z in the skeleton's order, then a
counter that runs from 0 to 1; the neck is the origin. Others write it in 2-D or without the counter.
`.files` gives the clips their names. In the files of PHOENIX the hand of joints 8 to 28 hangs on joint 7. It
moves more and lies on the left of the picture: it is the signer's right hand, and the arms are exchanged.
Other files may have it otherwise: the wrists tell.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax.data.clip_files import MAX_BYTES, TEXT
from signjax.data.formats import base, file_names, skels_width
from signjax.data.formats.base import JointMap, UnreadableClip
from signjax.io import safe_read
from signjax.io.safe_read import InvalidFileError
from signjax.pose import skeleton
from signjax.pose.clip import Clip, ClipWarning

# A line is a clip, of four minutes at most: a file without line ends must not be read into memory as one.
MAX_LINE_BYTES = 1 << 23
MAX_LINES = 1 << 20  # of a file
UNIT = 3.0  # what the files' coordinates were divided by
JOINT_MAP = JointMap(tuple((k,) for k in range(8)), 8, 29)
EXCHANGED_ARMS = np.array([*skeleton.MIRROR[skeleton.BODY], *range(8, skeleton.NUM_JOINTS)])


class ClipLine(NamedTuple):
    """A clip as the lines of the files have it."""

    split: str | None
    sid: bytes  # b"" if there is no .files
    text: bytes
    gloss: bytes
    numbers: bytes
    numbered_sid: str  # for a clip without a name
    width: skels_width.FrameWidth  # of the whole file
    guess: str  # how the width was chosen if that is not sure


def read_clips(path: Path) -> Iterator[Clip | UnreadableClip]:
    """The clips of all .skels files in a folder and those below, or of one file."""
    for file in file_names.list_files(path, ".skels"):
        try:
            yield from base.read_each(_read_lines(file), _read_clip)
        except InvalidFileError as error:
            yield UnreadableClip(str(file), str(error))


def _read_lines(file: Path) -> Iterator[tuple[str, ClipLine]]:
    """Each clip's lines, with what messages call it."""
    split, count = file_names.parse_split(file.stem), _count_lines(file)
    if count > MAX_LINES:
        raise InvalidFileError(f"has {count:,} lines, more than {MAX_LINES:,}")
    beside = [_read_lines_beside(file, ending, count) for ending in (".text", ".gloss", ".files")]
    if not count:
        return
    width, guess = skels_width.detect_width(_read_whole_lines(file))
    # A line at a time: files have gigabytes.
    with safe_read.open_bounded(file, None) as (handle, _):
        for number, (text, gloss, sid) in enumerate(zip(*beside, strict=True), 1):
            line = handle.readline(MAX_LINE_BYTES)
            if len(line) == MAX_LINE_BYTES:
                size = f"its line {number} has {MAX_LINE_BYTES:,} bytes or more"
                raise InvalidFileError(f"{size}; cut that clip into sentences")
            numbered_sid = f"{file.stem}_{number:05}"
            yield f"{file}:{number}", ClipLine(split, sid, text, gloss, line, numbered_sid, width, guess)


def _read_whole_lines(file: Path) -> Iterator[bytes]:
    """The lines up to the first that is too long, which is named when its turn comes."""
    with safe_read.open_bounded(file, None) as (handle, _):
        while 0 < len(line := handle.readline(MAX_LINE_BYTES)) < MAX_LINE_BYTES:
            yield line


def _count_lines(file: Path) -> int:
    """The lines of a file of any size; the last may end with the file."""
    lines, last = 0, b"\n"
    with safe_read.open_bounded(file, None) as (handle, _):
        while chunk := handle.read(1 << 20):
            lines, last = lines + chunk.count(b"\n"), chunk[-1:]
    return lines + (last != b"\n")


def _read_lines_beside(file: Path, ending: str, count: int) -> list[bytes]:
    """The lines of the file of another ending, `count` of them; empty ones if there is no such file."""
    other = file.with_suffix(ending)
    try:
        lines = safe_read.read_bytes(other).split(b"\n", count)
    except safe_read.MissingFileError:
        return [b""] * count
    except InvalidFileError as error:
        raise InvalidFileError(f"{other.name}: {error}") from None
    # What follows the end of the last line is no line.
    if not lines[-1].strip():
        lines.pop()
    if len(lines) != count:
        counts = f"has {count:,} lines and {other.name} {_count_lines(other):,}"
        raise InvalidFileError(f"{counts}; they must be of the same clips")
    return lines


def _read_clip(clip: ClipLine) -> Clip:
    try:
        name = file_names.parse_listed_name(clip.sid.decode("utf-8-sig"))
        text, gloss = (line.decode("utf-8-sig").strip() for line in (clip.text, clip.gloss))
    except UnicodeDecodeError:
        raise InvalidFileError("its text, gloss or name is not UTF-8") from None
    if max(len(line.encode()) for line in (text, gloss)) > MAX_BYTES[TEXT]:
        raise InvalidFileError(f"its text or gloss has more than {MAX_BYTES[TEXT]:,} bytes")
    sid = file_names.parse_sid(name or clip.numbered_sid)
    # Their files have no confidence: what was not seen is 0.
    points = _parse_points(clip.numbers, clip.width)
    seen = (points != 0).any(-1)
    # The neck is the origin, and so 0, of every frame that shows anything.
    seen[:, skeleton.NECK] |= seen.any(1)
    pose, valid = base.select_joints(UNIT * points, seen, JOINT_MAP)
    if _are_arms_exchanged(pose, valid):
        pose, valid = pose[:, EXCHANGED_ARMS], valid[:, EXCHANGED_ARMS]
    warnings = (ClipWarning(clip.guess),) if clip.guess else ()
    about = {"text": text, "gloss": gloss, "sid": sid, "split": clip.split, "warnings": warnings}
    return Clip(base.turn_upright(pose), valid, **about)


def _parse_points(line: bytes, width: skels_width.FrameWidth) -> np.ndarray:
    """Joints [T, 50, 3] of a line, z = 0 in 2-D."""
    words = line.split()
    if not words or len(words) % width.count:
        count = f"has {len(words):,} numbers, which is no multiple of {width.count}"
        raise InvalidFileError(f"{count}; so many has a frame in the other lines")
    try:
        values = np.array([float(word) for word in words]).reshape(-1, width.count)
    except ValueError as error:
        reason = safe_read.describe_error(error)
        raise InvalidFileError(f"holds something that is not a number ({reason})") from None
    if not np.isfinite(values).all():
        raise InvalidFileError("holds numbers that are not finite")
    joints = values[:, : width.dims * skeleton.NUM_JOINTS].reshape(len(values), -1, width.dims)
    return np.pad(joints, ((0, 0), (0, 0), (0, 3 - width.dims)))


def _are_arms_exchanged(pose: np.ndarray, valid: np.ndarray) -> bool:
    """Whether hands lie nearer to the wrists of the other names, and shoulders are the wrong way round."""
    shoulders = pose[valid[:, [skeleton.R_SHOULDER, skeleton.L_SHOULDER]].all(1)]
    sideways = shoulders[:, skeleton.R_SHOULDER, 0] - shoulders[:, skeleton.L_SHOULDER, 0]
    # Where shoulders are right, it is the hands that are exchanged, and signjax.data.plausibility does that.
    if not len(sideways) or np.median(sideways) < 0:
        return False
    seen = valid[:, [skeleton.R_HAND, skeleton.L_HAND, skeleton.R_WRIST, skeleton.L_WRIST]].all(1)
    hands = pose[seen][:, [skeleton.R_HAND, skeleton.L_HAND]]
    wrists = pose[seen][:, [skeleton.R_WRIST, skeleton.L_WRIST]]
    same, other = (np.linalg.norm(hands - w, axis=-1).sum() for w in (wrists, wrists[:, ::-1]))
    return bool(other < same)
