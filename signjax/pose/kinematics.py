"""The skeleton as a kinematic tree: poses as joint angles, bone scales and a root, and the way back.

Two forms, both without loss, over any leading axes, for numpy and jax arrays alike:

* `PlanarPose` for x and y: an angle for each bone relative to its parent bone, a scale for each bone and
  frame, and the neck. It is the pose format of the original project's second line, but on one rest skeleton
  for all (signjax.pose.skeleton.LENGTHS), with hands on their own wrists and no scale clipped.
* `SpatialPose` for x, y and z: a direction and a scale for each bone, and the neck. Lifted data have bones of
  constant length, so that one scale for each bone of a clip will do (`make_rigid`).

A bone without length (a hand collapsed to a point) has no direction of its own: it points where its parent
does. A joint that is missing lies on its parent (`fill_missing`). Both come back as they were. In canonical
space a scale of 1 is an average adult's bone. Bones are in the order of signjax.pose.skeleton.BONES.
"""

from typing import NamedTuple

import numpy as np

from signjax.errors import DataError
from signjax.pose import skeleton

CHILD, PARENT = skeleton.BONES.T
NECK = skeleton.NECK
REST = skeleton.LENGTHS[CHILD]  # [49], neck-to-shoulder lengths
# The parent of the neck: one row more than joints, of zeros, so that the root needs no case of its own.
_NOTHING = skeleton.NUM_JOINTS
_ABOVE = np.append(np.where(skeleton.PARENTS < 0, _NOTHING, skeleton.PARENTS), _NOTHING)  # [51]


def _make_jumps() -> list[np.ndarray]:
    """The ancestors 1, 2, 4, 8 steps up, [51] each: by sums over them every path from the neck is summed."""
    jumps = [_ABOVE]
    while (jumps[-1] != _NOTHING).any():
        jumps.append(jumps[-1][jumps[-1]])
    return jumps[:-1]


_JUMPS = _make_jumps()


class PlanarPose(NamedTuple):
    """A pose in the plane."""

    theta: np.ndarray  # [..., 49] rad in [-pi, pi], from the parent bone's direction, at the neck from +x
    scale: np.ndarray  # [..., 49], lengths over those of the rest skeleton
    root: np.ndarray  # [..., 2], the neck


class SpatialPose(NamedTuple):
    """A pose in space."""

    direction: np.ndarray  # [..., 49, 3], unit vectors in the axes of the pose
    scale: np.ndarray  # [..., 49], or anything that meets it, such as [49] of a whole clip
    root: np.ndarray  # [..., 3], the neck


def bone_vectors(points):
    """Joints [..., 50, D] to the neck [..., D] and every bone as a vector from its parent [..., 49, D]."""
    return points[..., NECK, :], points[..., CHILD, :] - points[..., PARENT, :]


def chain_bones(root, vectors):
    """Forward kinematics: neck [..., D] and bones [..., 49, D] to joints [..., 50, D]; inverts
    `bone_vectors`."""
    return _sum_paths(_arrange_by_joint(root[..., None, :], vectors))


def to_planar(points) -> PlanarPose:
    """Joints [..., 50, 2] to angles and scales.

    Raises:
      DataError: the points have not two coordinates.
    """
    root, vectors = _check_joints(points, 2)
    xp, length = vectors.__array_namespace__(), _vector_lengths(vectors)
    # atan2 has no gradient at (0, 0), where collapsed hands lie: these take the direction (1, 0) instead.
    x, y = (xp.where(length > 0, vectors[..., k], 1 - k) for k in (0, 1))
    angle = xp.arctan2(y, x)[..., None]  # [..., 49, 1]
    angle = _inherit_values(xp.zeros_like(angle[..., :1, :]), angle, length > 0)
    theta = angle[..., CHILD, 0] - angle[..., PARENT, 0]
    # A difference of two angles in [-pi, pi] may lie a turn off.
    theta = theta - 2 * np.pi * xp.round(theta / (2 * np.pi))
    return PlanarPose(theta, length / REST.astype(length.dtype), root)


def from_planar(pose: PlanarPose):
    """Angles and scales to joints [..., 50, 2], the inverse of `to_planar`."""
    theta, scale, root = pose
    xp = theta.__array_namespace__()
    at_neck = xp.zeros_like(theta[..., :1, None])
    angle = _sum_paths(_arrange_by_joint(at_neck, theta[..., None]))[..., CHILD, :]
    unit = xp.concatenate([xp.cos(angle), xp.sin(angle)], axis=-1)
    return chain_bones(root, unit * (scale * REST.astype(theta.dtype))[..., None])


