"""Runs timed side by side: drift of a shared machine hits all of them alike."""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import jax

REPEATS = 5


class Goal(NamedTuple):
    """A figure that seconds a unit make, and what it is to be."""

    unit: str
    target: float
    stretch: float
    of: Callable[[float], float]  # from seconds a unit

    def met(self, value: float, limit: float) -> bool:
        """Whether a value is as good as a limit."""
        return value >= limit if self.stretch > self.target else value <= limit


class Run(NamedTuple):
    """Something to time.

    Attributes:
      call: does it; jax arrays that it returns are waited for.
      units: how much of the common work a call does; ratios are of seconds a unit.
      flops: floating-point operations of a call, 0 where they are not counted.
      bytes: read and written by a call at least, 0 where they are not counted.
      target: times as fast as the reference that it is to be.
      goal: what it is to be by itself.
    """

    call: Callable[[], object]
    units: int = 1
    flops: float = 0
    bytes: float = 0
    target: float | None = None
    goal: Goal | None = None


class Row(NamedTuple):
    """What was measured of a run."""

    name: str
    seconds: tuple[float, ...]  # of each repeat
    units: int = 1
    flops: float = 0
    bytes: float = 0
    reference: str | None = None  # what it is compared with
    times: float | None = None  # as fast as the reference: the median over repeats, a unit each
    target: float | None = None
    note: str = ""
    goal: Goal | None = None

    @property
    def value(self) -> float:
        """The figure of its goal, by the median."""
        return self.goal.of(statistics.median(self.seconds) / self.units)


def compare(runs: dict[str, Run], reference: str | None = None, repeats: int = REPEATS) -> list[Row]:
    """Times runs in turn, after a call of each that compiles; every other round goes backwards.

    Args:
      runs: by name.
      reference: the run that the others are compared with; one that is not there means no ratios.
      repeats: of each.
    """
    took: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        _seconds(run)
    for k in range(repeats):
        for name in list(runs)[:: -1 if k % 2 else 1]:
            took[name].append(_seconds(runs[name]))
    return [_row(name, runs, took, reference) for name in runs]


def _seconds(run: Run) -> float:
    begun = time.perf_counter()
    jax.block_until_ready(run.call())
    return time.perf_counter() - begun


def _row(name: str, runs: dict[str, Run], took: dict[str, list[float]], reference: str | None) -> Row:
    run, times = runs[name], None
    if reference in runs and name != reference:
        share = run.units / runs[reference].units
        pairs = zip(took[reference], took[name], strict=True)
        times = statistics.median(slow / fast for slow, fast in pairs) * share
    against = reference if times else None
    target = run.target if times else None
    counts = run.units, run.flops, run.bytes
    return Row(name, tuple(took[name]), *counts, against, times, target, goal=run.goal)
