"""Progress of long work: a bar on a terminal, elsewhere a line from time to time."""

import contextlib
import functools
import io
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator

LOG = logging.getLogger("signjax")
REDRAW_EVERY = 0.2  # seconds between two drawings of a bar
MAX_WIDTH, MIN_WIDTH = 30, 8  # columns of a bar; with less space there is the text only


def is_terminal(out) -> bool:
    """Whether `out` is a terminal that can clear its last line."""
    # Editors and CI have terminals named "dumb", which would show the control characters.
    return out.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")


def clear_bar(out) -> None:
    """Removes the bar, if `out` is a terminal."""
    if is_terminal(out):
        out.write("\r\x1b[2K")
        out.flush()


def draw_bar(out, done: int, total: int | None, words: str) -> None:
    """Draws the last line of a terminal again: a bar if the total is known, and words. Else does nothing."""
    if not is_terminal(out):
        return
    # One column less: a full line would wrap, and could not be cleared any more.
    columns = shutil.get_terminal_size().columns - 1
    words = words[:columns]
    width = min(MAX_WIDTH, columns - len(words) - 2)
    bar = f"{_render_bar(out.encoding, done, total, width)}  " if total and width >= MIN_WIDTH else ""
    # Cleared and written at once, with the cursor left visible: nothing is to be restored after a kill.
    out.write(f"\r\x1b[2K{bar}{words}")
    out.flush()


def log_message(line: str) -> None:
    """Gives a line about the progress of a function of the library to the log "signjax"."""
    LOG.info("%s", line)


@contextlib.contextmanager
def show_log(print_line: Callable[[str], None]) -> Iterator[None]:
    """Has the lines of `log_message` printed in this block, as commands do."""
    handler, level, propagates = logging.Handler(), LOG.level, LOG.propagate
    handler.emit = lambda record: print_line(record.getMessage())  # type: ignore[method-assign]
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    # Libraries give the root a handler of their own, which would print each line again.
    LOG.propagate = False
    try:
        yield
    finally:
        LOG.removeHandler(handler)
        LOG.setLevel(level)
        LOG.propagate = propagates


@contextlib.contextmanager
def report_counts(
    format_line: Callable[[int, float], str],
    total: int | None,
    print_line: Callable[[str], None],
    every: float,
) -> Iterator[Callable[[int], None]]:
    """Yields a function report(done), which shows on standard error how much of some work is done.

    Args:
      format_line: (done, seconds so far) -> the text to show.
      total: how much there is in all; None if that is not known.
      print_line: called with a line every `every` seconds if standard error is no terminal; not at the end.
      every: seconds.
    """
    out, start = sys.stderr, time.monotonic()
    on_terminal, last = is_terminal(out), time.monotonic()

    def report(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        # At the end the caller prints a result.
        if now - last < (REDRAW_EVERY if on_terminal else every) or done == total:
            return
        last = now
        line = format_line(done, now - start)
        draw_bar(out, done, total, line) if on_terminal else print_line(line)

    try:
        yield report
    finally:
        clear_bar(out)


def _render_bar(encoding: str, done: int, total: int, width: int) -> str:
    # Slow to import, and needed on terminals only.
    from rich.progress_bar import ProgressBar

    console = _make_console(encoding, width)
    with console.capture() as rendered:
        console.print(ProgressBar(total, min(done, total), width), end="")
    return rendered.get().rstrip("\n")


@functools.cache
def _make_console(encoding: str, width: int):
    from rich.console import Console

    # rich chooses its characters by the encoding of its file. Nothing is written to this one.
    file = io.TextIOWrapper(io.BytesIO(), encoding)
    return Console(file=file, force_terminal=True, width=width, legacy_windows=False)
