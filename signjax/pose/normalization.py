"""Canonical space: where a clip stands and how large it is, taken out and given back.

Who signs and where the camera stood explain most of the variance of raw positions, and neither is
part of what is signed. A clip in canonical space has its median neck at the origin and an average
adult's size in neck-to-shoulder lengths. One translation and one factor per clip: motion within the
clip, proportions and angles stay as they are, and `restore` gives back the clip to rounding.
"""

from typing import NamedTuple

import numpy as np

from signjax.pose import skeleton

FARTHEST = 1e4  # in neck-to-shoulder lengths; signers reach 10


class Placement(NamedTuple):
    """Where canonical space lies in a clip's own space: own = canonical * scale + origin."""

    origin: np.ndarray  # [3], own units
    scale: np.ndarray  # [], own units per neck-to-shoulder length


# A newborn placement for poses that never had one (generated clips): the size and place at which
# signers of lifted data stand, so that files of generated clips look like files of recorded ones.
DEFAULT = Placement(np.array([0.0, -0.05, 0.0], np.float32), np.float32(0.09))


def measure(pose: np.ndarray, valid: np.ndarray | None = None) -> Placement:
    """Finds a clip's placement.

    Args:
      pose: [T, 50, 3] positions in own units, T >= 1.
      valid: [T, 50] bool, False where a joint is missing; None means all are there.

    Raises:
      ValueError: no frame shows the neck together with any bone of positive length, or a joint lies so
        far away that canonical space could not hold it.
    """
    valid = np.ones(pose.shape[:2], bool) if valid is None else valid
    seen = valid[:, skeleton.NECK]
    if not seen.any():
        raise ValueError("no frame shows the neck")
    origin = np.median(pose[seen, skeleton.NECK], axis=0)
    child, parent = skeleton.BONES.T
    lengths = np.where(valid[:, child] & valid[:, parent], skeleton.bone_lengths(pose), np.nan)
    lengths = _median(lengths)  # [49]
    present = lengths > 0  # never seen is NaN; a hand collapsed to a point says nothing about size
    scale = lengths[present].sum() / skeleton.LENGTHS[child[present]].sum() if present.any() else 0.0
    if not scale > 0:
        raise ValueError("all joints of the clip lie on one point")
    if not np.abs(pose[valid] - origin).max() <= FARTHEST * scale:
        raise ValueError(f"a joint lies more than {FARTHEST:g} times the size of the body away")
    return Placement(origin.astype(np.float32), np.float32(scale))


def _median(x: np.ndarray) -> np.ndarray:
    """Median over the first axis without the NaNs, NaN where there is nothing else.

    The same as np.nanmedian, without its Python loop over the columns.
    """
    ordered = np.sort(x, axis=0)  # NaN goes last
    count = (~np.isnan(x)).sum(axis=0, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum((count - 1) // 2, 0), axis=0)[0]
    high = np.take_along_axis(ordered, count // 2, axis=0)[0]
    return (low + high) / 2


def canonical(pose, placement: Placement):
    """Own units to canonical space; pose [..., 50, 3], placement with matching leading axes or none."""
    return (pose - _wide(placement.origin, 2)) / _wide(placement.scale, 3)


def restore(pose, placement: Placement):
    """Canonical space to own units, the inverse of `canonical`."""
    return pose * _wide(placement.scale, 3) + _wide(placement.origin, 2)


def _wide(x, after: int):
    """Appends or inserts axes so that a batch of placements [B] meets poses [B, T, J, 3]."""
    x = x if hasattr(x, "ndim") else np.asarray(x)
    if after == 3:
        return x.reshape((*x.shape, 1, 1, 1)) if x.ndim else x
    return x.reshape((*x.shape[:-1], 1, 1, 3)) if x.ndim > 1 else x
