"""The output of the sample command: the files of each text and the time left, or frames as JSON lines."""

import json
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from signjax import demo
from signjax.errors import ConfigError
from signjax.io import progress
from signjax.training.metric_writer import format_duration

if TYPE_CHECKING:
    from signjax.export.sample_files import TextFiles
    from signjax.inference.contracts import ClipGenerator

PAUSE = 10  # seconds between two lines on the time left, where there is no bar


def print_coverage(generator: "ClipGenerator", texts: list[str]) -> None:
    """Prints a line for each text of what a dictionary has of it; nothing for a trained run."""
    if generator.config.task != "lexicon":
        return
    from signjax.lexicon.lexicon import Lexicon  # a trained run starts without it

    if isinstance(generator, Lexicon):
        for text in texts:
            # On stderr: with --stream, each line of standard output is JSON.
            print(f"{text}: {generator.cover(text).describe()}", file=sys.stderr)


def print_forms(asked: tuple[str, ...] | None, texts: int) -> tuple[str, ...]:
    """The forms to write for so many texts: those asked for, or all that suit; says what is left out."""
    from signjax.export.sample_files import choose_forms

    forms = asked or choose_forms(texts)
    if not asked and "gif" not in forms:
        print(f"{texts:,} texts: {', '.join(forms)} alone; with pictures and pages: --formats npz,gif,html")
    return forms


def print_samples(written: "Iterable[list[TextFiles]]", total: int) -> None:
    """Prints the files that are written, and the progress.

    Args:
      written: those of signjax.export.sample_files.write_samples.
      total: number of clips of all texts.
    """
    start, done, said = time.monotonic(), 0, 0.0
    for texts in written:
        # Results stay above the bar, which is drawn again below them.
        progress.clear_bar(sys.stdout)
        for files in texts:
            _print_text(files)
        done += sum(files.clips for files in texts)
        seconds = time.monotonic() - start
        # Too long at first, as the first batch includes compiling.
        left = "" if done == total else f", {format_duration(seconds / done * (total - done))} left"
        line = f"{done}/{total} clip(s) in {seconds:.1f} s, compilation included{left}"
        if left and progress.is_terminal(sys.stdout):
            progress.draw_bar(sys.stdout, done, total, line)
        # Now and then, not after each text.
        elif not left or seconds - said >= PAUSE:
            print(line, flush=True)
            said = seconds


def _print_text(files: "TextFiles") -> None:
    readings = files.readings or [None] * len(files.paths)
    for paths, reading in zip(files.paths, readings, strict=True):
        words = f"  {reading}" if reading else ""
        if paths or words:
            print(f"{', '.join(map(str, paths))}{words}".strip())
    if files.page:
        print(files.page)


def print_frames(
    generator: "ClipGenerator", texts: list[str], num: int, seed: int, sampling: dict, readable: bool
) -> None:
    """Prints {"text", "frame", "fps", "pose": 50 or 120 x 3} for each frame as soon as it is generated.

    Args:
      generator: of the run.
      texts: clips are generated for them one after the other.
      num: clips per text; must be 1.
      seed: of the random numbers.
      sampling: changes of the run's sampler.
      readable: whether the clips are in the demo's language; what a clip says then follows it on standard
        error, as standard output has frames only.

    Raises:
      ConfigError: the run can generate whole clips only, or `num` is more than 1.
    """
    if not generator.can_stream or num > 1:
        run = getattr(generator, "run", "")
        raise ConfigError(f"{run}: --stream takes a gpt run and --num 1; other models generate whole clips")
    for text in texts:
        parts, frames = generator.stream(text, seed, **sampling), []
        timed = ((frame, part.fps) for part in parts for frame in part.points)
        for number, (frame, fps) in enumerate(timed):
            pose = frame.astype(float).round(5).tolist()
            content = {"text": text, "frame": number, "fps": fps, "pose": pose}
            # Where letters would be written as escapes of another kind, which are no JSON, they get JSON's.
            line = json.dumps(content, ensure_ascii=not sys.stdout.encoding.lower().startswith("utf"))
            # Flushed, as a player at the other end of a pipe shows it at once.
            print(line, flush=True)
            frames.append(frame)
        if readable:
            print(demo.describe_reading(np.stack(frames)), file=sys.stderr, flush=True)
