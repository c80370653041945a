"""The skeleton as a kinematic tree: poses as joint angles, bone scales and a root, and the way back.

Two forms, both without loss, over any leading axes, for numpy and jax arrays alike:

* `Planar` for x and y: one angle a bone relative to its parent bone, a scale a bone and frame, the neck. The
  pose format of the seed's second line, but on one rest skeleton for everything
  (signjax.pose.skeleton.LENGTHS), hands on their own wrists and no scale clipped.
* `Spatial` for x, y and z: a direction a bone, a scale a bone, the neck. Lifted data have bones of constant
  length, so that one scale a bone and clip will do (`rigid`).

A bone without length (a hand collapsed to a point) has no direction of its own: it points where its parent
does. A joint that is missing lies on its parent (`filled`). Both come back as they were. In canonical space
a scale of 1 is an average adult's bone. Bones are in the order of signjax.pose.skeleton.BONES.
"""

from typing import NamedTuple

import numpy as np

from signjax.errors import DataError
from signjax.pose import skeleton

CHILD, PARENT = skeleton.BONES.T
NECK = skeleton.NECK
REST = skeleton.LENGTHS[CHILD]  # [49], neck-to-shoulder lengths
_NOTHING = skeleton.NUM_JOINTS  # what the neck hangs on, in arrays with one row more than joints
_ABOVE = np.append(np.where(skeleton.PARENTS < 0, _NOTHING, skeleton.PARENTS), _NOTHING)  # [51]


def _jumps() -> list[np.ndarray]:
    """The ancestors 1, 2, 4, 8 steps up, [51] each: by sums over them every path from the neck is summed."""
    jumps = [_ABOVE]
    while (jumps[-1] != _NOTHING).any():
        jumps.append(jumps[-1][jumps[-1]])
    return jumps[:-1]


_JUMPS = _jumps()


class Planar(NamedTuple):
    """A pose in the plane."""

    theta: np.ndarray  # [..., 49] rad in [-pi, pi], from the parent bone's direction, at the neck from +x
    scale: np.ndarray  # [..., 49], lengths over those of the rest skeleton
    root: np.ndarray  # [..., 2], the neck


class Spatial(NamedTuple):
    """A pose in space."""

    direction: np.ndarray  # [..., 49, 3], unit vectors in the axes of the pose
    scale: np.ndarray  # [..., 49], or anything that meets it, such as [49] of a whole clip
    root: np.ndarray  # [..., 3], the neck


def bones(points):
    """Joints [..., 50, D] to the neck [..., D] and every bone as a vector from its parent [..., 49, D]."""
    return points[..., NECK, :], points[..., CHILD, :] - points[..., PARENT, :]


def chain(root, vectors):
    """Forward kinematics: neck [..., D] and bones [..., 49, D] to joints [..., 50, D], inverse of `bones`."""
    return _path_sums(_by_joint(root[..., None, :], vectors))


def planar(points) -> Planar:
    """Joints [..., 50, 2] to angles and scales.

    Raises:
      DataError: the points have not two coordinates.
    """
    root, vectors = _checked(points, 2)
    xp, length = vectors.__array_namespace__(), _lengths(vectors)
    x, y = (xp.where(length > 0, vectors[..., k], 1 - k) for k in (0, 1))  # atan2 has no gradient at 0, 0
    angle = xp.arctan2(y, x)[..., None]  # [..., 49, 1]
    angle = _inherited(xp.zeros_like(angle[..., :1, :]), angle, length > 0)
    theta = angle[..., CHILD, 0] - angle[..., PARENT, 0]
    theta = theta - 2 * np.pi * xp.round(theta / (2 * np.pi))
    return Planar(theta, length / REST.astype(length.dtype), root)


def from_planar(pose: Planar):
    """Angles and scales to joints [..., 50, 2], the inverse of `planar`."""
    theta, scale, root = pose
    xp = theta.__array_namespace__()
    angle = _path_sums(_by_joint(xp.zeros_like(theta[..., :1, None]), theta[..., None]))[..., CHILD, :]
    unit = xp.concatenate([xp.cos(angle), xp.sin(angle)], axis=-1)
    return chain(root, unit * (scale * REST.astype(theta.dtype))[..., None])


