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
    room = min(MAX_WIDTH, columns - len(words) - 2)
    bar = f"{_render_bar(out.encoding, done, total, room)}  " if total and room >= MIN_WIDTH else ""
    out.write(f"\r\x1b[2K{bar}{words}")
    out.flush()


def _render_bar(encoding: str, done: int, total: int, width: int) -> str:
    from rich.progress_bar import ProgressBar  # slow to import, and only terminals need it

    console = _make_console(encoding, width)
    with console.capture() as drawn:
        console.print(ProgressBar(total, min(done, total), width), end="")
    return drawn.get().rstrip("\n")


@functools.cache
def _make_console(encoding: str, width: int):
    from rich.console import Console

    file = io.TextIOWrapper(io.BytesIO(), encoding)
    return Console(file=file, force_terminal=True, width=width, legacy_windows=False)


@contextlib.contextmanager
def report_counts(
    words: Callable[[int, float], str], total: int | None, say: Callable[[str], None], every: float
) -> Iterator[Callable[[int], None]]:
    """Yields a function that is to be told how much is done; it tells the user.

    Args:
      words: (done, seconds so far) -> what to say.
      total: how much there is; None if that is not known.
      say: gets a line every `every` seconds where standard error is no terminal, but none for the end.
      every: seconds.
    """
    out, start = sys.stderr, time.monotonic()
    shown, last = is_terminal(out), time.monotonic()

    def tell(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < (REDRAW_EVERY if shown else every) or done == total:
            return
        last = now
        said = words(done, now - start)
        draw_bar(out, done, total, said) if shown else say(said)

    try:
        yield tell
    finally:
        clear_bar(out)
