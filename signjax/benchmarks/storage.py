"""storage: signjax's pack against TensorStore's zarr3 and ArrayRecord, on a small and a large data set.

Formats take turns, so that other work on the machine slows all of them alike. Times are wall-clock seconds;
beside them stand the processor's seconds of all threads, which depend less on what else runs. It takes 25 GB
of disk.
"""

import functools
import itertools
import multiprocessing
import os
import shutil
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax import demo
from signjax.benchmarks import storage_formats, timing
from signjax.benchmarks.storage_formats import FORMATS, Arrays, Format, Reader, Window
from signjax.demo import sentences
from signjax.errors import StorageError

SIZES = {2_400: 5, 50_000: 3}  # clips -> repeats
# Different clips; the others repeat them, too far apart for a compressor to notice. Making all of them would
# take longer than the measurement.
DRAWN = 300
FRAMES, BATCH = 64, 32  # of a window; windows read at once
WINDOWS, CLIPS = 2048, 512  # read in a call
FLIPS = 10  # bytes changed, one at a time
READ_AT_MOST = 1e9  # bytes of a store that is read again in full for each changed byte
MISSING = 0.05  # share of joints
ROOM = 6 * 130 * (storage_formats.ROW + 50)  # bytes of disk a clip, in all formats together
OURS = "signjax pack"


class Turn(NamedTuple):
    """What is timed, after a preparation that is not."""

    prepare: Callable[[], object]
    call: Callable[[object], object]  # gets what was prepared


def measure_storage(sizes: dict[int, int] = SIZES) -> list[timing.Measurement]:
    """Sizes, times, memory, and what becomes of a changed byte.

    Raises:
      StorageError: the disk is too full.
    """
    clips, rows = draw_clips(), []
    # A set of one clip first, which is not reported: it pays for importing the libraries.
    for count, repeats in {1: 1, **sizes}.items():
        with tempfile.TemporaryDirectory(prefix="signjax-storage-") as home:
            if (free := shutil.disk_usage(home).free) < ROOM * count:
                raise StorageError(
                    f"{home}: {free / 1e9:.0f} GB are free, {ROOM * count / 1e9:.0f} are needed"
                )
            measured = measure_size(
                Path(home), list(itertools.islice(itertools.cycle(clips), count)), repeats
            )
            rows += measured if count > 1 else []
    return rows


def draw_clips(count: int = DRAWN) -> list[tuple[str, Arrays]]:
    """Texts and clips as the demo's data sets have them, with some joints missing."""
    rng, drawn = np.random.default_rng(0), []
    texts = iter(sentences.make_texts(2 * count, rng))
    for k in range(count):
        # Two sentences, every third time one: 130 frames on average, as in real sets.
        text = " ".join(itertools.islice(texts, 2 if k % 3 else 1))
        points = demo.synthesize_pose(text, rng).round(5)
        valid = rng.random(points.shape[:2]) >= MISSING
        drawn.append((text, (np.where(valid[..., None], points, 0).astype(np.float32), valid)))
    return drawn


def measure_size(home: Path, clips: list[tuple[str, Arrays]], repeats: int) -> list[timing.Measurement]:
    """The rows of a set of clips, which is written to a folder of each format in `home`."""
    title, texts = f"{len(clips):,} clips", [text for text, _ in clips]
    lengths = np.array([len(points) for _, (points, _) in clips])
    turns = {
        name: Turn(
            functools.partial(_make_empty, home / name),
            lambda folder, form=form: form.write(folder, (arrays for _, arrays in clips), texts),
        )
        for name, form in FORMATS.items()
    }
    rows = time_turns(
        f"{title} written", turns, repeats, lambda name: f"{_measure_folder(home / name) / 1e6:,.0f} MB"
    )
    readers = {name: form for name, form in FORMATS.items() if form.open}
    turns = {n: Turn(functools.partial(Path, home / n), form.open) for n, form in readers.items()}
    rows += time_turns(
        f"{title} opened", turns, repeats, lambda name: _measure_memory(name, home / name, lengths)
    )
    for cold in (False, True):
        where = f"{title}{', not in memory' if cold else ''}"
        for what, call, units in (
            (f"windows of {FRAMES} frames", functools.partial(read_batches, _draw_windows(lengths)), WINDOWS),
            ("clips", functools.partial(read_batches, _draw_clip_windows(lengths)), CLIPS),
            ("frames in order", checksum_store, int(lengths.sum())),
        ):
            turns = {n: Turn(_make_opener(form, home / n, cold), call) for n, form in readers.items()}
            rows += time_turns(f"{where}: {what}", turns, repeats, units=units)
    return [*rows, *(change_bytes(f"{title}: a changed byte", name, home / name) for name in readers)]


def time_turns(
    title: str,
    turns: dict[str, Turn],
    repeats: int,
    note: Callable[[str], str] = lambda name: "",
    units: int = 1,
) -> list[timing.Measurement]:
    """Times turns as `timing.compare_workloads` times workloads, without a first call that is not counted."""
    clock: dict[str, list[float]] = {name: [] for name in turns}
    processor: dict[str, list[float]] = {name: [] for name in turns}
    for k in range(repeats):
        # Every other round runs backwards, see timing.compare_workloads.
        for name in list(turns)[:: -1 if k % 2 else 1]:
            # What the turn before has mapped must go first: the system keeps the pages of a mapped file.
            prepared = None
            prepared = turns[name].prepare()
            start, processor_start = time.perf_counter(), time.process_time()
            turns[name].call(prepared)
            clock[name].append(time.perf_counter() - start)
            processor[name].append(time.process_time() - processor_start)
    rows = []
    for name in turns:
        pairs = zip(clock[OURS], clock[name], strict=True)
        speedup = None if name == OURS else statistics.median(ours / other for ours, other in pairs)
        work = f"{statistics.median(processor[name]):.4f} s of the processor"
        text = ", ".join(filter(None, [work, note(name)]))
        against = None if name == OURS else f"{title}: {OURS}"
        rows.append(
            timing.Measurement(
                f"{title}: {name}", tuple(clock[name]), units, 0, 0, against, speedup, note=text
            )
        )
    return rows


