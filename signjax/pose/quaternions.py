"""Unit quaternions in glTF's order x, y, z, w, over any leading axes: how bones of avatars turn.

A product `multiply(a, b)` turns by b first. Axes are right-handed.
"""

import numpy as np

IDENTITY = np.array([0.0, 0.0, 0.0, 1.0])
TINY = 1e-12


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The rotation [..., 4] by b and then by a."""
    ax, ay, az, aw = np.moveaxis(np.asarray(a), -1, 0)
    bx, by, bz, bw = np.moveaxis(np.asarray(b), -1, 0)
    return np.stack(
        [
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz,
        ],
        -1,
    )


def invert(q: np.ndarray) -> np.ndarray:
    """The inverse rotation [..., 4]."""
    return q * np.array([-1.0, -1.0, -1.0, 1.0])


def rotate(q: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Vectors [..., 3], turned by q [..., 4]."""
    axis, v = q[..., :3], np.asarray(v)
    across = 2 * np.cross(axis, np.broadcast_to(v, np.broadcast_shapes(v.shape, axis.shape)))
    return v + q[..., 3:] * across + np.cross(axis, across)


def normalize(v: np.ndarray) -> np.ndarray:
    """Vectors of length 1; those of length 0 stay."""
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), TINY)


def turn_about(axis: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Rotations [..., 4] about unit axes [..., 3] by angles [...] in radians."""
    half = np.asarray(angle)[..., None] / 2
    shape = np.broadcast_shapes(np.shape(axis)[:-1], half.shape[:-1])
    parts = np.sin(half) * axis, np.cos(half)
    return np.concatenate([np.broadcast_to(part, (*shape, part.shape[-1])) for part in parts], -1)


def turn_between(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The smallest rotations [..., 4] that take unit vectors u [..., 3] to v [..., 3]."""
    u, v = np.broadcast_arrays(u, v)
    cosine = (u * v).sum(-1, keepdims=True)
    q = np.concatenate([np.cross(u, v), 1 + cosine], -1)
    # Opposite vectors have no smallest rotation: any half turn about an axis across u will do.
    smallest = np.eye(3)[np.abs(u).argmin(-1)]
    half_turn = np.concatenate([normalize(np.cross(u, smallest)), np.zeros_like(cosine)], -1)
    return normalize(np.where(cosine < TINY - 1, half_turn, q))


def measure_twist(q: np.ndarray, rest: np.ndarray, side: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Angles [...] by which q must be turned further about where it takes `rest`, so that `side` points
    towards `towards`.

    Args:
      q: [..., 4].
      rest, side: [3], unit vectors at right angles.
      towards: [..., 3], of any length; its part along the axis does not count.
    """
    axis, now = rotate(q, rest), rotate(q, side)
    return np.arctan2((np.cross(axis, now) * towards).sum(-1), (now * towards).sum(-1))


def keep_hemisphere(q: np.ndarray) -> np.ndarray:
    """The same rotations [T, 4], each of the two signs that is nearer to the frame before."""
    flips = (q[1:] * q[:-1]).sum(-1) < 0
    signs = np.where(np.concatenate([[q[0, 3] < 0], flips]), -1.0, 1.0) if len(q) else np.zeros(0)
    return q * np.cumprod(signs)[:, None]


def interpolate(a: np.ndarray, b: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Spherical linear interpolation, the shorter way: rotations [..., 4] a share [...] of the way to b."""
    cosine = (a * b).sum(-1, keepdims=True)
    b, share = np.where(cosine < 0, -b, b), np.asarray(share)[..., None]
    angle = np.arccos(np.clip(np.abs(cosine), 0, 1))
    near = angle < 1e-6
    sine = np.where(near, 1, np.sin(angle))
    parts = np.where(near, 1 - share, np.sin((1 - share) * angle) / sine) * a
    return normalize(parts + np.where(near, share, np.sin(share * angle) / sine) * b)


def measure_angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles [...] in radians, at most pi, between rotations."""
    relative = multiply(invert(a), b)
    return 2 * np.arctan2(np.linalg.norm(relative[..., :3], axis=-1), np.abs(relative[..., 3]))


def to_matrix(q: np.ndarray) -> np.ndarray:
    """Rotation matrices [..., 3, 3] for columns."""
    return np.stack([rotate(q, axis) for axis in np.eye(3)], -1)
