"""Runs a command and starts it again when it dies of something that passes, such as a lost host.

    python -m signjax.tools.supervise python -m signjax.main --config=configs/gpt.py
    python -m signjax.tools.supervise --processes 2 python -m signjax.main --config=configs/gpt.py --multihost

With several processes all start again when one dies; --multihost joins them. A job of several machines has
a supervisor on each. SIGTERM and Ctrl-C are passed on, and after them nothing starts again. If the
supervisor is killed, its processes get SIGTERM (on Linux).
"""

import argparse
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

from signjax.cli import parsing

LASTING = (2, 20, 21, 22, 23, 130)  # exit codes, see docs/reliability.md, of what a new start does not cure
GRACE = 5.0  # seconds that the others have to end by themselves when one has failed
LONG = 600.0  # seconds after which a failure does not count as one in a row with those before
PAUSE, LONGEST = 1.0, 60.0  # seconds before a new start, doubled each time in a row
POLL = 0.1  # seconds
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_SET_PDEATHSIG = 1  # of prctl(2)


def main(argv: list[str] | None = None) -> int:
    """The door; returns the exit code."""
    parser = parsing.parser("signjax.tools.supervise", __doc__)
    parser.add_argument("--processes", type=int, default=1, help="how many on this machine (default: 1)")
    parser.add_argument("--restarts", type=int, default=5, help="most new starts in a row (default: 5)")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what to run")
    args = parser.parse_args(argv)
    if not args.command or args.processes < 1:
        parser.error("give a command, and one process or more")
    if not shutil.which(args.command[0]):
        parser.error(f"{args.command[0]}: no such command")
    return supervise(args.command, args.processes, args.restarts)


def supervise(command: list[str], processes: int, restarts: int) -> int:
    """Runs a command until it ends for good; returns its exit code, 128 + n for death by signal n."""
    signals: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: signals.append(number))
    failures = 0
    while True:
        began = time.monotonic()
        code = verdict(watch(start(command, processes), signals))
        failures = 1 if time.monotonic() - began > LONG else failures + 1
        if code in (0, *LASTING) or signals or failures > restarts:
            return code
        pause = min(PAUSE * 2 ** (failures - 1), LONGEST)
        _say(f"starting again in {pause:.0f} s, time {failures} of {restarts}")
        until = time.monotonic() + pause
        while time.monotonic() < until and not signals:
            time.sleep(POLL)
        if signals:
            return code


def start(command: list[str], processes: int) -> list[subprocess.Popen]:
    """Starts the processes, each in a group of its own: Ctrl-C in a terminal must reach them only once."""
    children = []
    with socket.socket() as found:
        found.bind(("localhost", 0))
        address = f"localhost:{found.getsockname()[1]}"
    for rank in range(processes):
        job = {
            "JAX_COORDINATOR_ADDRESS": address,
            "JAX_NUM_PROCESSES": str(processes),
            "JAX_PROCESS_ID": str(rank),
        }
        environment = os.environ | (job if processes > 1 else {})
        children.append(
            subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, process_group=0, preexec_fn=_follow
            )
        )
    return children


def _follow() -> None:
    if _LIBC:
        _LIBC.prctl(_SET_PDEATHSIG, signal.SIGTERM)


def watch(children: list[subprocess.Popen], signals: list[int]) -> list[int]:
    """Waits until all have ended; passes signals on, ends the others when one has failed.

    Args:
      children: the processes.
      signals: numbers of the signals that came; more may come meanwhile.

    Returns:
      Their exit codes, -n for signal n.
    """
    sent, deadline = 0, None
    while True:
        alive = [child for child in children if child.poll() is None]
        failed = [rank for rank, child in enumerate(children) if child.returncode]
        if failed and deadline is None:
            deadline = time.monotonic() + GRACE
            _say(f"process {failed[0]} ended with {_told(children[failed[0]].returncode)}")
        if not alive:
            return [child.returncode for child in children]
        new = signals[sent:]
        sent += len(new)
        for child in alive:
            for number in new:
                child.send_signal(number)
            if deadline and time.monotonic() > deadline:
                child.kill()
        time.sleep(POLL)


def verdict(codes: list[int]) -> int:
    """What a job ends with: an exit code of LASTING if there is one, else the first that is not 0."""
    bad = [code if code > 0 else 128 - code for code in codes if code]
    return next((code for code in bad if code in LASTING), bad[0] if bad else 0)


def _told(code: int) -> str:
    return f"exit code {code}" if code > 0 else signal.Signals(-code).name


def _say(line: str) -> None:
    print(f"supervise: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
