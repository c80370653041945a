"""Which format a folder or file is in."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from signjax.data import clip_files
from signjax.data.formats import (
    dwpose,
    mediapipe,
    openpose,
    pose_format,
    progressive_transformers,
    signjax_folders,
    slrtp,
)
from signjax.data.formats.base import UnreadableClip
from signjax.errors import DataError
from signjax.io import safe_read
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip

LOOK = 20_000  # names of files that are looked at


class Format(NamedTuple):
    """A format that can be read."""

    name: str
    read: Callable[..., Iterator[Clip | UnreadableClip]]


OPENPOSE = Format("OpenPose frames", openpose.read_clips)
DWPOSE = Format("133 points of COCO-WholeBody (DWPose, MMPose)", dwpose.read_clips)
MEDIAPIPE = Format("MediaPipe landmarks", mediapipe.read_clips)
# The first whose ending a file has; of other .json the content tells.
BY_ENDING = {
    ".skels": Format("Progressive Transformers .skels", progressive_transformers.read_clips),
    clip_files.POSE: Format("signjax folders", signjax_folders.read_clips),
    ".pose": Format(".pose files", pose_format.read_clips),
    openpose.ENDING: OPENPOSE,
    ".npy": Format("SLRTP arrays of 178 points", slrtp.read_clips),
}
WANTED = (
    "OpenPose frames (*_keypoints.json), .pose files, .skels, SLRTP .npy, JSON of DWPose or MediaPipe, "
    "or <split>/<clip>/pose.json"
)
TORCH = (".pt", ".pth", ".pkl")


def detect_format(path: Path) -> Format:
    """The format of the clips in a folder and all below, or of a file.

    Raises:
      DataError: there are none that can be read, or of several formats; says what was looked for.
    """
    names = list(itertools.islice(_walk_files(path), LOOK))
    found = {end: file for file in names for end in BY_ENDING if _has_ending(file, end)}
    if clip_files.POSE in found or openpose.ENDING in found:
        found.pop(".npy", None)  # of another purpose, beside them
    if len(found) > 1:
        listed = " and ".join(f"{BY_ENDING[end].name} ({file})" for end, file in found.items())
        raise DataError(f"{path}: holds {listed}; give the folder of one of them")
    if found:
        return BY_ENDING[next(iter(found))]
    tried = [file for file in names if file.suffix.lower() == ".json"]
    if tried:
        return _detect_json(tried[:8])
    if any(file.suffix.lower() in TORCH for file in names):
        raise DataError(f"{path}: .pt and .pkl files are programs, which signjax does not run; write their "
                        "arrays as .npy, see docs/data.md")  # fmt: skip
    what = f"none of {len(names):,} files is" if names else "no such file, or an empty folder; give"
    raise DataError(f"{path}: {what} {WANTED}")


def _walk_files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    for folder, below, held in os.walk(path):
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield from (Path(folder, name) for name in held)


def _has_ending(file: Path, ending: str) -> bool:
    return file.name == ending if ending == clip_files.POSE else file.name.lower().endswith(ending)


def _detect_json(files: list[Path]) -> Format:
    """The format of .json files that have no telling name."""
    faults = []
    for file in files:
        try:
            content = dwpose.parse_json(safe_read.read_bytes(file), mediapipe.MEMORY)
            for form, is_of in ((MEDIAPIPE, mediapipe.is_mediapipe), (DWPOSE, dwpose.is_dwpose)):
                if is_of(content):
                    return form
            faults.append(f"{file}: is JSON, but")
        except InvalidFileError as error:
            faults.append(f"{file}: {error};")
    raise DataError(f"{faults[0]} not of a format that is known: {WANTED}")
