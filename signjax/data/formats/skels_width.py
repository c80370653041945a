"""The number of values in a frame of a .skels file: 2-D or 3-D, with or without a frame counter.

A line does not say where a frame ends, and its length has many divisors: 150 frames of 151 numbers are also
151 frames of 150. One width holds for a whole file, and a counter shows that it is the right one.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from signjax.io.safe_read import InvalidFileError
from signjax.pose import skeleton

SAMPLE = 8  # lines that decide where several widths fit


class FrameWidth(NamedTuple):
    """The numbers of a frame."""

    count: int
    dims: int
    has_counter: bool


WIDTHS = tuple(
    FrameWidth(skeleton.NUM_JOINTS * dims + counter, dims, bool(counter))
    for counter in (1, 0)
    for dims in (3, 2)
)
TRIED = "151 or 101 with a counter that rises from 0 to 1, 150 or 100 without"


def detect_width(lines: Iterable[bytes]) -> tuple[FrameWidth, str]:
    """The width of the frames of a file, from all of its lines.

    Returns:
      (width, what a user should know of how it was chosen or "").

    Raises:
      InvalidFileError: no width fits.
    """
    divides, counts, total, sample = dict.fromkeys(WIDTHS, 0), dict.fromkeys(WIDTHS, 0), 0, []
    for line in lines:
        words = line.split()
        total += bool(words)
        for width in WIDTHS:
            if words and len(words) % width.count == 0:
                divides[width] += 1
                counts[width] += width.has_counter and _is_counter(words[width.count - 1 :: width.count])
        # Long files must not stay in memory.
        if words and len(sample) < SAMPLE:
            sample.append(words)
    return _choose_width(divides, counts, total, sample)


def _choose_width(divides: dict, counts: dict, total: int, sample: list) -> tuple[FrameWidth, str]:
    counted = max(WIDTHS, key=counts.__getitem__)
    # A counter is proof, so that broken lines beside it are left out one by one. A divisor alone is none.
    if 2 * counts[counted] > total:
        return counted, ""
    fitting = [width for width in WIDTHS if total and divides[width] == total]
    plain = [width for width in fitting if not width.has_counter]
    if not fitting:
        raise InvalidFileError(f"no number of values a frame fits all its lines; tried were {TRIED}")
    # A counter that does not count is no proof, so that widths without one are tried before.
    best = min(plain or fitting, key=lambda width: _measure_roughness(sample, width))
    if len(plain) == 1:
        return best, ""
    dims = f"frames of {best.count} numbers, {best.dims}-D"
    why = "several widths fit" if plain else "the last of them is no counter"
    return best, f"{dims}: a guess, as {why}"


def _is_counter(words: list[bytes]) -> bool:
    """Whether numbers rise from 0 to 1."""
    try:
        values = np.array([float(word) for word in words])
    except ValueError:
        return False
    rises = bool((np.diff(values) >= 0).all())
    # Some count from 0 to (T - 1) / T, others from 1 / T to 1.
    starts = -1e-3 <= values[0] <= 1 / len(values) + 1e-3
    return rises and starts and (len(values) == 1 or 1 - 1 / len(values) - 1e-3 <= values[-1] <= 1 + 1e-3)


def _measure_roughness(sample: list[list[bytes]], width: FrameWidth) -> float:
    """How far numbers move from frame to frame, as a share of how far they are apart in a frame."""
    moved, spread = [], []
    for words in sample:
        try:
            frames = np.array([float(word) for word in words]).reshape(-1, width.count)
        except ValueError:
            continue
        # Cut at wrong places, a joint takes the place of another from frame to frame.
        moved.append(np.abs(np.diff(frames, axis=0)).mean() if len(frames) > 1 else 0.0)
        spread.append(np.abs(frames - frames.mean(1, keepdims=True)).mean())
    return float(np.sum(moved) / max(np.sum(spread), 1e-12))
