"""Writes demo data sets in the layout of real data: <split>/<sid>/{text.txt,pose.json}."""

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax import limits
from signjax.demo import sentences
from signjax.demo.synthesis import synthesize_pose
from signjax.demo.text import normalize_text
from signjax.errors import DataError
from signjax.io import atomic, safe_read, temporary_folders
from signjax.io.processes import die_with_parent
from signjax.pose import skeleton
from signjax.seeds import make_rng

# To be raised with every change of signs, texts or motion: a demo set of another version is made again.
LANGUAGE_VERSION = 4
RECORD_FILE = "demo.json"
SPLITS = ("train", "dev", "test")
_LARGEST_STEP = 300_000  # numbers up to 3.0 in steps of 1e-5
_CLIPS_PER_CHUNK = 25  # that a worker writes at once
# As in the original project's How2Sign files: readers must meet the face of zeros that real files have.
_EMPTY_FACE = ",".join(["0.0"] * 210)


@cache
def _number_strings() -> np.ndarray:
    # Nearly all the time of writing would go into formatting numbers; looking them up is many times faster.
    return np.array([json.dumps(k / 1e5) for k in range(-_LARGEST_STEP, _LARGEST_STEP + 1)], dtype=object)


def format_pose_json(pose: np.ndarray, original_index: int) -> str:
    """A clip as the JSON of a pose.json, compact; numbers are rounded to 5 decimals.

    Args:
      pose: [T, 50, 3].
      original_index: number of the clip, as real data have it.

    Raises:
      DataError: a number is larger than 3.
    """
    steps = np.rint(np.asarray(pose, np.float64).reshape(len(pose), -1) * 1e5).astype(np.int64)
    if abs(steps).max(initial=0) > _LARGEST_STEP:
        raise DataError("a pose to be written lies further than 3 units from the origin: scale it down")
    ends = [3 * part.stop for part in (skeleton.BODY, skeleton.RIGHT, skeleton.LEFT)]
    frames = []
    for row in _number_strings()[steps + _LARGEST_STEP].tolist():
        body, right, left = (",".join(row[a:b]) for a, b in zip([0, *ends], ends, strict=False))
        frames.append(
            f'{{"pose_keypoints_2d":[{body}],"hand_left_keypoints_2d":[{left}],'
            f'"hand_right_keypoints_2d":[{right}],"face_keypoints_2d":[{_EMPTY_FACE}]}}'
        )
    return f'{{"poses":[{",".join(frames)}],"num_frames":{len(frames)},"original_index":{original_index}}}'


def make_split_texts(seed: int, sizes: tuple[int, int, int]) -> dict[str, list[str]]:
    """The texts {split: [text]}; those of dev and test occur nowhere else in the set.

    Args:
      seed: decides them.
      sizes: number of texts in train, dev and test.
    """
    texts, seen = {}, set()
    for k, (split, size) in enumerate(zip(SPLITS, sizes, strict=True)):
        rng = make_rng(seed, k)
        texts[split] = sentences.make_texts(size, rng, unseen=seen if k else None)
        seen |= {tuple(normalize_text(text)) for text in texts[split]}
    return texts


def write_dataset(
    root,
    name: str = "demo",
    seed: int = 0,
    sizes: tuple[int, int, int] = (2000, 200, 200),
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Writes the data set <root>/<name> and returns its folder.

    The same arguments give the same bytes, whatever the number of workers. The set is built beside its folder
    and moved there when complete. A set of the same seed, sizes and language version that is already there is
    left alone; another demo set is replaced.

    Args:
      root: folder of data sets.
      name: folder of this one.
      seed: decides texts, signers and motion.
      sizes: number of clips in train, dev and test.
      workers: processes; more than one needs a main module that can be imported (multiprocessing's spawn).
      progress: called with (clips done, clips in all).

    Raises:
      ConfigError: a number is out of range.
      DataError: <root>/<name> exists and is no demo set.
    """
    for size in sizes:
        limits.check_number("size of a split", size, limits.CLIPS)
    limits.check_number("workers", workers, limits.PROCESSES)
    folder = Path(root) / name
    record = {"language": LANGUAGE_VERSION, "seed": seed, "sizes": list(sizes)}
    if is_written(folder, record):
        return folder
    with temporary_folders.make_temporary_folder(folder.parent) as building:
        jobs = _plan_clips(building, seed, make_split_texts(seed, sizes))
        for done, _ in enumerate(_run_jobs(jobs, workers), 1):
            if progress:
                progress(min(done * _CLIPS_PER_CHUNK, len(jobs)), len(jobs))
        (building / RECORD_FILE).write_text(json.dumps(record) + "\n", encoding="utf-8")
        # Asked again: another process may have written the same set meanwhile.
        if not is_written(folder, record):
            atomic.move_folder(building, folder)
    return folder


def is_written(folder: Path, record: dict) -> bool:
    """Whether the folder has the demo set of this record; False for another demo set, or without a folder.

    Raises:
      DataError: the folder exists and is no demo set.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    try:
        saved = safe_read.read_json(folder / RECORD_FILE)
        return {"language": saved["language"], "seed": saved["seed"], "sizes": saved["sizes"]} == record
    except (safe_read.InvalidFileError, KeyError):
        # Never overwritten: a folder of this name may be somebody's own data.
        raise DataError(
            f"{folder} exists and has no {RECORD_FILE}, so it is no demo set: "
            "choose another name, or move it away"
        ) from None


class _ClipJob(NamedTuple):
    """A clip to write."""

    folder: str
    text: str
    seed: tuple[int, int, int]
    index: int  # number of the clip in the whole set


def _plan_clips(folder: Path, seed: int, texts: dict[str, list[str]]) -> list[_ClipJob]:
    """Makes the folders of the splits; the clips to write in them."""
    jobs = []
    for k, split in enumerate(SPLITS):
        (folder / split).mkdir()
        for number, text in enumerate(texts[split]):
            clip_folder = str(folder / split / f"{split}_{number:05d}")
            # A seed for each clip, apart from those of the texts (0 to 2): so workers may share the clips.
            jobs.append(_ClipJob(clip_folder, text, (seed, 10 + k, number), len(jobs)))
    return jobs


def _run_jobs(jobs: list[_ClipJob], workers: int) -> Iterator[None]:
    """Writes the clips; yields after each chunk of _CLIPS_PER_CHUNK clips."""
    chunks = [jobs[k : k + _CLIPS_PER_CHUNK] for k in range(0, len(jobs), _CLIPS_PER_CHUNK)]
    if workers <= 1 or len(chunks) <= 2:
        yield from map(_write_clips, chunks)
        return
    # Fresh interpreters: the caller may have threads (JAX does), which a fork would not survive.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(chunks)), spawn, initializer=die_with_parent) as pool:
        yield from pool.map(_write_clips, chunks)


def _write_clips(jobs: list[_ClipJob]) -> None:
    for folder, text, seed, index in jobs:
        os.mkdir(folder)
        pose = synthesize_pose(text, make_rng(*seed))
        with open(os.path.join(folder, "pose.json"), "w", encoding="ascii") as file:
            file.write(format_pose_json(pose, index))
        with open(os.path.join(folder, "text.txt"), "w", encoding="utf-8") as file:
            file.write(text)
