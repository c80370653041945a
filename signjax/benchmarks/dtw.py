"""dtw: warps 64 pairs of 150 frames with known costs, against a loop over cells as other tools have it."""

import jax
import numpy as np

from signjax.benchmarks import timing
from signjax.metrics import dtw

PAIRS, FRAMES = 64, 150


def measure_dtw() -> list[timing.Measurement]:
    """The accumulated costs of all pairs."""
    # Random costs: every cell of the table is computed, whatever they are.
    costs = np.random.default_rng(0).random((PAIRS, FRAMES, FRAMES)).astype(np.float32)
    lengths, align = np.full(PAIRS, FRAMES), jax.jit(dtw.align_pairs)
    empty = np.full((FRAMES + 1,) * 2, np.inf)
    reference = "loop over arrays (reference)"
    # Python lists are faster than numpy arrays to index cell by cell, so a fair reference has both.
    return timing.compare_workloads({
        reference: timing.Workload(lambda: [accumulate_costs(list(empty.copy()), c) for c in costs]),
        "the same over lists": timing.Workload(
            lambda: [accumulate_costs(empty.tolist(), c.tolist()) for c in costs]
        ),
        "signjax.metrics.dtw": timing.Workload(lambda: align(costs, lengths, lengths), bytes=costs.nbytes),
    }, reference, repeats=3)  # fmt: skip


def accumulate_costs(table, cost) -> float:
    """Cost of the cheapest path, cell by cell, in a table [N + 1, M + 1] that is infinite at first."""
    table[0][0] = 0.0
    for i in range(len(cost)):
        for j in range(len(cost[0])):
            cheapest = min(table[i][j], table[i][j + 1], table[i + 1][j])
            table[i + 1][j + 1] = cost[i][j] + cheapest
    return table[-1][-1]
