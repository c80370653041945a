"""Which clip a file of one frame belongs to, and when it is: by the numbers in names, or in the files.

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
MIN_PADDED = 3  # digits of a number that is filled up with zeros, as numbers of frames are
# Frames for each that is there: numbers with larger gaps than that count something else.
MAX_STRETCH = 4
SHOWN = 3  # gaps that a warning lists
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
    return named


def _find_frame_column(rows: list[list[str]]) -> int:
    """Which of the pieces of names is the number of the frame; digits stand at odd places."""
    columns = range(1, len(rows[0]), 2)
    differing = [k for k in columns if len({pieces[k] for pieces in rows}) > 1]
    # A person's or a part's number may stand behind that of the frame, but nobody fills it up with zeros.
    padded = [k for k in differing if _is_padded([pieces[k] for pieces in rows])]
    return max(padded or differing or columns, default=len(rows[0]))


def _is_padded(numbers: list[str]) -> bool:
    return len(set(map(len, numbers))) == 1 and len(numbers[0]) >= MIN_PADDED and min(numbers)[0] == "0"


def place_frames(numbers: Sequence[int]) -> tuple[np.ndarray, tuple[ClipWarning, ...]]:
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


def fill_gaps(frames: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Frames [T, ...] at their places, with zeros at those that are left out."""
    if len(frames) == places[-1] + 1:
        return frames
    filled = np.zeros((int(places[-1]) + 1, *frames.shape[1:]), frames.dtype)
    filled[places] = frames
    return filled
