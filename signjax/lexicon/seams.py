"""Seams between signs: where one is left and the next entered, and the way between.

A sign is left and entered where its pose is nearest to one of the other's. The way between begins with the
velocity that the one sign has, ends with that of the other, and is longer the farther hands have to go.
Smoothing, forwards and backwards alike, reaches a few frames into the signs and no farther.
"""

import numpy as np

from signjax.lexicon import blending
from signjax.pose import skeleton

SEARCH_SECONDS, SEARCH_SHARE = 0.15, 0.15  # how far into a sign, in seconds and as a share of it
LEAST_GAP, MOST_GAP = 0.08, 0.4  # seconds of a way
SECONDS_PER_LENGTH = 0.09  # of a way, for each neck-to-shoulder length that the farther hand goes
CARRY = 0.16  # seconds in which the velocity of a sign has gone
MARGIN = 2  # frames of a sign on each side that smoothing changes
KERNEL = np.array([1, 4, 6, 4, 1]) / 16
# Roots of the hands and tips of the fingers.
TIPS = [root + 4 * k for root in (skeleton.R_HAND, skeleton.L_HAND) for k in range(6)]


def find_cut(before: np.ndarray, after: np.ndarray, rate: float) -> tuple[int, int]:
    """Where to leave one sign and enter the next: (frames of `before` to keep, first frame of `after`).

    Args:
      before: [T, 50, 3].
      after: [U, 50, 3].
      rate: frames per second.
    """
    ends = [min(round(SEARCH_SECONDS * rate), int(SEARCH_SHARE * len(pose))) + 1 for pose in (before, after)]
    tail, head = before[len(before) - ends[0] :], after[: ends[1]]
    distances = ((tail[:, None] - head[None]) ** 2).sum((-1, -2))
    # Of equal ones that which cuts least.
    leave, enter = np.unravel_index(np.argmin(distances[::-1]), distances.shape)
    return len(before) - int(leave), int(enter)


def count_gap(start: np.ndarray, end: np.ndarray, rate: float) -> int:
    """The frames of the way between two poses [50, 3]."""
    distance = float(np.sqrt(((end - start)[TIPS] ** 2).sum(-1)).max())
    seconds = np.clip(LEAST_GAP + SECONDS_PER_LENGTH * distance, LEAST_GAP, MOST_GAP)
    return max(1, round(float(seconds) * rate))


def bridge_poses(before: np.ndarray, after: np.ndarray, frames: int, rate: float) -> np.ndarray:
    """The way [frames, 50, 3] from the last pose of `before` to the first of `after`, neither included.

    Position and velocity are continuous at both ends.
    """
    t = np.arange(1, frames + 1)
    carry = min(CARRY * rate, (frames + 1) / 2)
    onward = before[-1] + _coast(t, carry) * _velocity(before)
    backward = after[0] + _coast(frames + 1 - t, carry) * _velocity(after[::-1])
    return blending.blend_poses(onward, backward, blending.ease(t / (frames + 1)))


def _velocity(pose: np.ndarray) -> np.ndarray:
    """The velocity [50, 3] a frame at the end of a motion, over its last frames: one step alone is noise."""
    steps = min(2, len(pose) - 1)
    return (pose[-1] - pose[-1 - steps]) / steps if steps else np.zeros_like(pose[0])


def _coast(t: np.ndarray, carry: float) -> np.ndarray:
    """How many frames' way a body goes in t frames whose velocity is gone after `carry` frames."""
    share = np.minimum(t / max(carry, 1e-9), 1.0)
    return (carry * (share - share**2 + share**3 / 3))[:, None, None]


def smooth_seam(pose: np.ndarray, start: int, stop: int) -> None:
    """Smooths a way, frames start <= t < stop of pose [T, 50, 3], and MARGIN frames beside it, in place."""
    low, high = max(start - MARGIN, 0), min(stop + MARGIN, len(pose))
    if high - low < 3:
        return
    reach = len(KERNEL) // 2
    # Beyond the clip the pose stays: an end is no seam.
    t = np.clip(np.arange(low - reach, high + reach), 0, len(pose) - 1)
    around = pose[t]
    smooth = sum(weight * around[k : k + high - low] for k, weight in enumerate(KERNEL))
    # Full on the way, less and less into the signs, so that no frame of them leaps.
    outside = np.maximum(np.maximum(start - np.arange(low, high), np.arange(low, high) - stop + 1), 0)
    share = 1 - outside / (MARGIN + 1)
    pose[low:high] += share[:, None, None] * (smooth - pose[low:high])
