"""Smooth ways from one pose to another, and bones that keep their lengths on the way."""

import numpy as np

from signjax.pose import kinematics

LEAST_LENGTH = 0.5  # share of its length to which a bone may shrink on its way; half a turn is not undone


def ease(share: np.ndarray) -> np.ndarray:
    """From 0 to 1 for a share from 0 to 1, at rest at both ends: the course of least jerk (Flash 1985)."""
    return share**3 * (10 - 15 * share + 6 * share**2)


def restore_lengths(pose: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Poses whose bones have their lengths again: a straight way between two turned bones shortens them.

    Args:
      pose: [T, 50, 3].
      lengths: [T, 49] that the bones should have.
    """
    neck, bones = kinematics.bone_vectors(pose)
    now = np.sqrt((bones**2).sum(-1))
    # A bone that turns round passes through a point. To its full length it would leap from side to side.
    factor = lengths / np.maximum(now, np.maximum(LEAST_LENGTH * lengths, 1e-9))
    return kinematics.chain_bones(neck, bones * factor[..., None])


def blend_poses(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Poses [T, 50, 3] between two motions [T, 50, 3]: the first at weight 0, the second at 1; weight [T]."""
    lengths = [np.sqrt((kinematics.bone_vectors(pose)[1] ** 2).sum(-1)) for pose in (first, second)]
    mixed = first + weight[:, None, None] * (second - first)
    return restore_lengths(mixed, lengths[0] + weight[:, None] * (lengths[1] - lengths[0]))
