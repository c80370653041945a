"""Reads many clips at once, in worker processes if there are many.

A worker is this file run as a program: it gets a list of clips on stdin, answers with one .npz on
stdout and ends. So workers hold numpy and nothing else (no jax, no re-import of the caller's main
module), need no clean-up, and die with the pipe if their parent does.
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax.data import clip_files, text_check
from signjax.data.clip_files import RawClip
from signjax.data.pose_layout import PoseLayout, apply_layout
from signjax.errors import DataError, StorageError
from signjax.io import machine_errors
from signjax.io.safe_read import InvalidFileError, MissingFileError, UnreadableFileError
from signjax.pose import normalization
from signjax.pose.clip import Clip
from signjax.pose.resampling import resample_clip

# Clips a worker reads before it ends: some seconds of work, beside which starting it takes little.
CHUNK_CLIPS = 128
MIN_CLIPS_FOR_WORKERS = 200  # fewer clips than this are read in this process
MAX_WORKERS = 8


class Chunk(NamedTuple):
    """Clips of a split, one after the other."""

    # Of each clip that can be used: sid, text, gloss, fps, frames, signer, language, signature, digest.
    clips: list[dict]
    broken: list[dict]  # sid, reason, missing (a file is), signature, digest of each clip that cannot
    pose: np.ndarray  # [F, J, 3] float32
    valid: np.ndarray  # [F, J] bool
    origin: np.ndarray  # [n, 3] float32, placements of the clips
    scale: np.ndarray  # [n] float32


def read_chunks(
    split: Path,
    sids: list[str],
    layout: PoseLayout,
    workers: int | None = None,
    resample: float | None = None,
) -> Iterator[Chunk]:
    """Reads clips in order, a chunk at a time.

    Args:
      split: the folder that holds the clips' folders.
      sids: their names.
      layout: the data set's layout.
      workers: processes to use; None picks by the number of clips and of processors.
      resample: the frame rate that clips are brought to; None leaves them as they are.

    Raises:
      StorageError: a worker process failed.
    """
    if workers is None:
        workers = 0 if len(sids) < MIN_CLIPS_FOR_WORKERS else min(_count_processors(), MAX_WORKERS)
    # Without workers there is no start to pay for, and small chunks show progress sooner.
    size = CHUNK_CLIPS if workers else 16
    lists = [sids[k : k + size] for k in range(0, len(sids), size)]
    if workers < 2:
        yield from (read_chunk(split, part, layout, resample) for part in lists)
        return
    with ThreadPoolExecutor(workers) as threads:
        try:
            yield from threads.map(lambda part: _ask_worker(split, part, layout, resample), lists)
        except BaseException:
            # After Ctrl-C or an error the pool would otherwise still read all chunks that wait.
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def read_chunk(split: Path, sids: list[str], layout: PoseLayout, resample: float | None = None) -> Chunk:
    """Reads some clips in this process; see `read_chunks`."""
    good, broken, pose, valid, placements = [], [], [], [], []
    for sid in sids:
        folder = split / sid
        # Taken before the content is read: a later change cannot hide behind it.
        entry = {
            "sid": sid,
            "signature": clip_files.read_signature(str(folder)),
            "digest": clip_files.digest_clip(folder),
        }
        try:
            raw = clip_files.read_raw(folder)
            gloss = clip_files.read_gloss(folder)
            text_check.check_text(raw.text, len(raw.pose), raw.fps)
            clip = _make_clip(raw, layout, resample)
            placements.append(_measure_placement(clip.points, clip.valid))
        except UnreadableFileError as error:
            # Left out, the clip would stay missing from the pack when it can be read again.
            raise machine_errors.make_unreadable_error(folder, error) from None
        except DataError as error:
            broken.append(entry | {"reason": str(error), "missing": isinstance(error, MissingFileError)})
            continue
        gloss = gloss if text_check.has_letter(gloss) else ""
        entry |= {"text": raw.text, "gloss": gloss, "fps": clip.fps, "frames": len(clip)}
        good.append(entry | {"signer": raw.signer, "language": raw.language})
        pose.append(clip.points)
        valid.append(clip.valid)
    return Chunk(
        good,
        broken,
        np.concatenate(pose) if pose else np.zeros((0, layout.joints, 3), np.float32),
        np.concatenate(valid) if valid else np.zeros((0, layout.joints), bool),
        np.array([p.origin for p in placements], np.float32).reshape(-1, 3),
        np.array([p.scale for p in placements], np.float32),
    )


def _make_clip(raw: RawClip, layout: PoseLayout, resample: float | None) -> Clip:
    clip = Clip(*apply_layout(raw.pose, layout), fps=raw.fps)
    if resample is None:
        return clip
    if not raw.fps:
        advice = "import it again with --fps"
        raise InvalidFileError(f'{clip_files.POSE}: has no "fps", so that it cannot be resampled; {advice}')
    return resample_clip(clip, resample)


def _measure_placement(pose: np.ndarray, valid: np.ndarray) -> normalization.Placement:
    try:
        return normalization.measure_placement(pose, None if valid.all() else valid)
    except ValueError as error:
        raise DataError(f"{clip_files.POSE}: {error}") from None


def _count_processors() -> int:
    # A container or a scheduler may give this process only some of the machine's.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _ask_worker(split: Path, sids: list[str], layout: PoseLayout, resample: float | None) -> Chunk:
    """Has a fresh process read some clips."""
    # The worker must import this very signjax, also where the caller has put it on sys.path by hand.
    package_root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [package_root, os.environ.get("PYTHONPATH")]))
    run = subprocess.run(
        [sys.executable, "-m", "signjax.data.parallel_read"],
        input=json.dumps([str(split), sids, layout, resample]).encode(),
        capture_output=True,
        # One thread each: otherwise every worker starts as many threads as there are processors.
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    if run.returncode:
        last = run.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise StorageError(f"{split}: a process reading clips ended with code {run.returncode}: {last[0]}")
    # Not by signjax.io.safe_numpy: these bytes are our own, and may be larger than what it allows.
    with np.load(io.BytesIO(run.stdout), allow_pickle=False) as arrays:
        good, broken = json.loads(arrays["entries"].tobytes())
        return Chunk(good, broken, *(arrays[name] for name in Chunk._fields[2:]))


def _answer_request() -> None:
    """The worker's side: a request on stdin, a chunk on stdout."""
    split, sids, layout, resample = json.load(sys.stdin.buffer)
    chunk = read_chunk(Path(split), sids, PoseLayout(*layout), resample)
    entries = np.frombuffer(json.dumps([chunk.clips, chunk.broken]).encode(), np.uint8)
    # Nothing else may be printed by a worker: stdout is the answer.
    answer = io.BytesIO()
    np.savez(answer, entries=entries, **dict(list(chunk._asdict().items())[2:]))
    sys.stdout.buffer.write(answer.getbuffer())


if __name__ == "__main__":
    _answer_request()
