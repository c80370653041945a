"""Exact dynamic time warping (DTW) of two clips with its path; signjax.metrics.dtw gives the cost alone."""

import numpy as np

from signjax.displacements import convert
from signjax.displacements.convert import DisplacementSequence


def compute_distance(a: DisplacementSequence, b: DisplacementSequence) -> float:
    """Cost of the cheapest path between two clips in the same units."""
    return find_path(convert.compute_positions(a), a.valid, convert.compute_positions(b), b.valid)[1]


def find_path(
    x: np.ndarray, x_valid: np.ndarray, y: np.ndarray, y_valid: np.ndarray
) -> tuple[np.ndarray, float]:
    """The cheapest path between two clips: full DTW, steps (1, 1), (1, 0), (0, 1) of equal weight, no window.

    Sakoe and Chiba 1978 without slope constraint. Of equally cheap steps back the diagonal comes first, then
    the step to the frame before in x.

    Args:
      x, x_valid: [N, 50, 3] positions and [N, 50] bool.
      y, y_valid: [M, 50, 3] and [M, 50].

    Returns:
      pairs [P, 2] of frames of x and y from (0, 0) to (N - 1, M - 1), and the sum of their costs.
    """
    cost = compute_costs(x, x_valid, y, y_valid)
    total = _accumulate_costs(cost)
    rows, columns = cost.shape
    i, j = rows, columns
    pairs = [(i, j)]
    while (i, j) != (1, 1):
        # min keeps the first of equal candidates, so this order makes the path the same on every machine.
        before = [(i - 1, j - 1), (i - 1, j), (i, j - 1)]
        i, j = min(before, key=lambda cell: total[cell])
        pairs.append((i, j))
    return np.array(pairs[::-1]) - 1, float(total[rows, columns])


def _accumulate_costs(cost: np.ndarray) -> np.ndarray:
    """Costs [N + 1, M + 1] of the cheapest paths to the cells of cost [N, M]; row and column 0: a border."""
    rows, columns = cost.shape
    # A border of infinity keeps paths inside, without a special case for the first row and column.
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0
    for diagonal in range(rows + columns - 1):
        # Cells of one anti-diagonal do not depend on each other, so numpy can compute all of them at once.
        i = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        j = diagonal - i
        cheapest = np.minimum(np.minimum(total[i, j], total[i, j + 1]), total[i + 1, j])
        total[i + 1, j + 1] = cost[i, j] + cheapest
    return total


def compute_costs(x: np.ndarray, x_valid: np.ndarray, y: np.ndarray, y_valid: np.ndarray) -> np.ndarray:
    """Mean squared distances [N, M] over the joints that both frames show; arguments as for `find_path`.

    Two frames that have no joint in common cost nothing.
    """
    a, b = x_valid.astype(float), y_valid.astype(float)  # [N, 50], [M, 50]
    x, y = x * a[..., None], y * b[..., None]
    # |x - y|^2 = |x|^2 + |y|^2 - 2 x.y as matrix products: all differences [N, M, 50, 3] would take 100 MB
    # for two clips of 300 frames.
    squares = (x**2).sum(-1) @ b.T + a @ (y**2).sum(-1).T
    distances = squares - 2 * x.reshape(len(x), -1) @ y.reshape(len(y), -1).T
    # Rounding can leave a small negative number where the frames are equal.
    return np.maximum(distances, 0.0) / np.maximum(a @ b.T, 1.0)


def map_times(pairs: np.ndarray, count: int) -> np.ndarray:
    """For each of x's `count` frames its time in y: [count] in frames, never decreasing.

    The time is the mean of the frames of y that the path pairs with it. The first and the last frame keep
    those of y.
    """
    x, y = pairs.T
    times = np.bincount(x, y, count) / np.bincount(x, minlength=count)
    # A mean would cut off the beginning or end where several frames of y meet the first or last of x.
    times[0], times[-1] = 0, y[-1]
    return times
