"""A clip written as signjax reads it, and the folder a data set is built in until it is whole."""

import contextlib
import fcntl
import os
import shutil
from pathlib import Path

import numpy as np

from signjax.data import clip_files, clip_writers
from signjax.data.formats.base import FACE, Clip
from signjax.errors import StorageError
from signjax.io.safe_read import MEMORY, InvalidFileError
from signjax.pose import normalization, skeleton

DIGITS = 5  # of the distance from neck to shoulder
# A frame's numbers take 40 bytes of memory each while they are read, see signjax.io.safe_read.
MOST = MEMORY // (60 * 3 * (skeleton.NUM_JOINTS + FACE))  # frames, about twelve minutes at 25 a second


def pose_json(clip: Clip) -> bytes:
    """The pose.json of a clip, see signjax.data.clip_writers: rounded, with fps, signer and source where
    known.

    Raises:
      InvalidFileError: no frame shows a body, a joint lies impossibly far away, or there are too many frames.
    """
    if len(clip.pose) > MOST:
        raise InvalidFileError(f"has {len(clip.pose):,} frames, more than {MOST:,}; cut it into sentences")
    try:
        scale = float(normalization.measure(clip.pose, clip.valid).scale)
    except ValueError as error:
        raise InvalidFileError(str(error)) from None
    digits = int(np.clip(DIGITS - np.floor(np.log10(scale)), 0, 12))
    said = {"fps": clip.fps, "signer": clip.signer, "source": clip.source}
    said = {key: value for key, value in said.items() if value is not None}
    pose, valid = clip.pose, clip.valid
    if clip.face is not None:
        pose = np.concatenate([pose, clip.face], axis=1)
        valid = np.concatenate([valid, clip.face[..., :2].any(-1)], axis=1)
    data = clip_writers.pose_json(pose, valid, digits, **said)
    if len(data) > clip_files.MAX_BYTES[clip_files.POSE]:
        raise InvalidFileError(f"makes a {clip_files.POSE} of {len(data):,} bytes; cut it into sentences")
    return data


def write(folder: Path, clip: Clip) -> None:
    """Writes text.txt and pose.json into a new folder.

    Raises:
      InvalidFileError: as for `pose_json`, or the folder is there already.
    """
    data = pose_json(clip)
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise InvalidFileError("another clip has the same name; the first is kept") from None
    (folder / clip_files.TEXT).write_text(clip.text, encoding="utf-8")
    (folder / clip_files.POSE).write_bytes(data)


@contextlib.contextmanager
def building(place: Path):
    """A folder beside `place` to build a data set in, which becomes `place` if nothing is raised.

    What an import that was killed left there is removed first.

    Raises:
      StorageError: `place` is there, another process builds it, or the disk refuses.
    """
    if place.exists() and not (place.is_dir() and not any(place.iterdir())):
        raise StorageError(f"{place}: is there already; choose another --name, or remove it")
    folder = place.parent / f".{place.name}.importing"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _held(folder, place):
            for left in folder.iterdir():
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            try:
                yield folder
                os.replace(folder, place)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise StorageError(f"{place}: cannot be written ({error.strerror}); nothing is left of it") from None


@contextlib.contextmanager
def _held(folder: Path, place: Path):
    """Locks a folder for as long as this process lives."""
    handle = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise StorageError(f"{place}: another import is writing it; wait, or choose another --name") from None
    finally:
        os.close(handle)
