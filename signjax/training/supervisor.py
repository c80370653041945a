"""A supervisor: starts a command again after a failure that may pass."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time

from signjax.io import progress

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# Exit codes of failures that a restart does not cure: wrong usage, NaN, data, storage, config; and Ctrl-C.
PERMANENT = (2, 20, 21, 22, 23, 130)
GRACE = 5.0  # seconds for the other processes to end by themselves when one has failed
STABLE = 600.0  # a run of so many seconds starts the count of failures in a row again
PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds before a restart, doubled for each failure in a row
POLL = 0.1  # seconds
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_SET_PDEATHSIG = 1  # of prctl(2)


def supervise_command(command: list[str], processes: int, restarts: int) -> int:
    """Runs a command, and again until it ends with 0 or in a way that a restart does not cure.

    SIGTERM, SIGINT and SIGHUP are passed on to its processes, and it is not started again after them.

    Args:
      command: what to run.
      processes: how many of it to run at once on this machine.
      restarts: failures in a row after which it gives up.

    Returns:
      The exit code of the command, 128 + n if signal n ended it.
    """
    # The handlers only record the signal: they may interrupt the code below anywhere.
    signals: list[int] = []
    for number in STOPPING:
        # nohup ignores SIGHUP, so that a job goes on without its terminal.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, _: signals.append(number))
    failures = 0
    while True:
        start = time.monotonic()
        code = combine_exit_codes(wait_for_processes(start_processes(command, processes), signals))
        failures = 1 if time.monotonic() - start > STABLE else failures + 1
        if code in (0, *PERMANENT) or signals or failures > restarts:
            return code
        # Some failures need time to pass, such as a network that is down.
        pause = min(PAUSE * 2 ** (failures - 1), LONGEST_PAUSE)
        progress.log_message(f"supervise: restarting in {pause:.0f} s, restart {failures} of {restarts}")
        end = time.monotonic() + pause
        # In short pieces, as Python resumes a sleep after a signal whose handler does not raise.
        while time.monotonic() < end and not signals:
            time.sleep(POLL)
        if signals:
            return code


def start_processes(command: list[str], processes: int) -> list[subprocess.Popen]:
    """Starts the processes; several of them find each other through JAX's environment variables."""
    # A free port for their coordinator, as all must know it before the first of them runs. If another program
    # takes it meanwhile, this start fails and the next one has another port.
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        address = f"localhost:{probe.getsockname()[1]}"
    children = []
    for rank in range(processes):
        job = {
            "JAX_COORDINATOR_ADDRESS": address,
            "JAX_NUM_PROCESSES": str(processes),
            "JAX_PROCESS_ID": str(rank),
        }
        children.append(
            subprocess.Popen(
                command,
                # A single process must not wait for others.
                env=os.environ | (job if processes > 1 else {}),
                stdin=subprocess.DEVNULL,
                # In a group of its own. Otherwise Ctrl-C in a terminal would reach it twice, from the
                # terminal and from here, and the second one kills.
                process_group=0,
                preexec_fn=_end_with_parent,
            )
        )
    return children


def _end_with_parent() -> None:
    # A supervisor that is killed cannot pass signals on, and nobody would stop its processes.
    if _LIBC:
        _LIBC.prctl(_SET_PDEATHSIG, signal.SIGTERM)


def wait_for_processes(children: list[subprocess.Popen], signals: list[int]) -> list[int]:
    """Waits until all processes have ended. Passes signals on, and kills the others when one has failed.

    Args:
      children: the processes.
      signals: numbers of the signals received so far; handlers append to it.

    Returns:
      Their exit codes, -n for signal n.
    """
    sent, deadline = 0, None
    while True:
        alive = [child for child in children if child.poll() is None]
        failed = [rank for rank, child in enumerate(children) if child.returncode]
        if failed and deadline is None:
            # The others may be about to fail, too, with a better message. If not they would wait for ever.
            deadline = time.monotonic() + GRACE
            reason = _describe_exit(children[failed[0]].returncode)
            progress.log_message(f"supervise: process {failed[0]} ended with {reason}")
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


def combine_exit_codes(codes: list[int]) -> int:
    """The exit code of a job: one of PERMANENT if a process has it, else the first that is not 0."""
    # When one process fails the others die of signals, which say nothing about the reason.
    bad = [code if code > 0 else 128 - code for code in codes if code]
    return next((code for code in bad if code in PERMANENT), bad[0] if bad else 0)


def _describe_exit(code: int) -> str:
    return f"exit code {code}" if code > 0 else signal.Signals(-code).name
