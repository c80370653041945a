"""Workloads that are timed in turn, so that a busy machine slows all of them equally."""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import jax

REPEATS = 5


class Goal(NamedTuple):
    """A figure computed from the seconds of a unit, and what it should reach."""

    unit: str
    target: float
    stretch: float  # a target for later, beyond `target`
    from_seconds: Callable[[float], float]  # seconds a unit -> the figure

    def is_met(self, value: float, limit: float) -> bool:
        """Whether a value is at least as good as a limit."""
        # The stretch is always the better of the two, so it tells whether larger or smaller is better.
        return value >= limit if self.stretch > self.target else value <= limit


class Workload(NamedTuple):
    """Something to time.

    Attributes:
      call: does it; jax arrays that it returns are waited for.
      units: how many units of work one call does; workloads are compared by seconds a unit.
      flops: floating-point operations of a call, 0 where they are not counted.
      bytes: that a call reads and writes at least, 0 where they are not counted.
      target: how many times as fast as the reference it should be.
      goal: what it should reach by itself.
    """

    call: Callable[[], object]
    units: int = 1
    flops: float = 0
    bytes: float = 0
    target: float | None = None
    goal: Goal | None = None


class Measurement(NamedTuple):
    """What was measured of a workload."""

    name: str
    seconds: tuple[float, ...]  # of each repeat
    units: int = 1
    flops: float = 0
    bytes: float = 0
    reference: str | None = None  # the workload it is compared with
    speedup: float | None = None  # times as fast as the reference, a unit each: the median over repeats
    target: float | None = None  # for the speedup
    note: str = ""
    goal: Goal | None = None

    @property
    def goal_value(self) -> float:
        """The figure of its goal, from the median."""
        return self.goal.from_seconds(statistics.median(self.seconds) / self.units)


def compare_workloads(
    workloads: dict[str, Workload], reference: str | None = None, repeats: int = REPEATS
) -> list[Measurement]:
    """Times workloads in turn, after one call of each that compiles.

    Args:
      workloads: by name.
      reference: the workload that the others are compared with; if it is not there, nothing is compared.
      repeats: of each.
    """
    seconds: dict[str, list[float]] = {name: [] for name in workloads}
    # Not counted: the first call compiles.
    for workload in workloads.values():
        _time_call(workload)
    for k in range(repeats):
        # Every other round runs backwards: a machine that gets slower would otherwise favour the first.
        for name in list(workloads)[:: -1 if k % 2 else 1]:
            seconds[name].append(_time_call(workloads[name]))
    return [_summarize_workload(name, workloads, seconds, reference) for name in workloads]


def _time_call(workload: Workload) -> float:
    start = time.perf_counter()
    # jax returns before the device has finished; without waiting only the dispatch would be timed.
    jax.block_until_ready(workload.call())
    return time.perf_counter() - start


def _summarize_workload(
    name: str, workloads: dict[str, Workload], seconds: dict[str, list[float]], reference: str | None
) -> Measurement:
    workload, speedup = workloads[name], None
    if reference in workloads and name != reference:
        units = workload.units / workloads[reference].units
        # Ratios within a round, then their median: what slows the machine for a while cancels in a ratio.
        pairs = zip(seconds[reference], seconds[name], strict=True)
        speedup = statistics.median(slow / fast for slow, fast in pairs) * units
    return Measurement(
        name,
        tuple(seconds[name]),
        workload.units,
        workload.flops,
        workload.bytes,
        reference if speedup else None,
        speedup,
        workload.target if speedup else None,
        goal=workload.goal,
    )
