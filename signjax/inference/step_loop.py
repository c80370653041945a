"""The steps of a model that generates whole clips: all at once, or one by one where somebody watches."""

from collections.abc import Callable
from typing import TypeVar

import jax

from signjax.inference.contracts import Progress, Watch

State = TypeVar("State")


def run_steps(
    take_steps: Callable[[State, int], State], state: State, steps: int, watch: Watch | None
) -> State:
    """The state after all steps.

    Args:
      take_steps: (state, until) -> the state after `until` steps; one compiled program for any of them.
      state: before the first step.
      steps: number of steps.
      watch: see signjax.inference.contracts.Watch.
    """
    # The same compiled program in parts, and so the same clips.
    for until in range(1, steps + 1) if watch else (steps,):
        state = take_steps(state, until)
        if watch:
            # A call returns before its result is there: without waiting all steps would be told at once.
            jax.block_until_ready(state)
            watch(Progress(until, steps))
    return state
