"""How much memory this process holds, and how many programs it has compiled."""

import collections
import ctypes
import gc
import math
import os
import pathlib
import resource
import sys
from collections.abc import Callable
from typing import NamedTuple

import jax

# An event of jax 0.10 to 0.12, which comes for programs from the cache, too: counts do not depend on it.
COMPILED = "/jax/core/compile/backend_compile_duration"
ARENA_MAX, MMAP_THRESHOLD = -8, -3  # of malloc.h
PROC = pathlib.Path("/proc/self/statm")


class MemoryReading(NamedTuple):
    """Memory at one moment. MB are 1e6 bytes.

    Resident memory alone hides leaks: compiling leaves the heap full of free blocks, which a leak fills
    before the process grows. What is in use of the heap shows it at once.
    """

    resident: float  # MB of physical memory; where there is no /proc, the largest until now
    heap: float  # MB in use of what malloc manages; NaN without glibc 2.33
    live: float  # MB of live jax arrays
    arrays: int  # live jax arrays
    compiled: int  # programs since `start_readings`


def start_readings() -> Callable[[], MemoryReading]:
    """Begins to count compilations; returns a function that takes a reading."""
    events = collections.Counter()
    jax.monitoring.register_event_duration_secs_listener(lambda event, *_, **__: events.update([event]))
    read_heap = _make_heap_reader()

    def read_memory() -> MemoryReading:
        # Objects in reference cycles are freed whenever Python's collector runs; without it readings would
        # differ by chance.
        gc.collect()
        # Sizes alone: a list of the arrays would keep them alive until the next reading.
        sizes = [array.nbytes for array in jax.live_arrays()]
        return MemoryReading(_read_resident(), read_heap(), sum(sizes) / 1e6, len(sizes), events[COMPILED])

    return read_memory


def steady_heap_size() -> None:
    """Makes resident memory follow what is in use: one heap for all threads, large blocks given back at once.

    By default each thread has a heap of its own, and freed blocks of any size stay in it, so that resident
    memory depends on chance. No leak is hidden by this.
    """
    # Without it the flow's resident memory rose by 1.3 % for some rounds and fell again, while what was in
    # use stayed the same to 0.01 %.
    if set_option := getattr(ctypes.CDLL(None), "mallopt", None):
        set_option(ARENA_MAX, 1)
        # The default value; setting it stops glibc from raising it whenever a large block is freed.
        set_option(MMAP_THRESHOLD, 128 * 1024)


def _read_resident() -> float:
    if PROC.exists():
        return int(PROC.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS gives bytes, others KB.
    return largest * (1 if sys.platform == "darwin" else 1024) / 1e6


def _make_heap_reader() -> Callable[[], float]:
    """A function that asks malloc how many MB are in use: small blocks of all arenas, and mapped ones."""

    class Info(ctypes.Structure):
        _fields_ = tuple(
            (name, ctypes.c_size_t)
            for name in (
                "arena", "ordblks", "smblks", "hblks", "hblkhd",
                "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
            )
        )  # fmt: skip

    # mallinfo without the 2 counts in 32 bits and overflows at 2 GB.
    mallinfo2 = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo2 is None:
        return lambda: math.nan
    mallinfo2.restype = Info
    return lambda: ((info := mallinfo2()).uordblks + info.hblkhd) / 1e6
