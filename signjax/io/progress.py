"""How far long work is: a bar that is renewed in place on a terminal; elsewhere lines, now and then."""

import contextlib
import functools
import io
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator

REDRAW_EVERY = 0.2  # seconds between two bars
MAX_WIDTH, MIN_WIDTH = 30, 8  # columns of a bar; with less room there are words only


def is_terminal(out) -> bool:
    """Whether `out` is a terminal that can move its cursor."""
    return out.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")


def clear_bar(out) -> None:
    """Removes the bar, if `out` is a terminal."""
    if is_terminal(out):
        out.write("\r\x1b[2K")
        out.flush()


def draw_bar(out, done: int, total: int | None, words: str) -> None:
    """Renews the last line of a terminal: a bar if the total is known, and words. Does nothing elsewhere."""
    if not is_terminal(out):
        return
    columns = shutil.get_terminal_size().columns - 1  # a full line would wrap
    words = words[:columns]
    width = min(MAX_WIDTH, columns - len(words) - 2)
    bar = f"{_render_bar(out.encoding, done, total, width)}  " if total and width >= MIN_WIDTH else ""
    out.write(f"\r\x1b[2K{bar}{words}")
    out.flush()


@contextlib.contextmanager
def report_counts(
    format_line: Callable[[int, float], str],
    total: int | None,
    print_line: Callable[[str], None],
    every: float,
) -> Iterator[Callable[[int], None]]:
    """Yields a function to call with how much is done; it shows the user that on standard error.

    Args:
      format_line: (done, seconds so far) -> what to show.
      total: how much there is; None if that is not known.
      print_line: gets a line every `every` seconds where standard error is no terminal, but none for the end.
      every: seconds.
    """
    out, start = sys.stderr, time.monotonic()
    on_terminal, last = is_terminal(out), time.monotonic()

    def report(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        # Of the end the caller tells in words of its own.
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
    from rich.progress_bar import ProgressBar  # slow to import, and only terminals need it

    console = _make_console(encoding, width)
    with console.capture() as rendered:
        console.print(ProgressBar(total, min(done, total), width), end="")
    return rendered.get().rstrip("\n")


@functools.cache
def _make_console(encoding: str, width: int):
    from rich.console import Console

    # rich chooses its characters by the encoding of the file, which is not written to.
    file = io.TextIOWrapper(io.BytesIO(), encoding)
    return Console(file=file, force_terminal=True, width=width, legacy_windows=False)
