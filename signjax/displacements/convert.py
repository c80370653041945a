"""A clip as a starting pose and displacements, and the clip rebuilt from them.

A joint that is not seen has no motion: its way is bridged straight between the frames that show it, and
lies still before the first and behind the last of them. So a hand that appears or vanishes never leaps,
and adding up displacements is exact wherever the joint is seen again.
"""

from typing import NamedTuple

import numpy as np

from signjax.pose import skeleton


class Moves(NamedTuple):
    """A clip of T frames; units are the clip's own."""

    start: np.ndarray  # [50, 3] float64 the first frame; for joints that come later where they are first seen
    deltas: np.ndarray  # [T - 1, 50, 3] float64 from each frame to the next
    seen: np.ndarray  # [T, 50] bool


def take(pose: np.ndarray, seen: np.ndarray) -> Moves:
    """The moves of a clip, pose [T, 50, 3] in any unit, seen [T, 50] bool, T >= 1."""
    whole = _bridge(np.asarray(pose, np.float64), seen)
    return Moves(whole[0], np.diff(whole, axis=0), seen.copy())


def track(moves: Moves) -> np.ndarray:
    """Places [T, 50, 3] of all joints, bridged where they are not seen; 0 for joints never seen."""
    return np.concatenate([moves.start[None], moves.start + np.cumsum(moves.deltas, axis=0)])


def rebuild(moves: Moves) -> tuple[np.ndarray, np.ndarray]:
    """The clip again: pose [T, 50, 3] float32, 0 where a joint is missing, and seen [T, 50] bool."""
    placed = np.where(moves.seen[..., None], track(moves), 0.0)
    return placed.astype(np.float32), moves.seen


def at(moves: Moves, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places and visibility at given times.

    Args:
      moves: of a clip of T frames.
      times: [K] in frames, 0 to T - 1; between two frames the way is straight.

    Returns:
      places [K, 50, 3], exactly those of a frame at a whole time, and seen [K, 50] bool of the nearest frame.
    """
    places = track(moves)
    low = np.clip(np.floor(times).astype(int), 0, max(len(places) - 2, 0))
    share = (times - low)[:, None, None]
    high = np.minimum(low + 1, len(places) - 1)
    between = places[low] * (1 - share) + places[high] * share
    return between, moves.seen[np.clip(np.rint(times).astype(int), 0, len(places) - 1)]


def _bridge(pose: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Missing stretches filled in a straight line; joints never seen lie at 0."""
    pose, time = np.where(seen[..., None], pose, 0.0), np.arange(len(pose))
    for joint in range(skeleton.NUM_JOINTS):
        known = seen[:, joint]
        if known.any() and not known.all():
            for axis in range(3):
                pose[~known, joint, axis] = np.interp(time[~known], time[known], pose[known, joint, axis])
    return pose
