"""The clip and the time of a file with one frame, by the numbers in its name or in the file.

Programs name frames in many ways: `clip_000000000012_keypoints.json`, `clip.avi_pid0_fn000012-0`, `frame12`.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from signjax.pose.clip import ClipWarning

SEPARATORS = "_-. "
# What stands before the number of a frame and is no part of the clip's name, as in a_frame_0001.
FRAME_WORD = re.compile(r"(?<=[^_\-. ])[_\-. ]+(?:frames?|img|images?|fn)$", re.IGNORECASE)
MIN_PADDED = 3  # digits of a number that is filled up with zeros, as numbers of frames are
# Frames for each that is there: numbers with larger gaps than that count something else.
MAX_STRETCH = 4
MAX_NUMBER = 1 << 53  # beyond it, floating numbers are no counts
SHOWN = 3  # gaps that a warning lists
# As MMPose and others write the number of a frame, and MediaPipe's programs its time.
FRAME_KEYS = ("frame_id", "frame_idx", "frame_index", "frame_number", "frame")
TIME_KEYS = ("timestamp_ms", "timestampMs", "timestamp", "time")
GAPS = "frames are missing between others, as their numbers say"


class ClipFrames(NamedTuple):
    """The files of a clip in the order of their numbers."""

    name: str  # what the files' names have in common
    indices: list[int]  # of the names in the list
    numbers: list[int]


def group_by_clip(stems: Sequence[str]) -> list[ClipFrames]:
    """The files of a folder by clip; `stems` are their names without the ending.

    The number of a frame is the last group of digits that differs within the folder.
    """
    families: dict[tuple, list[tuple[int, list[str]]]] = {}
    for index, stem in enumerate(stems):
        pieces = re.split(r"(\d+)", stem)
        families.setdefault(tuple(pieces[::2]), []).append((index, pieces))
    clips: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for members in families.values():
        column = _find_frame_column([pieces for _, pieces in members])
        for index, pieces in members:
            around = "".join(pieces[:column]), "".join(pieces[column + 1 :])
            number = int(pieces[column]) if column < len(pieces) else 0
            clips.setdefault(around, []).append((number, index))
    short = Counter(before.rstrip(SEPARATORS) for before, _ in clips)
    named = []
    for (before, after), frames in clips.items():
        name = before.rstrip(SEPARATORS)
        # What follows the number is a part of the name only where it tells clips apart.
        name = name if short[name] == 1 else before + after
        # By number, not by name: 10 follows 9.
        numbers, indices = zip(*sorted(frames), strict=True)
        named.append(ClipFrames(name, list(indices), list(numbers)))
    shorter = [FRAME_WORD.sub("", clip.name) for clip in named]
    if len(set(shorter)) < len(named):
        return named
    return [clip._replace(name=name) for clip, name in zip(named, shorter, strict=True)]


def _find_frame_column(rows: list[list[str]]) -> int:
    """Which of the pieces of names is the number of the frame; digits stand at odd places."""
    columns = range(1, len(rows[0]), 2)
    differing = [k for k in columns if len({pieces[k] for pieces in rows}) > 1]
    # A person's or a part's number may stand behind that of the frame, but nobody fills it up with zeros.
    padded = [k for k in differing if _is_padded([pieces[k] for pieces in rows])]
    return max(padded or differing or columns, default=len(rows[0]))


def _is_padded(numbers: list[str]) -> bool:
    return len(set(map(len, numbers))) == 1 and len(numbers[0]) >= MIN_PADDED and min(numbers)[0] == "0"


def place_frames(numbers: Sequence) -> tuple[np.ndarray, tuple[ClipWarning, ...]]:
    """When each frame is, in frames since the first.

    Args:
      numbers: of the frames, rising.

    Returns:
      (places [T], the first is 0; what to tell of them). Places that are left out are missing frames.
    """
    values, count = np.array(numbers, object), len(numbers)
    steps, as_listed = np.diff(values), np.arange(count)
    if (steps <= 0).any():
        return as_listed, (
            ClipWarning("frames have no numbers of their own, and follow one another as listed"),
        )
    # Of every second frame of a video, the numbers are 0, 2, 4.
    step = math.gcd(*steps.tolist()) or 1
    places = (values - values[0]) // step
    if places[-1] >= MAX_STRETCH * count:
        return as_listed, (ClipWarning("frame numbers leave out most frames, and were not used as times"),)
    warnings = []
    if step > 1:
        warnings.append(
            ClipWarning(f"frame numbers go up by {step}: is the frame rate that of every {step}th frame")
        )
    places = places.astype(np.int64)
    gaps = [(places[k] + 1, places[k + 1] - 1) for k in np.flatnonzero(np.diff(places) > 1)]
    if gaps:
        listed = ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in gaps[:SHOWN])
        warnings.append(ClipWarning(GAPS, listed + (" and more" if len(gaps) > SHOWN else "")))
    return places, tuple(warnings)


def place_entries(entries: Sequence) -> tuple[list[int], np.ndarray, tuple[ClipWarning, ...]]:
    """When the frames are that a file lists, by the number or the time that each of them may have.

    Returns:
      (indices of the entries in the order of time, their places [T] as of `place_frames`, what to tell).
    """
    for keys, read, place in ((FRAME_KEYS, read_number, place_frames), (TIME_KEYS, _read_time, _place_times)):
        values = [value for entry in entries if (value := read(entry, keys)) is not None]
        if values and len(values) == len(entries):
            order = sorted(range(len(values)), key=values.__getitem__)
            return order, *place([values[k] for k in order])
        if values:
            warning = ClipWarning(
                f'some frames have no "{keys[0]}", so that all follow one another as listed'
            )
            return list(range(len(entries))), np.arange(len(entries)), (warning,)
    return list(range(len(entries))), np.arange(len(entries)), ()


def read_number(entry, keys: Sequence[str]) -> int | None:
    """The first whole number that one of the keys of an object has, None if there is none."""
    values = [entry[key] for key in keys if key in entry] if isinstance(entry, dict) else []
    # Exact types, as True would pass for a number.
    return next((value for value in values if type(value) is int and abs(value) < MAX_NUMBER), None)


def _read_time(entry, keys: Sequence[str]) -> float | None:
    values = [entry[key] for key in keys if key in entry] if isinstance(entry, dict) else []
    return next((float(x) for x in values if type(x) in (int, float) and abs(x) < MAX_NUMBER), None)


def _place_times(times: Sequence[float]) -> tuple[np.ndarray, tuple[ClipWarning, ...]]:
    """The places of frames by their times in any unit, rising; the usual step is that of one frame."""
    values, as_listed = np.array(times, np.float64), np.arange(len(times))
    step = float(np.median(np.diff(values))) if len(values) > 1 else 1.0
    uneven = (ClipWarning("times of frames are uneven, and frames were taken as evenly spaced"),)
    # Times beyond any recording are no times.
    if not 0 < step < np.inf or not np.ptp(values) < MAX_STRETCH * len(values) * step:
        return as_listed, uneven
    exact = (values - values[0]) / step
    places = np.round(exact)
    # Milliseconds are rounded; recordings of live programs have times between frames.
    if (np.abs(exact - places) > 0.25).any() or (np.diff(places) < 1).any():
        return as_listed, uneven
    return place_frames(list(map(int, places)))


def fill_gaps(frames: np.ndarray, places: np.ndarray, missing: float = 0.0) -> np.ndarray:
    """Frames [T, ...] at their places, with a number that stands for nothing at those that are left out."""
    if len(frames) == places[-1] + 1:
        return frames
    filled = np.full((int(places[-1]) + 1, *frames.shape[1:]), missing, frames.dtype)
    filled[places] = frames
    return filled
