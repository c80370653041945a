"""Measures speed against named references: python -m signjax.tools.bench dtw."""

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable

import jax
import numpy as np
from absl import app

from signjax import runtime
from signjax.errors import ConfigError
from signjax.metrics import dtw

REPEATS = 7


@runtime.one_line
def main(arguments) -> int:
    """Prints the environment and a table for every subject named; returns the exit code."""
    wanted = arguments[1:] or list(SUBJECTS)
    for name in wanted:
        if name not in SUBJECTS:
            raise ConfigError(f"{name!r} cannot be measured; choose from: {', '.join(SUBJECTS)}")
    print(environment())
    for name in wanted:
        SUBJECTS[name]()
    return 0


def environment() -> str:
    """Device, threads and versions, in one line."""
    device = jax.devices()[0]
    threads = len(os.sched_getaffinity(0))
    versions = f"Python {platform.python_version()}, jax {jax.__version__}, numpy {np.__version__}"
    return f"{device.device_kind} x {jax.device_count()}, {threads} threads, {platform.machine()}; {versions}"


def measure(run: Callable[[], object], repeats: int = REPEATS) -> list[float]:
    """Seconds of each of `repeats` runs, after one that compiles."""
    run()
    took = []
    for _ in range(repeats):
        begun = time.perf_counter()
        run()
        took.append(time.perf_counter() - begun)
    return took


def show(name: str, took: list[float], reference: float | None = None) -> None:
    """A line with median, spread and how many times as fast as the reference's median."""
    median = statistics.median(took)
    ratio = f"  {reference / median:.1f} times as fast" if reference else ""
    print(f"  {name:<34} {median * 1e3:10.2f} ms  ({min(took) * 1e3:.2f} to {max(took) * 1e3:.2f}, "
          f"{len(took)} runs){ratio}", file=sys.stdout, flush=True)


def bench_dtw() -> None:
    """64 pairs of 150 frames, costs given, against the loop over cells that the field's tools use."""
    print("dtw: 64 pairs of 150 frames")
    costs = np.random.default_rng(0).random((64, 150, 150)).astype(np.float32)
    full, align = np.full(64, 150), jax.jit(dtw.align)
    lists = measure(lambda: [_loop(np.full((151, 151), np.inf).tolist(), c.tolist()) for c in costs], 3)
    loop = measure(lambda: [_loop(list(np.full((151, 151), np.inf)), c) for c in costs], 3)
    ours = measure(lambda: jax.block_until_ready(align(costs, full, full)))
    show("loop over arrays (reference)", loop)
    show("the same over lists", lists, statistics.median(loop))
    show("signjax.metrics.dtw", ours, statistics.median(loop))


def _loop(table, cost) -> float:
    """Accumulated cost in a table full of inf, cell by cell."""
    table[0][0] = 0.0
    for i in range(len(cost)):
        for j in range(len(cost[0])):
            least = min(table[i][j], table[i][j + 1], table[i + 1][j])
            table[i + 1][j + 1] = cost[i][j] + least
    return table[-1][-1]


SUBJECTS = {"dtw": bench_dtw}

if __name__ == "__main__":
    app.run(main)
