"""What a run reports: its metrics, to metrics.jsonl and to trackers, and its progress, to the user."""

import json
import math
import pathlib
import time
from typing import BinaryIO, NamedTuple, TextIO

from signjax.errors import StorageError
from signjax.io import atomic, machine_errors, progress, safe_read
from signjax.training import trackers

MAX_LINE_BYTES = 1 << 16
# Sums and rounding of larger numbers could overflow; no run has such metrics.
MAX_VALUE = 1e300


class TimeSpent(NamedTuple):
    """Seconds of training so far, over all resumes: of processor time, and by the clock."""

    cpu_s: float
    wall_s: float


class MetricWriter:
    """Writes a run's metrics to metrics.jsonl, one JSON object a line, and to its trackers.

    Attributes:
      path: of metrics.jsonl.
      evaluated: whether the file has the evaluation of the step at which the run resumes.
      trackers: see signjax.training.trackers.
    """

    def __init__(self, workdir, step: int, spent: TimeSpent, writes: bool = True):
        """Resumes the file at a step: lines of later steps, which were not saved, are removed.

        Args:
          workdir: folder of the run.
          step: at which training starts.
          spent: time spent so far, by the checkpoint; the file may have more.
          writes: False on all hosts but the first.
        """
        self.path = pathlib.Path(workdir, "metrics.jsonl")
        self.evaluated, self._writes, self.trackers = False, writes, []
        if writes:
            # Row by row: the file of a long run may be larger than the memory.
            atomic.write_file(self.path, lambda file: self._resume_rows(step, spent, file))
        else:
            self._resume_rows(step, spent)

    def _resume_rows(self, step: int, spent: TimeSpent, file: BinaryIO | None = None) -> None:
        """Reads what the file says of the run until `step`, and writes the rows until then to `file`."""
        for row in _read_rows(self.path):
            # Also from rows that are removed: the time for steps that were lost was spent all the same.
            spent = TimeSpent(*(max(t, row.get(name) or 0.0) for name, t in spent._asdict().items()))
            if row["step"] <= step and file:
                file.write(json.dumps(row).encode() + b"\n")
            if row["step"] == step:
                self.evaluated = self.evaluated or any(name.startswith("eval/") for name in row)
        self._origin = TimeSpent(time.process_time() - spent.cpu_s, time.monotonic() - spent.wall_s)

    def get_time_spent(self) -> TimeSpent:
        """The time spent until now."""
        now = TimeSpent(time.process_time(), time.monotonic())
        return TimeSpent(*(round(t - origin, 2) for t, origin in zip(now, self._origin, strict=True)))

    def write(self, step: int, kind: str, scalars: dict) -> None:
        """Adds a line {"step", "<kind>/<name>"..., "cpu_s", "wall_s"}; kind is "train" or "eval"."""
        if not self._writes:
            return
        # JSON has no NaN: null is read by everything.
        row = {f"{kind}/{name}": value if math.isfinite(value) else None for name, value in scalars.items()}
        line = json.dumps({"step": step, **row, **self.get_time_spent()._asdict()}) + "\n"
        trackers.append_bytes(self.path, line.encode())
        trackers.write_metrics(self.trackers, step, row)


def _read_rows(path: pathlib.Path):
    """Yields the rows of a metrics.jsonl; lines that a crash left incomplete or corrupt are left out.

    Raises:
      StorageError: the file cannot be read.
    """
    try:
        # Of any size: a run that logs every step for weeks must resume, and only a line is in memory.
        with safe_read.open_bounded(path, None) as (file, _):
            # Bounded, as a corrupt file may have no line breaks; the pieces are then no rows.
            while line := file.readline(MAX_LINE_BYTES):
                if row := _parse_row(line):
                    yield row
    except safe_read.MissingFileError:
        return
    except safe_read.InvalidFileError as error:
        advice = machine_errors.choose_advice(error, "move it away")
        raise StorageError(f"{path}: {error}; {advice}") from None


def _parse_row(line: bytes) -> dict | None:
    """The metrics of a line, {name: number or None}; None if it is not such a line or has no whole "step"."""
    # The holes of zeros that a power cut leaves may be of gigabytes: they are not parsed.
    if not line.startswith(b"{"):
        return None
    try:
        row = safe_read.parse_json(line)
    except safe_read.InvalidFileError:
        return None
    # type and not isinstance: true and false are no metrics.
    all_numbers = all(value is None or type(value) in (int, float) for value in row.values())
    if not all_numbers or type(row.get("step")) is not int:
        return None
    return row if all(abs(value or 0) < MAX_VALUE for value in row.values()) else None


class Progress:
    """Shows how far training is: a bar on the last line of a terminal, elsewhere a line per logged step."""

    def __init__(self, num_steps: int, out: TextIO | None):
        """Shows nothing yet.

        Args:
          num_steps: of the whole run.
          out: where to write; None shows nothing.
        """
        self.num_steps, self.out = num_steps, out
        self.on_terminal = out is not None and progress.is_terminal(out)
        # (step, seconds) of the first step that was shown, and of the first one after the last pause.
        self._first = self._after_pause = None
        self._rate = 0.0  # steps a second
        self._compiled: set[str] = set()  # programs that were used
        self._last_shown = -1.0  # seconds

    def pause(self) -> None:
        """Leaves the time until the next step, for evaluating or saving, out of the rate."""
        self._after_pause = None

    def show_step(self, step: int, scalars: dict, logged: bool) -> None:
        """Shows a step, its metrics, the steps per second and the time left.

        Args:
          step: number of steps done.
          scalars: {name: number} to show.
          logged: whether metrics.jsonl has this step; others are shown on a terminal only, twice a second.
        """
        now = time.monotonic()
        # From the first step that is done, as the one before it includes compiling.
        self._first = self._first or (step, now)
        self._after_pause = self._after_pause or (step, now)
        if self.out is None or (not logged and (not self.on_terminal or now - self._last_shown < 0.5)):
            return
        self._last_shown = now
        line = f"step {step}/{self.num_steps}  " + format_numbers(scalars)
        if step > self._after_pause[0]:
            self._rate = (step - self._after_pause[0]) / max(now - self._after_pause[1], 1e-6)
        if self._rate and step > self._first[0]:
            # Unlike the rate it includes pauses: there will be as many of them in what is left.
            seconds = (self.num_steps - step) * (now - self._first[1]) / (step - self._first[0])
            line += f"  {self._rate:.3g} steps/s  {format_duration(seconds)} left"
        if self.on_terminal:
            progress.draw_bar(self.out, step, self.num_steps, line)
            return
        self.out.write(line + "\n")
        self.out.flush()

    def announce_compiling(self, program: str) -> None:
        """Says before a program is used first that it is compiled, which may take minutes."""
        if program not in self._compiled:
            self._compiled.add(program)
            self.print_line(f"compiling the {program}")

    def print_line(self, line: str) -> None:
        """Prints a line that stays, above the bar if there is one."""
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
    total_minutes, s = divmod(round(seconds), 60)
    hours, minutes = divmod(total_minutes, 60)
    return f"{hours}:{minutes:02}:{s:02}" if hours else f"{minutes}:{s:02}"
