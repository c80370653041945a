"""Rotations as matrices: from axis and angle, and from the six numbers of Zhou et al. (CVPR 2019)."""

import numpy as np

# Shorter vectors have no direction that is more than rounding.
TINY = 1e-6


def from_axis_angle(vectors: np.ndarray) -> np.ndarray:
    """Matrices [..., 3, 3] that turn about the vectors [..., 3] by their length in radians.

    Rodrigues' formula; matrices act on column vectors, and angles are right-handed.
    """
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    # Of angles near 0, by the series: the quotients themselves are 0 / 0 there.
    small = angle < TINY
    safe = np.where(small, 1.0, angle)
    sine = np.where(small, 1 - angle**2 / 6, np.sin(safe) / safe)
    cosine = np.where(small, 0.5 - angle**2 / 24, (1 - np.cos(safe)) / safe**2)
    return np.eye(3) + sine * cross + cosine * (cross @ cross)


def from_six_numbers(numbers: np.ndarray) -> np.ndarray:
    """Matrices [..., 3, 3] whose first two rows are the numbers [..., 6], made orthonormal.

    NaN where those are no two directions. Rows as in PyTorch3D; the paper has columns, whose matrices are the
    transposed ones.
    """
    first, second = numbers[..., :3], numbers[..., 3:]
    first = _normalize(first)
    second = _normalize(second - (first * second).sum(-1, keepdims=True) * first)
    return np.stack([first, second, np.cross(first, second)], -2)


def _normalize(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    # Parallel or missing rows mean no rotation; whatever was made of them would look like one.
    return np.where(length > TINY, vectors / np.where(length > TINY, length, 1.0), np.nan)
