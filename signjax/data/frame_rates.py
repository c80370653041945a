"""The frame rates of a data set, and the one that its packs are resampled to."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from signjax.data.clip_files import parse_rate
from signjax.errors import DataError
from signjax.io import atomic, machine_errors, safe_read
from signjax.limits import FPS, check_number
from signjax.pose.clip import Clip, ClipWarning
from signjax.pose.resampling import resample_clip

# In the folder of a data set: the rate that all who load it want. Not in its cache, which may be lost.
NOTE = "resample.json"
# Cameras say 29.97 or 30 for the same.
SAME_RATE = 1.01
TABLE_RATE = "the frame rate of the table was used, and not that of the file"
UNUSED_RATE = "--fps was not used, as the file or the table says the frame rate"


def check_rate(fps: float | None, flag: str) -> None:
    """Raises ConfigError if this is a rate, and none that a recording has."""
    # A rate of 0 or of thousands is a slip of the pen.
    if fps is not None:
        check_number(flag, fps, FPS)


def format_rate(fps: float | None) -> str:
    """ "29.97", or "unknown"."""
    return f"{fps:g}" if fps else "unknown"


def find_common_rate(rates: Iterable[float | None], frames: Iterable[int]) -> float | None:
    """The rate of most frames, None if no clip says its rate.

    Args:
      rates: of clips, None where it is unknown.
      frames: of the same clips.
    """
    totals: Counter[float] = Counter()
    for rate, count in zip(rates, frames, strict=True):
        if rate:
            totals[rate] += count
    return totals.most_common(1)[0][0] if totals else None


def warn_of_rates(rates: Iterable[float | None]) -> list[str]:
    """A line if clips have several frame rates, or some do not say theirs; none otherwise."""
    counts = Counter(rates)
    known = [rate for rate in counts if rate]
    if len(counts) < 2 or (len(known) == len(counts) and are_same(max(known), min(known))):
        return []
    listed = ", ".join(f"{format_rate(rate)}: {count:,}" for rate, count in counts.most_common())
    common = max(known, key=lambda rate: counts[rate])
    advice = "give the others with --fps" if len(known) == 1 else f"--resample {common:g} makes them one"
    return [f"clips have several frame rates ({listed}), and models know frames only: {advice}"]


def are_same(first: float | None, second: float | None) -> bool:
    """Whether two frame rates are the same but for rounding; a rate that is not known is the same as any."""
    return not first or not second or max(first, second) <= SAME_RATE * min(first, second)


def bring_to_rate(clip: Clip, fps: float | None) -> Clip:
    """The clip at the rate that a model was trained on; as it is if either rate is unknown."""
    return clip if are_same(clip.fps, fps) else resample_clip(clip, fps)


def compare_rates(label: str, fps: float | None, model: str, trained: float | None, name: str) -> str:
    """A line if data have another frame rate than those that a model was trained on, "" otherwise.

    Args:
      label: of the data.
      fps: of the data, None if unknown.
      model: what was trained.
      trained: the rate of its training data, None if unknown.
      name: the data set's folder, for the command that helps.
    """
    if are_same(fps, trained):
        return ""
    advice = f"python -m signjax.tools.pack --name {name} --resample {trained:g} brings the data to that rate"
    return f"{label} has {fps:g} frames a second, and {model} was trained on {trained:g}: {advice}"


def choose_rate(
    file: float | None, table: float | None, flag: float | None
) -> tuple[float | None, tuple[ClipWarning, ...]]:
    """The first known frame rate of a table, of a file and of --fps, and what to tell of the others."""
    warnings = []
    if not are_same(file, table):
        warnings.append(ClipWarning(TABLE_RATE, f"{format_rate(table)}, not {format_rate(file)}"))
    known = table or file
    if not are_same(known, flag):
        warnings.append(ClipWarning(UNUSED_RATE, format_rate(known)))
    return known or flag, tuple(warnings)


def resample_imported(clip: Clip, fps: float) -> Clip:
    """The clip at another rate, with a warning that says from which.

    Raises:
      InvalidFileError: it does not say its rate.
    """
    try:
        resampled = resample_clip(clip, fps)
    except DataError as error:
        raise safe_read.InvalidFileError(str(error)) from None
    if resampled is clip:
        return clip
    return resampled.add_warning(f"resampled from {format_rate(clip.fps)} to {fps:g} frames a second")


def read_resample_rate(dataset: Path) -> float | None:
    """The rate that packs of the data set in this folder are resampled to; None for none.

    Raises:
      DataError: its note cannot be read.
    """
    path = dataset / NOTE
    try:
        return read_rate_file(path)
    except safe_read.InvalidFileError as error:
        if isinstance(error, safe_read.UnreadableFileError):
            raise machine_errors.make_unreadable_error(path, error) from None
        raise DataError(f"{path}: {error}; move it away, or pack again with --resample") from None


def write_resample_rate(dataset: Path, fps: float) -> None:
    """Notes the rate that packs of a data set are resampled to, for all who load it.

    Raises:
      ConfigError: it is no rate; StorageError: the folder cannot be written.
    """
    check_rate(fps, "--resample")
    atomic.write_file(dataset / NOTE, format_rate_file(fps))


def read_rate_file(path: Path) -> float | None:
    """The rate in a file of `format_rate_file`; None if there is no such file.

    Raises:
      InvalidFileError: it has no rate.
    """
    try:
        rate = parse_rate(safe_read.read_json(path).get("fps"))
    except safe_read.MissingFileError:
        return None
    if rate is None:
        raise safe_read.InvalidFileError('"fps" is no rate')
    return rate


def format_rate_file(fps: float) -> bytes:
    """The content of a file that holds a frame rate and nothing else."""
    return json.dumps({"fps": fps}).encode() + b"\n"
