"""What the sample command prints: the files of each text with the time left, or frames as JSON lines."""

import itertools
import json
import sys
import time
from collections.abc import Iterable

from signjax import demo
from signjax.errors import ConfigError
from signjax.export.sample_files import TextFiles
from signjax.inference.text_to_pose import TextToPose
from signjax.io import progress
from signjax.training.metric_writer import format_duration


def print_samples(batches: Iterable[tuple[int, list[TextFiles]]], total: int, readable: bool) -> None:
    """Prints what is written, and how far it is.

    Args:
      batches: of signjax.export.sample_files.write_samples.
      total: clips in all.
      readable: whether the clips are in the demo's language, and what they say can be printed.
    """
    begin, done = time.monotonic(), 0
    for count, texts in batches:
        progress.clear_bar(sys.stdout)
        for files in texts:
            _print_text(files, readable)
        done += count
        seconds = time.monotonic() - begin
        left = "" if done == total else f", {format_duration(seconds / done * (total - done))} left"
        line = f"{done}/{total} clip(s) in {seconds:.1f} s, compilation included{left}"
        if left and progress.is_terminal(sys.stdout):
            progress.draw_bar(sys.stdout, done, total, line)
        else:
            print(line, flush=True)


def _print_text(files: TextFiles, readable: bool) -> None:
    for clip, paths in zip(files.clips, files.paths, strict=True):
        words = f"  reads: {' '.join(demo.read_signs(clip.points)) or '(nothing)'}" if readable else ""
        print(f"{', '.join(map(str, paths))}{words}")
    print(files.page)


def print_frames(generator: TextToPose, texts: list[str], num: int, seed: int, sampling: dict) -> None:
    """Prints {"text", "frame", "pose": 50 or 120 x 3} for each frame as soon as it is certain.

    Raises:
      ConfigError: the run makes whole clips only, or several clips of a text are asked for.
    """
    if not generator.can_stream or num > 1:
        run = generator.run
        raise ConfigError(f"{run}: --stream takes a gpt run and --num 1; other models sign whole clips")
    for text in texts:
        parts = generator.stream(text, seed, **sampling)
        for number, frame in enumerate(itertools.chain.from_iterable(part.points for part in parts)):
            pose = frame.astype(float).round(5).tolist()
            line = json.dumps({"text": text, "frame": number, "pose": pose}, ensure_ascii=False)
            print(line, flush=True)  # whoever listens plays it now
