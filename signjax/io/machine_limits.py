"""Whether this process may have the threads and the memory that numpy and JAX need to start.

Without them their C++ ends the process: with a stack of lines or without any, and no `except` sees it. So
they are asked for before, and given back.
"""

import contextlib
import ctypes
import functools
import mmap
import os
import resource
import sys
import threading

from signjax.errors import MachineError

# Beside the pools: those of orbax, of Python's event loops, of the compiler. 30 were measured with 2 cores.
SINGLE_THREADS = 40
POOLS = 4  # of XLA, each with a thread for each core
IMPORT_ROOM = 450 << 20  # bytes of addresses, of 520 MB that importing JAX takes; the rest fails in Python
JAX_ROOM = 512 << 20  # bytes beside the stacks; a tiny run was measured to take 400 MB
_ARENA_MAX = -8  # M_ARENA_MAX of mallopt(3)


def save_addresses() -> None:
    """With a limit of addresses (ulimit -v), has the C library reserve less of them."""
    # It reserves 64 MB for each thread, up to eight times as many as there are cores: 0.9 of the 1.8 GB that
    # a tiny run takes. It uses little of that, but the limit counts it.
    if sys.platform.startswith("linux") and _get_address_limit() is not None:
        with contextlib.suppress(AttributeError, OSError):  # not every C library has it
            ctypes.CDLL(None).mallopt(_ARENA_MAX, 2)


def check_imports() -> None:
    """Raises MachineError if numpy cannot start its threads, or there is no memory to import JAX."""
    check_limits(os.cpu_count() or 1, IMPORT_ROOM, "numpy")


@functools.cache
def check_jax() -> None:
    """Raises MachineError if there are too few threads or addresses for JAX; a process asks once."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    check_limits(SINGLE_THREADS + POOLS * cores, JAX_ROOM, "JAX")


def check_limits(threads: int, room: int, who: str) -> None:
    """Raises unless this process may start so many threads and have so many addresses beside their stacks.

    Args:
      threads: their number.
      room: bytes.
      who: needs them, for the message.

    Raises:
      MachineError: it may not.
    """
    if (limit := _get_address_limit()) is not None:
        # pthread_create takes the limit of the stack as its size, and 2 MB where that is none.
        stack = resource.getrlimit(resource.RLIMIT_STACK)[0]
        needed = room + threads * (stack if stack != resource.RLIM_INFINITY else 2 << 20)
        if not _can_reserve(needed):
            raise MachineError(
                f"not enough memory: {who} needs {needed >> 20:,} MB more, and this process may have "
                f"{limit >> 20:,} MB in all (ulimit -v); raise the limit"
            )
    started = _count_threads(threads)
    if started < threads:
        raise MachineError(
            f"no more than {started} threads can be started, and {who} needs {threads}; raise the limit "
            "(ulimit -u, or that of the container), or end other programs"
        )


def _get_address_limit() -> int | None:
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def _can_reserve(size: int) -> bool:
    try:
        # Read-only, so that the system does not count it as memory in use.
        mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ).close()
    except (OSError, ValueError, MemoryError):
        return False
    return True


def _count_threads(most: int) -> int:
    """How many threads can be started, at most so many; none is left."""
    end, started = threading.Event(), []
    try:
        for _ in range(most):
            thread = threading.Thread(target=end.wait, daemon=True)
            thread.start()
            started.append(thread)
    # RuntimeError by Python 3.11 and 3.12.
    except (RuntimeError, MemoryError, OSError):
        pass
    finally:
        end.set()
        for thread in started:
            thread.join()
    return len(started)
