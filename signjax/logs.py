"""What a run tells: its numbers (metrics.jsonl, TensorBoard if installed), its progress."""

import json
import math
import os
import pathlib
import socket
import struct
import sys
import time
from typing import NamedTuple

from signjax import inputs
from signjax.config import write_whole
from signjax.errors import StorageError

try:
    from tensorboardX.proto.event_pb2 import Event, SessionLog
    from tensorboardX.proto.summary_pb2 import Summary
    from tensorboardX.record_writer import masked_crc32c
except ImportError:
    Event = None

LINE, LARGEST = 1 << 16, 1 << 27  # bytes of a row, and of all
HUGE = 1e300  # beyond any number that a run has


class Spent(NamedTuple):
    """Seconds spent on training so far, over all resumes, the main process's threads included."""

    cpu_s: float
    wall_s: float


class Metrics:
    """A run's numbers: appends to metrics.jsonl, one object a line, and to TensorBoard if installed."""

    def __init__(self, workdir, step: int, spent: Spent, writes: bool = True):
        """Goes on at `step`: later lines, of a run that went on unsaved, are dropped.

        Args:
          spent: what the checkpoint knows of earlier time; the file may know more.
          writes: False on all hosts but the first.
        """
        self.path = pathlib.Path(workdir, "metrics.jsonl")
        self.evaluated, kept = False, bytearray()
        for row in _rows(self.path):
            spent = Spent(*(max(t, row.get(name) or 0.0) for name, t in spent._asdict().items()))
            if row["step"] <= step:
                kept += json.dumps(row).encode() + b"\n"
            if row["step"] == step:
                self.evaluated = self.evaluated or any(name.startswith("eval/") for name in row)
        self._origin = Spent(time.process_time() - spent.cpu_s, time.monotonic() - spent.wall_s)
        self._writes, self._board = writes, None
        if not writes:
            return
        write_whole(self.path, kept.decode())
        if Event:
            name = f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.{os.getpid()}"
            self._board = self.path.parent / "tensorboard" / name
            self._board.parent.mkdir(exist_ok=True)
            first = Event(step=step + 1, file_version="brain.Event:2")
            purge = Event(step=step + 1, session_log=SessionLog(status=SessionLog.START))
            _append(self._board, _record(first) + _record(purge))

    def spent(self) -> Spent:
        """Time spent until now."""
        now = Spent(time.process_time(), time.monotonic())
        return Spent(*(round(t - begun, 2) for t, begun in zip(now, self._origin, strict=True)))

    def write(self, step: int, kind: str, scalars: dict) -> None:
        """Adds a line {"step", "<kind>/<name>"..., "cpu_s", "wall_s"}; kind is "train" or "eval"."""
        if not self._writes:
            return
        row = {f"{kind}/{name}": value if math.isfinite(value) else None for name, value in scalars.items()}
        line = json.dumps({"step": step, **row, **self.spent()._asdict()}) + "\n"
        _append(self.path, line.encode())
        if self._board:
            values = [Summary.Value(tag=name, simple_value=x) for name, x in row.items() if x is not None]
            event = Event(step=step, wall_time=time.time(), summary=Summary(value=values))
            _append(self._board, _record(event))


def _append(path: pathlib.Path, data: bytes) -> None:
    """Adds to a file that is not kept open: what a full disk does not take is not tried again at the end."""
    with path.open("ab") as file:
        file.write(data)


def _record(event) -> bytes:
    """An event as TensorBoard's files hold it. (tensorboardX's own writer hangs for ever on a full disk.)"""
    data = event.SerializeToString()
    length = struct.pack("<Q", len(data))
    return b"".join(
        (length, struct.pack("<I", masked_crc32c(length)), data, struct.pack("<I", masked_crc32c(data)))
    )


def _rows(path: pathlib.Path):
    """The rows of a metrics.jsonl; a line that a crash cut short or changed is left out.

    Raises:
      StorageError: the file cannot be read.
    """
    try:
        with inputs.opened(path, LARGEST) as (file, _):
            while line := file.readline(LINE):
                if row := _row(line):
                    yield row
    except inputs.Missing:
        return
    except inputs.Fault as fault:
        raise StorageError(f"{path}: {fault}; move it away") from None


def _row(line: bytes) -> dict | None:
    """The numbers of a line by their names, of them a whole "step"; None if it has others or none."""
    try:
        row = inputs.parse_object(line)
    except inputs.Fault:
        return None
    numbers = all(value is None or type(value) in (int, float) for value in row.values())
    if not numbers or type(row.get("step")) is not int:
        return None
    return row if all(abs(value or 0) < HUGE for value in row.values()) else None


class Progress:
    """One line that says how far training is; on a terminal it is renewed in place."""

    def __init__(self, num_steps: int, out=None, silent: bool = False):
        self.num_steps, self.out, self.silent = num_steps, out or sys.stdout, silent
        self.tty = self.out.isatty()
        self._begin = self._since = None  # (step, seconds) of the first step seen, and since the last pause
        self._rate = 0.0  # steps a second
        self._shown = -1.0  # seconds

    def pause(self) -> None:
        """Leaves the time until the next step (evaluating, saving) out of the rate."""
        self._since = None

    def show(self, step: int, scalars: dict, whole: bool) -> None:
        """Shows a step. whole: the step is a logged one, else only a terminal sees it, twice a second.

        The rate is that of training alone; the time left supposes as many pauses as there were.
        """
        now = time.monotonic()
        self._begin = self._begin or (step, now)
        self._since = self._since or (step, now)
        if self.silent or (not whole and (not self.tty or now - self._shown < 0.5)):
            return
        self._shown = now
        line = f"step {step}/{self.num_steps}  " + numbers(scalars)
        if step > self._since[0]:
            self._rate = (step - self._since[0]) / max(now - self._since[1], 1e-6)
        if self._rate and step > self._begin[0]:
            left = (self.num_steps - step) * (now - self._begin[1]) / (step - self._begin[0])
            line += f"  {self._rate:.3g} steps/s  {clock(left)} left"
        self.out.write(f"\r{line}\x1b[K" if self.tty else line + "\n")
        self.out.flush()

    def say(self, line: str) -> None:
        """Prints a line of its own."""
        if self.silent:
            return
        lead = "\r\x1b[K" if self.tty else ""
        self.out.write(f"{lead}{line}\n")
        self.out.flush()


def numbers(scalars: dict) -> str:
    """{"loss": 0.03123} as "loss 0.0312"."""
    return "  ".join(f"{name} {value:.3g}" for name, value in scalars.items())


def clock(seconds: float) -> str:
    """125 seconds as "2:05", 3725 as "1:02:05"."""
    minutes, s = divmod(round(seconds), 60)
    h, m = divmod(minutes, 60)
    return f"{h}:{m:02}:{s:02}" if h else f"{m}:{s:02}"