def read_batches(batches: list[list[Window]], reader: Reader) -> None:
    """Reads windows, a batch at a time."""
    for batch in batches:
        reader.read_windows(batch)


def checksum_store(reader: Reader) -> int:
    """Reads everything in order; returns a checksum of it."""
    points_sum = valid_sum = 0
    for points, valid in reader.read_all():
        points_sum, valid_sum = zlib.crc32(points, points_sum), zlib.crc32(valid, valid_sum)
    return points_sum ^ valid_sum


def change_bytes(title: str, name: str, folder: Path) -> timing.Measurement:
    """Changes bytes one at a time; its note counts where that was noticed. Large stores are opened only."""
    form, rng, noticed = (
        FORMATS[name],
        np.random.default_rng(0),
        dict.fromkeys(("opened", "read", "never"), 0),
    )
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "texts.json")
    sizes = np.array([path.stat().st_size for path in files])
    # A large store would take too long to read again for each changed byte.
    is_small = sizes.sum() <= READ_AT_MOST
    truth, start = checksum_store(form.open(folder)) if is_small else 0, time.perf_counter()
    for _ in range(FLIPS):
        # Large files are hit more often, as by a disk that loses a bit anywhere.
        chosen_file = rng.choice(len(files), p=sizes / sizes.sum())
        at, bit = int(rng.integers(sizes[chosen_file])), 1 << int(rng.integers(8))
        _flip_bit(files[chosen_file], at, bit)
        noticed[_find_detection(form, folder, truth, is_small)] += 1
        # The same bit again, so that the next change meets an intact store.
        _flip_bit(files[chosen_file], at, bit)
    count = f"{noticed['opened']} of {FLIPS} noticed when opened"
    count += f", {noticed['read']} when read, {noticed['never']} never" if is_small else "; none were read"
    return timing.Measurement(f"{title}: {name}", ((time.perf_counter() - start) / FLIPS,), note=count)


def _find_detection(form: Format, folder: Path, truth: int, is_small: bool) -> str:
    """When a changed byte is noticed; one that changes nothing that is read counts as noticed then."""
    try:
        reader = form.open(folder)
    except Exception:  # each library raises errors of its own
        return "opened"
    if not is_small:
        return "never"
    try:
        return "read" if checksum_store(reader) == truth else "never"
    except Exception:
        return "read"


def _flip_bit(path: Path, at: int, bit: int) -> None:
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ bit]))


def _measure_memory(name: str, folder: Path, lengths: np.ndarray) -> str:
    """What a process grows by that opens a store and reads windows of it."""
    # A process of its own: this one has read from all the formats already, and keeps what it has.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn) as pool:
        private, mapped = pool.submit(_measure_growth, name, folder, lengths).result()
    return f"memory {private:.0f} MB and {mapped:.0f} MB of the file cache"


def _measure_growth(name: str, folder: Path, lengths: np.ndarray) -> tuple[float, float]:
    before = _read_memory()
    reader = FORMATS[name].open(folder)
    read_batches(_draw_windows(lengths), reader)
    private, mapped = (after - at for after, at in zip(_read_memory(), before, strict=True))
    return private, mapped


def _read_memory() -> tuple[float, float]:
    """MB of this process: memory of its own, and mapped files."""
    lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    private, mapped = (int(lines[name].split()[0]) * 1024 / 1e6 for name in ("RssAnon", "RssFile"))
    return private, mapped


def _draw_windows(lengths: np.ndarray) -> list[list[Window]]:
    """Random windows, each of a clip of its own choice, in batches."""
    rng = np.random.default_rng(1)
    windows = []
    for clip in rng.integers(len(lengths), size=WINDOWS).tolist():
        start = int(rng.integers(max(1, lengths[clip] - FRAMES)))
        windows.append(Window(clip, start, min(start + FRAMES, int(lengths[clip]))))
    return [windows[k : k + BATCH] for k in range(0, len(windows), BATCH)]


def _draw_clip_windows(lengths: np.ndarray) -> list[list[Window]]:
    """Random clips in batches."""
    rng = np.random.default_rng(2)
    windows = [
        Window(clip, 0, int(lengths[clip])) for clip in rng.integers(len(lengths), size=CLIPS).tolist()
    ]
    return [windows[k : k + BATCH] for k in range(0, len(windows), BATCH)]


def _make_empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _make_opener(form: Format, folder: Path, cold: bool) -> Callable[[], Reader]:
    def open_reader() -> Reader:
        reader = form.open(folder)
        if cold:
            _drop_cache(folder)
        return reader

    return open_reader


def _drop_cache(folder: Path) -> None:
    """Lets the system's file cache forget a folder's files."""
    # These files only: emptying the whole cache needs root, and would slow down every other program.
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                # Pages that still wait to be written would stay in the cache.
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _measure_folder(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