def spatial(points) -> Spatial:
    """Joints [..., 50, 3] to directions and scales.

    Raises:
      DataError: the points have not three coordinates.
    """
    root, vectors = _checked(points, 3)
    xp, length = vectors.__array_namespace__(), _lengths(vectors)
    unit = vectors / xp.where(length > 0, length, 1)[..., None]
    neck = xp.zeros_like(unit[..., :1, :]) + np.array([1, 0, 0], unit.dtype)
    unit = _inherited(neck, unit, length > 0)[..., CHILD, :]
    return Spatial(unit, length / REST.astype(length.dtype), root)


def from_spatial(pose: Spatial):
    """Directions and scales to joints [..., 50, 3], the inverse of `spatial`."""
    lengths = pose.scale * REST.astype(pose.direction.dtype)
    return chain(pose.root, pose.direction * lengths[..., None])


def rigid(pose: Spatial, valid=None) -> Spatial:
    """The clip with one scale a bone, [49]: the median over the frames that show both ends of the bone.

    Exact for lifted data up to their rounding; other data lose what their bones stretch.

    Args:
      pose: a clip, scale [T, 49].
      valid: [T, 50] bool, False where a joint is missing; None means all are there.
    """
    scale = np.asarray(pose.scale)
    if valid is None:
        return pose._replace(scale=np.median(scale, axis=0))
    both = valid[:, CHILD] & valid[:, PARENT]
    seen = np.ma.median(np.ma.masked_array(scale, ~both), axis=0)
    return pose._replace(scale=np.ma.filled(seen, 0).astype(scale.dtype))  # a bone never seen has no length


def filled(points, valid):
    """Joints [..., J, D] with those missing in valid [..., J] on the nearest ancestor that is there.

    A hand not seen is a point on its wrist, a face not seen one on the nose; J is 50, or 120 with a face. A
    missing neck, on which nothing can be put, stays where it is.
    """
    xp = points.__array_namespace__()
    return xp.take_along_axis(points, nearest(valid)[..., None], axis=-2)


def nearest(there):
    """For every joint the number of the nearest that is there on its way to the neck, itself or the neck.

    Args:
      there: [..., 50] bool, or with more rows than joints; [..., 120] with a face.

    Returns:
      [..., 50] int32, [..., 120] with a face.
    """
    xp = there.__array_namespace__()
    found = {NECK: xp.zeros(there.shape[:-1], np.int32) + np.int32(NECK)}
    for joint in skeleton.ORDER[1:]:
        found[joint] = xp.where(there[..., joint], np.int32(joint), found[skeleton.PARENTS[joint]])
    body = xp.stack([found[joint] for joint in range(skeleton.NUM_JOINTS)], axis=-1)
    if there.shape[-1] < skeleton.WITH_FACE:
        return body
    face = np.arange(skeleton.NUM_JOINTS, skeleton.WITH_FACE, dtype=np.int32)
    face = xp.where(there[..., skeleton.FACE], face, found[skeleton.NOSE][..., None])
    return xp.concatenate([body, face], axis=-1)


def _checked(points, dims: int):
    if points.shape[-2:] != (skeleton.NUM_JOINTS, dims):
        raise DataError(
            f"joints of shape {list(points.shape)} have no {dims}-D angles; give [..., 50, {dims}], "
            "points[..., :2] for instance"
        )
    return bones(points)


def _by_joint(neck, rest):
    """The neck's values [..., 1, D] among those of the bones [..., 49, D], and zeros: [..., 51, D]."""
    xp = rest.__array_namespace__()
    return xp.concatenate([rest[..., :1, :], neck, rest[..., 1:, :], xp.zeros_like(neck)], axis=-2)


def _inherited(neck, rest, there):
    """`_by_joint` without the zeros, [..., 50, D]; bones not there [..., 49] have their parent's values."""
    xp = rest.__array_namespace__()
    there = _by_joint(xp.ones_like(there[..., :1, None]), there[..., None])[..., 0]
    return xp.take_along_axis(_by_joint(neck, rest), nearest(there)[..., None], axis=-2)


def _path_sums(values):
    """Sums of values [..., 51, D] over each joint's path from the neck, [..., 50, D], in four steps."""
    for jump in _JUMPS:
        values = values + values[..., jump, :]
    return values[..., :_NOTHING, :]


def _lengths(vectors):
    """Lengths [..., 49] of vectors [..., 49, D], with gradient 0 where there is none."""
    xp, square = vectors.__array_namespace__(), (vectors**2).sum(-1)
    return xp.where(square > 0, xp.sqrt(xp.where(square > 0, square, 1)), 0)
