"""What a run tells: its numbers (metrics.jsonl and trackers), its progress."""

import json
import math
import pathlib
import time
from typing import NamedTuple, TextIO

from signjax.errors import StorageError
from signjax.io import atomic, progress, safe_read
from signjax.training import trackers

LINE, LARGEST = 1 << 16, 1 << 27  # bytes of a row, and of all
HUGE = 1e300  # beyond any number that a run has


class TimeSpent(NamedTuple):
    """Seconds spent on training so far, over all resumes, the main process's threads included."""

    cpu_s: float
    wall_s: float


class MetricWriter:
    """A run's numbers: appends to metrics.jsonl, one object a line, and tells its trackers."""

    def __init__(self, workdir, step: int, spent: TimeSpent, writes: bool = True):
        """Goes on at `step`: later lines, of a run that went on unsaved, are dropped.

        Args:
          spent: what the checkpoint knows of earlier time; the file may know more.
          writes: False on all hosts but the first.
        """
        self.path = pathlib.Path(workdir, "metrics.jsonl")
        self.evaluated, kept = False, bytearray()
        for row in _read_rows(self.path):
            spent = TimeSpent(*(max(t, row.get(name) or 0.0) for name, t in spent._asdict().items()))
            if row["step"] <= step:
                kept += json.dumps(row).encode() + b"\n"
            if row["step"] == step:
                self.evaluated = self.evaluated or any(name.startswith("eval/") for name in row)
        self._origin = TimeSpent(time.process_time() - spent.cpu_s, time.monotonic() - spent.wall_s)
        self._writes, self.trackers = writes, []
        if writes:
            atomic.write_file(self.path, bytes(kept))

    def spent(self) -> TimeSpent:
        """Time spent until now."""
        now = TimeSpent(time.process_time(), time.monotonic())
        return TimeSpent(*(round(t - begun, 2) for t, begun in zip(now, self._origin, strict=True)))

    def write(self, step: int, kind: str, scalars: dict) -> None:
        """Adds a line {"step", "<kind>/<name>"..., "cpu_s", "wall_s"}; kind is "train" or "eval"."""
        if not self._writes:
            return
        row = {f"{kind}/{name}": value if math.isfinite(value) else None for name, value in scalars.items()}
        line = json.dumps({"step": step, **row, **self.spent()._asdict()}) + "\n"
        trackers.append_bytes(self.path, line.encode())
        trackers.write_metrics(self.trackers, step, row)


def _read_rows(path: pathlib.Path):
    """The rows of a metrics.jsonl; a line that a crash cut short or changed is left out.

    Raises:
      StorageError: the file cannot be read.
    """
    try:
        with safe_read.open_bounded(path, LARGEST) as (file, _):
            while line := file.readline(LINE):
                if row := _parse_row(line):
                    yield row
    except safe_read.MissingFileError:
        return
    except safe_read.InvalidFileError as error:
        raise StorageError(f"{path}: {error}; move it away") from None


def _parse_row(line: bytes) -> dict | None:
    """The numbers of a line by their names, of them a whole "step"; None if it has others or none."""
    try:
        row = safe_read.parse_json(line)
    except safe_read.InvalidFileError:
        return None
    numbers = all(value is None or type(value) in (int, float) for value in row.values())
    if not numbers or type(row.get("step")) is not int:
        return None
    return row if all(abs(value or 0) < HUGE for value in row.values()) else None


class Progress:
    """Says how far training is: a bar that is renewed in place on a terminal, else a line a logged step."""

    def __init__(self, num_steps: int, out: TextIO | None):
        self.num_steps, self.out = num_steps, out
        self.tty = out is not None and progress.is_terminal(out)
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
        if self.out is None or (not whole and (not self.tty or now - self._shown < 0.5)):
            return
        self._shown = now
        line = f"step {step}/{self.num_steps}  " + format_numbers(scalars)
        if step > self._since[0]:
            self._rate = (step - self._since[0]) / max(now - self._since[1], 1e-6)
        if self._rate and step > self._begin[0]:
            left = (self.num_steps - step) * (now - self._begin[1]) / (step - self._begin[0])
            line += f"  {self._rate:.3g} steps/s  {format_duration(left)} left"
        if self.tty:
            progress.draw_bar(self.out, step, self.num_steps, line)
            return
        self.out.write(line + "\n")
        self.out.flush()

    def say(self, line: str) -> None:
        """Prints a line of its own."""
        if self.out is None:
            return
        progress.clear_bar(self.out)
        self.out.write(f"{line}\n")
        self.out.flush()


def format_numbers(scalars: dict) -> str:
    """{"loss": 0.03123} as "loss 0.0312"."""
    return "  ".join(f"{name} {value:.3g}" for name, value in scalars.items())


def format_duration(seconds: float) -> str:
    """125 seconds as "2:05", 3725 as "1:02:05"."""
    minutes, s = divmod(round(seconds), 60)
    h, m = divmod(minutes, 60)
    return f"{h}:{m:02}:{s:02}" if h else f"{m}:{s:02}"
