"""Signs one after another as one clip."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from signjax.lexicon import seams

REST = 0.2  # seconds of rest before the first sign and after the last one, if their clips have it


class Stroke(NamedTuple):
    """A sign, or a letter, to be joined to others.

    Attributes:
      pose: [T, 50, 3] of the sign alone.
      lead_in: [A, 50, 3] frames of its clip before it, from rest; those of the first stroke are kept.
      lead_out: [B, 50, 3] frames after it; those of the last stroke are kept.
      pause: seconds that the way to the next stroke takes longer.
    """

    pose: np.ndarray
    lead_in: np.ndarray
    lead_out: np.ndarray
    pause: float = 0.0


class Stitched(NamedTuple):
    """A clip of strokes.

    Attributes:
      pose: [T, 50, 3] float32.
      segment: [T] int8, 2 in the first frame of a sign, 1 inside of one, 0 between signs.
      cuts: for each stroke (first frame in the clip, first frame and frame after the last one of the stroke):
        between them, but for seams.MARGIN frames at seams, the clip has the stroke's own frames, bit for bit.
    """

    pose: np.ndarray
    segment: np.ndarray
    cuts: list[tuple[int, int, int]]


def stitch_strokes(strokes: Sequence[Stroke], rate: float) -> Stitched:
    """Joins at least one stroke.

    Args:
      strokes: in order, all at `rate`.
      rate: frames per second.
    """
    bounds = _cut_strokes(strokes, rate)
    parts, cuts, ways = [strokes[0].lead_in], [], []
    length = len(strokes[0].lead_in)
    for k, (stroke, (first, last)) in enumerate(zip(strokes, bounds, strict=True)):
        kept = stroke.pose[first:last]
        cuts.append((length, first, last))
        parts.append(kept)
        length += len(kept)
        if k + 1 < len(strokes):
            following = strokes[k + 1].pose[slice(*bounds[k + 1])]
            frames = seams.count_gap(kept[-1], following[0], rate) + round(stroke.pause * rate)
            parts.append(seams.bridge_poses(kept, following, frames, rate))
            ways.append((length, length + frames))
            length += frames
    pose = np.concatenate([*parts, strokes[-1].lead_out]).astype(np.float32)
    for way in ways:
        seams.smooth_seam(pose, *way)
    return Stitched(pose, _mark_signs(len(pose), cuts), cuts)


def _cut_strokes(strokes: Sequence[Stroke], rate: float) -> list[tuple[int, int]]:
    """(first frame, frame after the last one) of each stroke that are kept."""
    bounds = [[0, len(stroke.pose)] for stroke in strokes]
    for k in range(len(strokes) - 1):
        leave, enter = seams.find_cut(strokes[k].pose, strokes[k + 1].pose, rate)
        bounds[k][1], bounds[k + 1][0] = leave, enter
    return [(first, max(last, first + 1)) for first, last in bounds]


def _mark_signs(frames: int, cuts: Sequence[tuple[int, int, int]]) -> np.ndarray:
    segment = np.zeros(frames, np.int8)
    for start, first, last in cuts:
        segment[start : start + last - first] = 1
        segment[start] = 2
    return segment
