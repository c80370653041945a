"""Exact dynamic time warping of two clips with its path, which signjax.metrics.dtw does not trace."""

import numpy as np

from signjax.displacements import convert
from signjax.displacements.convert import Moves


def distance(a: Moves, b: Moves) -> float:
    """Cost of the cheapest path between two clips in the same units."""
    return path(convert.track(a), a.seen, convert.track(b), b.seen)[1]


def path(x: np.ndarray, seen: np.ndarray, y: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, float]:
    """The cheapest path between two clips: full DTW, steps (1, 1), (1, 0), (0, 1) of equal weight, no window.

    Sakoe and Chiba 1978 without slope constraint. Equal paths: the diagonal comes first, then the row above.

    Args:
      x, seen: [N, 50, 3] places and [N, 50] bool.
      y, known: [M, 50, 3] and [M, 50].

    Returns:
      pairs [P, 2] of frames of x and y from (0, 0) to (N - 1, M - 1), and the sum of their costs.
    """
    cost = costs(x, seen, y, known)
    rows, columns = cost.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0
    for diagonal in range(rows + columns - 1):  # cells of an anti-diagonal do not need one another
        i = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        j = diagonal - i
        before = np.minimum(np.minimum(total[i, j], total[i, j + 1]), total[i + 1, j])
        total[i + 1, j + 1] = cost[i, j] + before
    i, j = rows, columns
    pairs = [(i, j)]
    while (i, j) != (1, 1):
        ways = [(i - 1, j - 1), (i - 1, j), (i, j - 1)]
        i, j = min(ways, key=lambda cell: total[cell])
        pairs.append((i, j))
    return np.array(pairs[::-1]) - 1, float(total[rows, columns])


def costs(x: np.ndarray, seen: np.ndarray, y: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Mean squared distance [N, M] of the joints that both frames show; arguments as for `path`.

    Frames that have no joint in common cost nothing.
    """
    a, b = seen.astype(float), known.astype(float)  # [N, 50], [M, 50]
    x, y = x * a[..., None], y * b[..., None]
    squares = (x**2).sum(-1) @ b.T + a @ (y**2).sum(-1).T
    apart = squares - 2 * x.reshape(len(x), -1) @ y.reshape(len(y), -1).T
    return np.maximum(apart, 0.0) / np.maximum(a @ b.T, 1.0)


def times(pairs: np.ndarray, count: int) -> np.ndarray:
    """For each of x's `count` frames the time in y, [count], never falling.

    It is the mean of the frames that the path pairs with it; the first and the last frame stay with y's.
    """
    x, y = pairs.T
    found = np.bincount(x, y, count) / np.bincount(x, minlength=count)
    found[0], found[-1] = 0, y[-1]
    return found