def to_spatial(points) -> SpatialPose:
    """Joints [..., 50, 3] to directions and scales.

    Raises:
      DataError: the points have not three coordinates.
    """
    root, vectors = _check_joints(points, 3)
    xp, length = vectors.__array_namespace__(), _vector_lengths(vectors)
    # Divided by 1 where there is no length: `where` alone would still send NaN into the gradient.
    unit = vectors / xp.where(length > 0, length, 1)[..., None]
    neck = xp.zeros_like(unit[..., :1, :]) + np.array([1, 0, 0], unit.dtype)
    unit = _inherit_values(neck, unit, length > 0)[..., CHILD, :]
    return SpatialPose(unit, length / REST.astype(length.dtype), root)


def from_spatial(pose: SpatialPose):
    """Directions and scales to joints [..., 50, 3], the inverse of `to_spatial`."""
    lengths = pose.scale * REST.astype(pose.direction.dtype)
    return chain_bones(pose.root, pose.direction * lengths[..., None])


def make_rigid(pose: SpatialPose, valid=None) -> SpatialPose:
    """The clip with one scale for each bone, [49]: the median over the frames that show both of its ends.

    It is exact for lifted data up to their rounding; other data lose what their bones stretch.

    Args:
      pose: a clip, scale [T, 49].
      valid: [T, 50] bool, False where a joint is missing; None means all are there.
    """
    scale = np.asarray(pose.scale)
    if valid is None:
        return pose._replace(scale=np.median(scale, axis=0))
    both = valid[:, CHILD] & valid[:, PARENT]
    median = np.ma.median(np.ma.masked_array(scale, ~both), axis=0)
    # A bone that is never seen has no length: its joint lies on the parent, as missing joints do.
    return pose._replace(scale=np.ma.filled(median, 0).astype(scale.dtype))


def fill_missing(points, valid):
    """Puts missing joints on their nearest visible ancestor.

    A hand that is not seen becomes a point on its wrist, a face one on the nose. A missing neck, for which
    there is no ancestor, stays where it is.

    Args:
      points: [..., J, D]; J is 50, or 120 with a face.
      valid: [..., J] bool, False where a joint is missing.
    """
    xp = points.__array_namespace__()
    return xp.take_along_axis(points, find_nearest_visible(valid)[..., None], axis=-2)


def find_nearest_visible(valid):
    """For every joint the number of the nearest visible one on its way to the neck: itself at best.

    Args:
      valid: [..., 50] bool, or with more rows than joints; [..., 120] with a face.

    Returns:
      [..., 50] int32, [..., 120] with a face; the neck where nothing nearer is visible.
    """
    xp = valid.__array_namespace__()
    nearest = {NECK: xp.zeros(valid.shape[:-1], np.int32) + np.int32(NECK)}
    # Parents come first in ORDER, so that a joint looks no farther than its parent's answer.
    for joint in skeleton.ORDER[1:]:
        nearest[joint] = xp.where(valid[..., joint], np.int32(joint), nearest[skeleton.PARENTS[joint]])
    body = xp.stack([nearest[joint] for joint in range(skeleton.NUM_JOINTS)], axis=-1)
    if valid.shape[-1] < skeleton.WITH_FACE:
        return body
    face = np.arange(skeleton.NUM_JOINTS, skeleton.WITH_FACE, dtype=np.int32)
    face = xp.where(valid[..., skeleton.FACE], face, nearest[skeleton.NOSE][..., None])
    return xp.concatenate([body, face], axis=-1)


def _check_joints(points, dims: int):
    if points.shape[-2:] != (skeleton.NUM_JOINTS, dims):
        raise DataError(
            f"joints of shape {list(points.shape)} have no {dims}-D angles; give [..., 50, {dims}], "
            "points[..., :2] for instance"
        )
    return bone_vectors(points)


def _arrange_by_joint(neck, rest):
    """The neck's values [..., 1, D] among those of the bones [..., 49, D], and zeros: [..., 51, D]."""
    xp = rest.__array_namespace__()
    return xp.concatenate([rest[..., :1, :], neck, rest[..., 1:, :], xp.zeros_like(neck)], axis=-2)


def _inherit_values(neck, rest, known):
    """`_arrange_by_joint` without the zeros, [..., 50, D]; bones not known [..., 49] have their parent's."""
    xp = rest.__array_namespace__()
    known = _arrange_by_joint(xp.ones_like(known[..., :1, None]), known[..., None])[..., 0]
    return xp.take_along_axis(_arrange_by_joint(neck, rest), find_nearest_visible(known)[..., None], axis=-2)


def _sum_paths(values):
    """Sums of values [..., 51, D] over each joint's path from the neck, [..., 50, D], in four steps."""
    # Four gathers, whatever the depth of the tree: a loop over 50 joints would make 50 programs of one add.
    for jump in _JUMPS:
        values = values + values[..., jump, :]
    return values[..., :_NOTHING, :]


def _vector_lengths(vectors):
    """Lengths [..., 49] of vectors [..., 49, D]; the gradient of a length of 0 is 0, not NaN."""
    xp, square = vectors.__array_namespace__(), (vectors**2).sum(-1)
    return xp.where(square > 0, xp.sqrt(xp.where(square > 0, square, 1)), 0)
