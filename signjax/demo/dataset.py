"""Writes demo sets in the layout and schema of the real data: <split>/<sid>/{text.txt,pose.json}."""

import json
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np

from signjax.demo import sentences
from signjax.demo.synthesis import synthesize_pose
from signjax.demo.text import normalize_text
from signjax.errors import DataError
from signjax.io import atomic, safe_read
from signjax.io.processes import die_with_parent
from signjax.pose import skeleton

LANGUAGE_VERSION = 4  # of the language; a set of another version is made again
RECORD_FILE = "demo.json"
SPLITS = ("train", "dev", "test")
_LARGEST_STEP = 300_000  # numbers up to 3.0 in steps of 1e-5 come from a table
_EMPTY_FACE = ",".join(["0.0"] * 210)


@cache
def _number_strings() -> np.ndarray:
    return np.array([json.dumps(k / 1e5) for k in range(-_LARGEST_STEP, _LARGEST_STEP + 1)], dtype=object)


def format_pose_json(pose: np.ndarray, original_index: int) -> str:
    """The JSON of a clip, pose [T, 50, 3], numbers rounded to 5 decimals, compact."""
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
    """The texts of train, dev and test; those of dev and test occur nowhere else in the set."""
    out, seen = {}, set()
    for k, (split, size) in enumerate(zip(SPLITS, sizes, strict=True)):
        rng = np.random.default_rng([seed, k])
        out[split] = sentences.make_texts(size, rng, unseen=seen if k else None)
        seen |= {tuple(normalize_text(text)) for text in out[split]}
    return out


def write_dataset(
    root,
    name: str = "demo",
    seed: int = 0,
    sizes: tuple[int, int, int] = (2000, 200, 200),
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Writes <root>/<name>; the same arguments give the same bytes whatever the number of workers.

    The set is built beside its place and moved there when complete. A set of the same seed, sizes and
    language version that is already there is left alone; an older demo set is replaced.

    Args:
      root: folder of data sets.
      name: folder of this one.
      seed: of texts, signers and motion.
      sizes: clips in train, dev and test.
      workers: processes; more than one needs a main module that can be imported (multiprocessing's spawn).
      progress: called with (clips done, clips in all).

    Raises:
      DataError: <root>/<name> exists and is no demo set.
    """
    place = Path(root) / name
    record = {"language": LANGUAGE_VERSION, "seed": seed, "sizes": list(sizes)}
    if is_written(place, record):
        return place
    with atomic.temporary_folder(place.parent) as building:
        jobs = _plan_clips(building, seed, make_split_texts(seed, sizes))
        for done, _ in enumerate(_run_jobs(jobs, workers), 1):
            if progress:
                progress(min(done * _CLIPS_PER_JOB, len(jobs)), len(jobs))
        (building / RECORD_FILE).write_text(json.dumps(record) + "\n", encoding="utf-8")
        if not is_written(place, record):  # else another process was faster
            atomic.move_folder(building, place)
    return place


def is_written(place: Path, record: dict) -> bool:
    """Whether this very set lies at place; False when a demo set of another make or nothing does."""
    if not place.exists() or (place.is_dir() and not any(place.iterdir())):
        return False
    try:
        found = safe_read.read_json(place / RECORD_FILE)
        return {"language": found["language"], "seed": found["seed"], "sizes": found["sizes"]} == record
    except (safe_read.InvalidFileError, KeyError):
        raise DataError(
            f"{place} exists and has no {RECORD_FILE}, so it is no demo set: remove it or choose another name"
        ) from None


_CLIPS_PER_JOB = 25


def _plan_clips(place: Path, seed: int, texts: dict[str, list[str]]) -> list[tuple]:
    jobs = []
    for k, split in enumerate(SPLITS):
        (place / split).mkdir()
        for number, text in enumerate(texts[split]):
            folder = str(place / split / f"{split}_{number:05d}")
            jobs.append((folder, text, (seed, 10 + k, number), len(jobs)))
    return jobs


def _run_jobs(jobs: list[tuple], workers: int):
    chunks = [jobs[k : k + _CLIPS_PER_JOB] for k in range(0, len(jobs), _CLIPS_PER_JOB)]
    if workers <= 1 or len(chunks) <= 2:
        yield from map(_write_clips, chunks)
        return
    # Fresh interpreters: the caller may hold threads (JAX does) that a fork would not survive.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(chunks)), spawn, initializer=die_with_parent) as pool:
        yield from pool.map(_write_clips, chunks)


def _write_clips(jobs: list[tuple]) -> None:
    for folder, text, seed, index in jobs:
        os.mkdir(folder)
        pose = synthesize_pose(text, np.random.default_rng(seed))
        with open(os.path.join(folder, "pose.json"), "w", encoding="ascii") as file:
            file.write(format_pose_json(pose, index))
        with open(os.path.join(folder, "text.txt"), "w", encoding="utf-8") as file:
            file.write(text)
