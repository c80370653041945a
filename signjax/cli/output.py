"""The standard streams of a command: some are closed when it starts, others while it prints."""

import contextlib
import os
import select
import stat
import sys

from signjax.errors import StorageError


def open_missing_streams() -> None:
    """Has what is printed go nowhere if standard output or error were closed before the program began."""
    # Python has None for them then. The next file that is opened would get their number, and what a library
    # prints would be written into a checkpoint.
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, os.O_WRONLY)
            if handle != number:
                os.dup2(handle, number)
                os.close(handle)
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))


def flush_output(has_failed: bool = False) -> StorageError | None:
    """Writes what standard output still holds; the error if it cannot be written any more.

    Args:
      has_failed: whether something could not be written before, which may have been standard output.
    """
    reason = ""
    try:
        sys.stdout.flush()
    except OSError as error:
        has_failed, reason = True, f"cannot be written ({error.strerror}); write to another place"
    # A reader that has seen enough and closes is no error as long as nothing was to be written after it. And
    # after a failed write nothing may be left to flush, so the pipe itself is asked.
    if has_failed and _is_closed_pipe(sys.stdout):
        reason = "was closed by the program that reads it; let it read to the end, or write to a file"
    if not reason:
        return None
    # Python flushes once more when it ends, and would print a traceback.
    with contextlib.suppress(OSError, ValueError):
        _discard(sys.stdout)
    return StorageError(f"standard output {reason}")


def _is_closed_pipe(stream) -> bool:
    """Whether a stream is a pipe that nobody reads any more."""
    try:
        handle = stream.fileno()
        poll = select.poll()
        poll.register(handle, 0)  # errors are always reported
        return stat.S_ISFIFO(os.fstat(handle).st_mode) and bool(poll.poll(0))
    # No file, as in a notebook or a test.
    except (OSError, ValueError):
        return False


def print_to_stderr(line: str) -> None:
    """Prints a line on standard error, or nothing if that was closed."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        with contextlib.suppress(OSError, ValueError):
            _discard(sys.stderr)


def _discard(stream) -> None:
    """Has everything that a stream holds, and all that follows, written to nowhere."""
    handle = os.open(os.devnull, os.O_WRONLY)
    os.dup2(handle, stream.fileno())
    os.close(handle)
