"""A clip as a starting pose and displacements from frame to frame, and the clip rebuilt from them.

A missing joint has no measured motion: its position is interpolated in a straight line between the frames
that show it, and stays still before the first and after the last of them. So a hand that appears or
disappears never jumps, and the sum of the displacements is exact wherever the joint is visible again.
"""

from typing import NamedTuple

import numpy as np

from signjax.pose import skeleton


class DisplacementSequence(NamedTuple):
    """A clip of T frames as displacements, in the units of the clip."""

    # Positions of the first frame; of a joint that only appears later, where it first appears.
    start: np.ndarray  # [50, 3] float64
    deltas: np.ndarray  # [T - 1, 50, 3] float64, from each frame to the next
    valid: np.ndarray  # [T, 50] bool, False where a joint is missing


def compute_displacements(pose: np.ndarray, valid: np.ndarray) -> DisplacementSequence:
    """The displacements of a clip.

    Args:
      pose: [T, 50, 3] positions in any unit, T >= 1.
      valid: [T, 50] bool, False where a joint is missing.
    """
    # float64: the sum of hundreds of float32 displacements would drift away from the recorded positions.
    complete = _interpolate_gaps(np.asarray(pose, np.float64), valid)
    return DisplacementSequence(complete[0], np.diff(complete, axis=0), valid.copy())


def compute_positions(sequence: DisplacementSequence) -> np.ndarray:
    """Positions [T, 50, 3] of all joints, interpolated where they are missing; 0 for joints never visible."""
    start = sequence.start
    return np.concatenate([start[None], start + np.cumsum(sequence.deltas, axis=0)])


def rebuild_poses(sequence: DisplacementSequence) -> tuple[np.ndarray, np.ndarray]:
    """The clip again: pose [T, 50, 3] float32, 0 where a joint is missing, and valid [T, 50] bool."""
    # Interpolated positions only carry the sum across a gap; nobody measured them, so they are hidden again.
    pose = np.where(sequence.valid[..., None], compute_positions(sequence), 0.0)
    return pose.astype(np.float32), sequence.valid


def sample_positions(sequence: DisplacementSequence, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions and visibility at any times, also between frames.

    Args:
      sequence: of a clip of T frames.
      times: [K] in frames, 0 to T - 1; between two frames the motion is a straight line.

    Returns:
      positions [K, 50, 3], exactly those of the frame at a whole time; valid [K, 50] bool of the nearest
      frame.
    """
    positions = compute_positions(sequence)
    last = len(positions) - 1
    # At most the last frame but one, so that the time T - 1 is the end of a segment and not a new one.
    low = np.clip(np.floor(times).astype(int), 0, max(last - 1, 0))
    high = np.minimum(low + 1, last)
    weight = (times - low)[:, None, None]
    sampled = positions[low] * (1 - weight) + positions[high] * weight
    # Visibility is yes or no: there is nothing between two frames, so the nearest one decides.
    return sampled, sequence.valid[np.clip(np.rint(times).astype(int), 0, last)]


def _interpolate_gaps(pose: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Fills the frames in which a joint is missing by straight lines; joints never visible lie at 0."""
    # What a file has in place of a missing joint is arbitrary, even NaN, and must not enter any sum.
    pose, time = np.where(valid[..., None], pose, 0.0), np.arange(len(pose))
    for joint in range(skeleton.NUM_JOINTS):
        visible = valid[:, joint]
        if visible.any() and not visible.all():
            for axis in range(3):
                recorded = pose[visible, joint, axis]
                pose[~visible, joint, axis] = np.interp(time[~visible], time[visible], recorded)
    return pose
