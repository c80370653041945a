"""dtw: 64 pairs of 150 frames, costs given, against the loop over cells that the field's tools use."""

import jax
import numpy as np

from signjax.benchmarks import timing
from signjax.metrics import dtw

PAIRS, FRAMES = 64, 150


def measure() -> list[timing.Row]:
    """The accumulated costs of all pairs."""
    costs = np.random.default_rng(0).random((PAIRS, FRAMES, FRAMES)).astype(np.float32)
    full, align, empty = np.full(PAIRS, FRAMES), jax.jit(dtw.align), np.full((FRAMES + 1,) * 2, np.inf)
    reference = "loop over arrays (reference)"
    return timing.compare({
        reference: timing.Run(lambda: [loop(list(empty.copy()), c) for c in costs]),
        "the same over lists": timing.Run(lambda: [loop(empty.tolist(), c.tolist()) for c in costs]),
        "signjax.metrics.dtw": timing.Run(lambda: align(costs, full, full), bytes=costs.nbytes),
    }, reference, repeats=3)  # fmt: skip


def loop(table, cost) -> float:
    """Accumulated cost in a table full of inf, cell by cell."""
    table[0][0] = 0.0
    for i in range(len(cost)):
        for j in range(len(cost[0])):
            least = min(table[i][j], table[i][j + 1], table[i + 1][j])
            table[i + 1][j + 1] = cost[i][j] + least
    return table[-1][-1]
