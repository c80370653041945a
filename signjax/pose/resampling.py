"""Clips at another frame rate."""

import dataclasses

import numpy as np

from signjax.errors import DataError
from signjax.pose.clip import Clip

# Seconds. A hand that a detector loses for a frame or two comes back where it was going; after longer it may
# have been anywhere.
MAX_GAP = 0.1
# Times are multiples of 1 / fps, which floats round: a frame this near to a recorded one (in frames) is that.
SAME_TIME = 1e-6
MAX_FRAMES = 250_000  # of a clip: longer than any that is read


def resample_clip(clip: Clip, fps: float) -> Clip:
    """The clip at another frame rate: the same motion and duration in other frames.

    Frame k of the result is at k / fps seconds, up to the time of the last recorded frame. Positions between
    recorded frames are on cubic splines (Catmull-Rom), which keep a constant speed constant; a frame at the
    time of a recorded one is that frame, bit for bit. A joint is missing where it is in the nearest recorded
    frame, and where that is MAX_GAP away from being seen again.

    Args:
      clip: with a known frame rate; with this rate it is returned as it is.
      fps: frames per second.

    Returns:
      The clip without tokens, which stand for frames of the old rate.

    Raises:
      DataError: the clip does not say its rate, or becomes too long.
    """
    if clip.fps == fps:
        return clip
    if not clip.fps:
        raise DataError("does not say its frame rate; give frames per second with --fps")
    if not len(clip):
        return dataclasses.replace(clip, fps=fps, tokens=None)
    # The rate of a clip may come from a stranger's file: one frame an hour would fill any memory.
    if not (len(clip) - 1) * fps / clip.fps < MAX_FRAMES:
        raise DataError(
            f"says {clip.fps:g} frames a second, so that it would have more than {MAX_FRAMES:,} at {fps:g}"
        )
    count = int(np.floor((len(clip) - 1) * fps / clip.fps + SAME_TIME)) + 1
    times = np.arange(count) * (clip.fps / fps)  # in frames of the clip
    times = np.where(np.abs(times - times.round()) < SAME_TIME, times.round(), times)
    points, known = _fill_short_gaps(clip.points, clip.valid, max(1, int(MAX_GAP * clip.fps)))
    before = np.minimum(times.astype(int), len(clip) - 1)
    after = np.minimum(np.ceil(times).astype(int), len(clip) - 1)
    share = times - before
    # In the middle of two frames both are the nearest.
    nearest = np.where(share[:, None] <= 0.5, clip.valid[before], True)
    nearest &= np.where(share[:, None] >= 0.5, clip.valid[after], True)
    # A recorded frame is its own neighbour, so that nothing beside it decides whether its joints are there.
    valid = np.where((share == 0)[:, None], clip.valid[before], nearest & known[before] & known[after])
    points = _interpolate_points(points, known, before, after, share)
    points = np.where(valid[..., None], points, 0).astype(np.float32)
    segment = None if clip.segment is None else _resample_segment(clip.segment, times)
    return dataclasses.replace(clip, points=points, valid=valid, fps=fps, tokens=None, segment=segment)


def _resample_segment(segment: np.ndarray, times: np.ndarray) -> np.ndarray:
    """`Clip.segment` at times [N] in frames: every sign that still has a frame has one first frame."""
    nearest = np.floor(times + 0.5).astype(int)
    signs = np.cumsum(segment == 2)[nearest]
    begins = np.diff(signs, prepend=0) > 0
    return np.where(begins & (segment[nearest] > 0), 2, np.minimum(segment[nearest], 1)).astype(np.int8)


def _fill_short_gaps(points: np.ndarray, valid: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Points [T, J, 3] in float64 with gaps of at most `longest` frames filled by straight lines, and where
    points are known then [T, J]."""
    points, frames = points.astype(np.float64), np.arange(len(points))[:, None]
    last = np.maximum.accumulate(np.where(valid, frames, -1), axis=0)
    following = np.where(valid, frames, len(points))
    following = np.minimum.accumulate(following[::-1], axis=0)[::-1]
    short = ~valid & (last >= 0) & (following < len(points)) & (following - last <= longest + 1)
    frame, joint = np.nonzero(short)
    start, end = last[short], following[short]
    part = ((frame - start) / (end - start))[:, None]
    points[frame, joint] = (1 - part) * points[start, joint] + part * points[end, joint]
    return points, valid | short


def _interpolate_points(points, known, before, after, share) -> np.ndarray:
    """Catmull-Rom splines: points [N, J, 3] a `share` [N] of the way from frames `before` to `after` [N]."""
    last = len(points) - 1
    low, high = points[before], points[after]
    earlier, later = np.maximum(before - 1, 0), np.minimum(after + 1, last)
    # Where there is no neighbour, the one that a constant speed would have: the spline is nearer to a line.
    has_earlier = known[earlier] & (before > 0)[:, None]
    has_later = known[later] & (after < last)[:, None]
    first = np.where(has_earlier[..., None], points[earlier], 2 * low - high)
    final = np.where(has_later[..., None], points[later], 2 * high - low)
    t = share[:, None, None]
    linear, square = high - first, 2 * first - 5 * low + 4 * high - final
    cubic = 3 * (low - high) + final - first
    return low + 0.5 * t * (linear + t * (square + t * cubic))
