"""Signals that stop a command: its unfinished files are removed, and its exit code names the signal."""

import contextlib
import signal
import threading
from collections.abc import Iterator

# A terminal or a connection that was closed, and what schedulers and `kill` send.
NUMBERS = (signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Raised where a command is when a signal stops it; like KeyboardInterrupt it is no Exception.

    Attributes:
      number: of the signal.
      exit_code: as shells expect it, 128 + number.
    """

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number, self.exit_code = number, 128 + number


@contextlib.contextmanager
def raise_on_signals() -> Iterator[list[Stopped]]:
    """Has SIGTERM and SIGHUP raise Stopped in this block; a second SIGTERM ends the process at once.

    Yields:
      a list that gets what is raised: another error may come first, as of a worker that had the signal, too.
    """
    stops: list[Stopped] = []
    # Python allows signal handlers in the main thread only.
    if threading.current_thread() is not threading.main_thread():
        yield stops
        return

    def stop(number: int, _) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        # When a terminal is closed the shell may send a second one, which must not end the clearing up.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        stops.append(Stopped(number))
        raise stops[-1]

    # nohup ignores SIGHUP, and a program that handles it must leave it so.
    handlers = {number: signal.getsignal(number) for number in NUMBERS}
    replaced = [number for number in NUMBERS if handlers[number] == signal.SIG_DFL]
    for number in replaced:
        signal.signal(number, stop)
    try:
        yield stops
    finally:
        for number in replaced:
            signal.signal(number, signal.SIG_DFL)
