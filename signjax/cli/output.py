"""The standard streams of a command, which may be closed or full, or lack some characters."""

import contextlib
import errno
import os
import select
import stat
import sys
from collections.abc import Iterator
from typing import Any, cast

from signjax.errors import StorageError


class OutputStream:
    """Standard output or error as a command writes to it: with a clear error, or none where none is needed.

    Characters that the stream's encoding lacks are written as escapes: a command does not stop for a name
    that a terminal cannot show.

    Attributes:
      error: why nothing can be written any more; None as long as it can.
    """

    def __init__(self, stream: Any, required: bool):
        """Wraps a stream.

        Args:
          stream: what sys.stdout or sys.stderr was.
          required: whether a StorageError is raised when it cannot be written; else that is passed over.
        """
        self._stream, self._required = stream, required
        self._terminal = stream.isatty()
        self.error: StorageError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes text."""
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding
            self.write(text.encode(encoding, "backslashreplace").decode(encoding))
        except OSError as error:
            self._handle_error(error)
        return len(text)

    def writelines(self, lines) -> None:
        """Writes several texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Writes what waits in the buffer."""
        try:
            self._stream.flush()
        except OSError as error:
            self._handle_error(error)

    def _handle_error(self, error: OSError) -> None:
        reason = f"cannot be written ({error.strerror}); write to another place"
        if _is_closed_pipe(self._stream):
            reason = "was closed by the program that reads it; let it read to the end, or write to a file"
        # Python flushes once more when it ends, and would print a traceback.
        with contextlib.suppress(OSError, ValueError):
            _discard(self._stream)
        # A terminal that was closed has nobody who reads; work that goes on in spite of it, or that is being
        # saved, must not be lost.
        if self._required and not (self._terminal and error.errno == errno.EIO):
            self.error = StorageError(f"standard output {reason}")
            # Not an OSError: argparse would pass over it, and training takes it for one of its own files.
            raise self.error from None


@contextlib.contextmanager
def guard_streams() -> Iterator[None]:
    """Has sys.stdout and sys.stderr be OutputStreams, of which standard output alone must be writable."""
    _open_missing_streams()
    with (
        contextlib.redirect_stdout(cast(Any, OutputStream(sys.stdout, required=True))),
        contextlib.redirect_stderr(cast(Any, OutputStream(sys.stderr, required=False))),
    ):
        yield


def flush_output() -> StorageError | None:
    """Writes what standard output still holds; the error if it cannot be written, now or before."""
    try:
        sys.stdout.flush()
    except StorageError as error:
        return error
    return getattr(sys.stdout, "error", None)


def print_to_stderr(line: str) -> None:
    """Prints a line on standard error."""
    print(line, file=sys.stderr, flush=True)


def _open_missing_streams() -> None:
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


def _discard(stream) -> None:
    """Has everything that a stream holds, and all that follows, written to nowhere."""
    handle = os.open(os.devnull, os.O_WRONLY)
    os.dup2(handle, stream.fileno())
    os.close(handle)
