"""Detects the format of a folder or a file."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from signjax.data import clip_files
from signjax.data.formats import (
    dwpose,
    kaggle_parquet,
    landmark_arrays,
    mediapipe,
    openpose,
    pose_format,
    progressive_transformers,
    signjax_folders,
    signspark,
    smplx_pickles,
)
from signjax.data.formats.base import UnreadableClip
from signjax.data.formats.folder_walk import WalkNotes, walk_folders
from signjax.errors import DataError
from signjax.io import safe_read
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip

MAX_LISTED = 20_000  # names of files that are looked at
MAX_PARSED = 8  # .json files that are looked into


class Format(NamedTuple):
    """A format that can be read."""

    name: str
    read_clips: Callable[..., Iterator[Clip | UnreadableClip]]
    takes_size: bool = False  # whether `size` of the picture is an argument of `read_clips`
    takes_body: bool = False  # whether `body`, a model of SMPL-X, is one
    free_units: bool = False  # whether poses may be moved and scaled, see signjax.data.picture_units


OPENPOSE = Format("OpenPose frames", openpose.read_clips)
DWPOSE = Format("133 points of COCO-WholeBody (DWPose, MMPose)", dwpose.read_clips)
MEDIAPIPE = Format("MediaPipe landmarks", mediapipe.read_clips, True)
# By the endings of files; of other .json files the content decides.
BY_ENDING = {
    ".skels": Format("Progressive Transformers .skels", progressive_transformers.read_clips, free_units=True),
    clip_files.POSE: Format("signjax folders", signjax_folders.read_clips, free_units=True),
    ".pose": Format(".pose files", pose_format.read_clips),
    openpose.ENDING: OPENPOSE,
    ".npy": Format("arrays of landmarks (MediaPipe, SLRTP)", landmark_arrays.read_clips, True),
    kaggle_parquet.ENDING: Format("MediaPipe landmarks in Parquet", kaggle_parquet.read_clips, True),
    **dict.fromkeys(
        signspark.ENDINGS, Format("SMPL-X in LMDB (SignSparK)", signspark.read_clips, False, True)
    ),
}
SMPLX_PICKLES = Format("SMPL-X in pickles", smplx_pickles.read_clips, False, True)
BY_CONTENT = (
    (MEDIAPIPE, mediapipe.is_mediapipe),
    (DWPOSE, dwpose.is_dwpose),
    (OPENPOSE, openpose.is_openpose),
)
READABLE = (
    "OpenPose frames (*_keypoints.json), .pose files, .skels, .npy of MediaPipe or SLRTP, .parquet, JSON of "
    "DWPose or MediaPipe, SMPL-X in LMDB or .pkl, or <split>/<clip>/pose.json"
)
TORCH_ENDINGS = (".pt", ".pth")


def detect_format(path: Path) -> Format:
    """The format of the clips in a folder and all below, or of a file.

    Raises:
      DataError: there are none that can be read, or clips of several formats; says what was looked for.
    """
    # The first of them say what the others are: a collection may have millions.
    notes = WalkNotes()
    files = list(itertools.islice(_walk_files(path, notes), MAX_LISTED))
    examples = {ending: file for file in files for ending in BY_ENDING if _has_ending(file, ending)}
    if clip_files.POSE in examples or openpose.ENDING in examples:
        # Arrays beside poses serve another purpose.
        examples.pop(".npy", None)
    if len(examples) > 1:
        listed = " and ".join(f"{BY_ENDING[ending].name} ({file})" for ending, file in examples.items())
        raise DataError(f"{path}: holds {listed}; give the folder of one of them")
    if examples:
        return BY_ENDING[next(iter(examples))]
    # Last, since opening files takes longer than reading their names.
    json_files = [file for file in files if file.suffix.lower() == ".json"]
    # After all others: beside poses of other kinds, pickles hold lists and labels.
    has_pickles = any(file.name.lower().endswith(smplx_pickles.ENDINGS) for file in files)
    if json_files:
        try:
            return _detect_json(json_files[:MAX_PARSED])
        except DataError:
            if not has_pickles:
                raise
    if has_pickles:
        return SMPLX_PICKLES
    if any(file.suffix.lower() in TORCH_ENDINGS for file in files):
        programs = ".pt files are programs, which signjax does not run"
        raise DataError(f"{path}: {programs}; write their arrays as .npy, see docs/data.md")
    what = f"none of {len(files):,} files is" if files else "no such file, or an empty folder; give"
    unreadable = f" (cannot be read: {', '.join(notes.unreadable[:3])})" if notes.unreadable else ""
    raise DataError(f"{path}: {what} {READABLE}{unreadable}")


def list_unread(path: Path, form: Format) -> dict[str, list[Path]]:
    """The files below a folder that are poses in other formats than the one that is read, by format.

    Of .json files whose names say nothing only some are looked into, so that not all may be listed.
    """
    unread: dict[str, list[Path]] = {}
    json_files = []
    for file in _walk_files(path, WalkNotes()):
        # The longest: frames of OpenPose are .json files, too.
        ending = max((e for e in BY_ENDING if _has_ending(file, e)), key=len, default="")
        if ending and BY_ENDING[ending] is not form:
            unread.setdefault(BY_ENDING[ending].name, []).append(file)
        elif not ending and file.suffix.lower() == ".json":
            json_files.append(file)
    # A reader of JSON takes all of it, and names what it cannot read.
    if form in (DWPOSE, MEDIAPIPE) or (form is OPENPOSE and json_files and not _has_frames(path)):
        return unread
    for file in json_files[:: max(1, len(json_files) // MAX_PARSED)]:
        with contextlib.suppress(DataError):
            unread.setdefault(_detect_json([file]).name, []).append(file)
    return unread


def _has_frames(path: Path) -> bool:
    """Whether frames of OpenPose have its own ending, so that no other .json file is read."""
    return any(_has_ending(file, openpose.ENDING) for file in _walk_files(path, WalkNotes()))


def _walk_files(path: Path, notes: WalkNotes) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for folder, names in walk_folders(path, notes):
        yield from (folder / name for name in names)


def _has_ending(file: Path, ending: str) -> bool:
    return file.name == ending if ending == clip_files.POSE else file.name.lower().endswith(ending)


def _detect_json(files: list[Path]) -> Format:
    """The format of .json files whose names say nothing.

    Raises:
      DataError: none of them is of a known format; says what is wrong with the first.
    """
    reasons = []
    for file in files:
        try:
            content = dwpose.parse_json(safe_read.read_bytes(file), mediapipe.MEMORY)
            for form, is_of_form in BY_CONTENT:
                if is_of_form(content):
                    return form
            reasons.append(f"{file}: is JSON, but")
        except InvalidFileError as error:
            reasons.append(f"{file}: {error};")
    raise DataError(f"{reasons[0]} not of a format that is known: {READABLE}")
