"""Surfaces of revolution and their like, which follow bones: rings along an axis, closed by domes."""

from typing import NamedTuple

import numpy as np

from signjax.pose.quaternions import normalize

DOME = np.radians([18, 40, 65])  # rings of a dome, from its rim


class Ring(NamedTuple):
    """A cross-section: an ellipse at right angles to the axis of its loft."""

    along: float  # metres on the axis
    wide: float  # half its width, metres
    thick: float  # half its thickness, metres
    weights: dict[str, float]  # how much each bone moves it; their sum is 1
    shift: float = 0.0  # of its centre, metres towards `thick`


class Surface(NamedTuple):
    """A skinned surface of V corners and F triangles."""

    points: np.ndarray  # [V, 3], metres
    normals: np.ndarray  # [V, 3], unit vectors
    weights: tuple[dict[str, float], ...]  # of the V corners
    triangles: np.ndarray  # [F, 3]


def make_loft(start, axis, wide, rings, ends=(0.0, 0.0), square: float = 2.0, count: int = 16) -> Surface:
    """A closed surface around an axis.

    Args:
      start: [3], where `along` is 0.
      axis, wide: [3], directions of the axis and of the rings' width; made to unit vectors at right angles.
      rings: two or more, in order.
      ends: how far the domes reach beyond the first and the last ring, metres.
      square: exponent of the cross-section: 2 is an ellipse, more is nearer to a rectangle.
      count: corners of a ring.
    """
    axis = normalize(np.asarray(axis, float))
    wide = normalize(np.asarray(wide, float) - (np.asarray(wide) @ axis) * axis)
    thick = np.cross(axis, wide)
    rings = [*_make_dome(rings[0], -ends[0])[::-1], *rings, *_make_dome(rings[-1], ends[1])]
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    # A superellipse: x^square + y^square = 1.
    size = (np.abs(np.cos(angle)) ** square + np.abs(np.sin(angle)) ** square) ** (-1 / square)
    circle = np.stack([np.cos(angle), np.sin(angle)], -1) * size[:, None]
    points = [
        start + ring.along * axis + ring.shift * thick
        + circle[:, :1] * ring.wide * wide + circle[:, 1:] * ring.thick * thick
        for ring in rings
    ]  # fmt: skip
    poles = [start + (ring.along + end) * axis + ring.shift * thick for ring, end in _list_poles(rings, ends)]
    corners = np.concatenate([*points, poles])
    triangles = _connect_rings(len(rings), count)
    weights = [ring.weights for ring in rings for _ in range(count)] + [rings[0].weights, rings[-1].weights]
    return Surface(corners, compute_normals(corners, triangles), tuple(weights), triangles)


def make_ellipsoid(center, sizes, bone: str, deform=None, count: int = 24) -> Surface:
    """An ellipsoid that one bone moves.

    Args:
      center: [3].
      sizes: [3], its half axes in metres.
      bone: its name.
      deform: takes points [V, 3] of the unit sphere and returns them changed, before sizes are applied.
      count: corners of a ring.
    """
    heights = np.cos(np.linspace(np.pi, 0, count // 2 + 1)[1:-1])
    radii = np.sqrt(1 - heights**2)
    rings = [Ring(y, r, r, {bone: 1.0}) for y, r in zip(heights.tolist(), radii.tolist(), strict=True)]
    ball = make_loft(np.zeros(3), (0, 1, 0), (1, 0, 0), rings, (0, 0), count=count)
    points = ball.points.copy()
    points[-2:] = [[0, -1, 0], [0, 1, 0]]
    points = points if deform is None else deform(points)
    points = points * sizes + np.asarray(center, float)
    return ball._replace(points=points, normals=compute_normals(points, ball.triangles))


def join_surfaces(surfaces) -> Surface:
    """Several surfaces as one."""
    firsts = np.cumsum([0, *(len(surface.points) for surface in surfaces)])
    triangles = [s.triangles + first for s, first in zip(surfaces, firsts[:-1], strict=True)]
    points, normals = (np.concatenate([s[part] for s in surfaces]) for part in (0, 1))
    weights = tuple(weight for surface in surfaces for weight in surface.weights)
    return Surface(points, normals, weights, np.concatenate(triangles))


def compute_normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Normals [V, 3] of corners: the mean of their triangles', by area."""
    a, b, c = np.moveaxis(points[triangles], 1, 0)
    face = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], face)
    return normalize(normals)


def _make_dome(ring: Ring, reach: float) -> list[Ring]:
    """Rings that close the end of a loft, as a half ellipsoid; none for an end that is flat."""
    if not reach:
        return []
    return [
        ring._replace(
            along=ring.along + reach * np.sin(angle),
            wide=ring.wide * np.cos(angle),
            thick=ring.thick * np.cos(angle),
        )
        for angle in DOME.tolist()
    ]


def _list_poles(rings, ends):
    # What the last ring of a dome lacks to its top.
    rest = 1 - np.sin(DOME[-1])
    return (rings[0], -ends[0] * rest), (rings[-1], ends[1] * rest)


def _connect_rings(rings: int, count: int) -> np.ndarray:
    """Triangles [F, 3] between rings of `count` corners, and from the outer ones to the two poles."""
    here = np.arange(count)
    following = (here + 1) % count
    triangles = []
    for ring in range(rings - 1):
        low, high = ring * count, (ring + 1) * count
        triangles += [np.stack([low + here, low + following, high + following], -1)]
        triangles += [np.stack([low + here, high + following, high + here], -1)]
    last, poles = (rings - 1) * count, rings * count
    triangles += [np.stack([following, here, np.full(count, poles)], -1)]
    triangles += [np.stack([last + here, last + following, np.full(count, poles + 1)], -1)]
    return np.concatenate(triangles)
