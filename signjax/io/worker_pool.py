"""Work for other processes in the background: a bounded amount at a time, with results in order."""

import collections
import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from signjax.errors import MachineError
from signjax.io.processes import die_with_parent


def count_workers(jobs: int, most: int = 8) -> int:
    """How many processes to use for so many jobs: 0 where to start them would take longer than the work."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, most) if jobs > 4 and cores > 1 else 0


class WorkerPool:
    """Calls functions in other processes, or in this one if there are none.

    Args:
      executor: of the processes; None for this one.
      most: jobs that wait at once; further ones are taken when the oldest is done.
    """

    def __init__(self, executor: ProcessPoolExecutor | None, most: int):
        self._executor, self._most = executor, most
        self._waiting: collections.deque[Future] = collections.deque()

    def submit(self, function: Callable[[Any], Any], job: Any) -> Iterator[list]:
        """Hands a job over; yields the results of earlier ones that are ready, if there are any.

        Raises:
          MachineError: a process was ended from outside.
        """
        if self._executor is None:
            yield [function(job)]
            return
        with _name_lost_process():
            self._waiting.append(self._executor.submit(function, job))
        results = []
        while self._waiting and (len(self._waiting) > self._most or self._waiting[0].done()):
            with _name_lost_process():
                results.append(self._waiting.popleft().result())
        if results:
            yield results

    def finish(self) -> Iterator[list]:
        """Yields the results of all jobs that still wait; raises as `submit`."""
        while self._waiting:
            with _name_lost_process():
                results = [self._waiting.popleft().result()]
            while self._waiting and self._waiting[0].done():
                with _name_lost_process():
                    results.append(self._waiting.popleft().result())
            yield results


@contextlib.contextmanager
def open_pool(workers: int, most: int, warm_up: Callable[[], object]) -> Iterator[WorkerPool]:
    """Starts a WorkerPool; at an error or Ctrl-C the jobs that no process has begun are dropped.

    Args:
      workers: processes; 0 for this one.
      most: see WorkerPool.
      warm_up: what each process calls at once, so that it has imported the modules when the first job comes.
    """
    if not workers:
        yield WorkerPool(None, most)
        return
    # Fresh interpreters: the caller may have threads (JAX does), which a fork would not survive.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, spawn, initializer=_prepare_worker) as executor:
        try:
            with _hold_back_interrupts():
                for _ in range(workers):
                    executor.submit(warm_up)
            yield WorkerPool(executor, most)
        except BaseException:
            executor.shutdown(wait=True, cancel_futures=True)
            raise


@contextlib.contextmanager
def _hold_back_interrupts() -> Iterator[None]:
    """Holds Ctrl-C back: from this process until the end of the block, from those that it starts for good."""
    # A process inherits it. One that is still importing could not ignore Ctrl-C by itself, and its traceback
    # would stand beside the line of the command.
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def _prepare_worker() -> None:
    # Ctrl-C goes to all processes of a terminal: the one that started them says what ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()


@contextlib.contextmanager
def _name_lost_process() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool:
        raise MachineError(
            "a process that writes clips was ended, perhaps as memory ran out; end other programs, or give "
            "fewer texts at once"
        ) from None
