"""One clip from a file or folder, in any format that signjax reads."""

import itertools
from pathlib import Path

from signjax.data import clip_files, npz_clip, picture_units, plausibility, pose_layout
from signjax.data.formats import detect, signjax_folders
from signjax.data.formats.base import UnreadableClip
from signjax.errors import DataError
from signjax.io import machine_errors, safe_read
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip


def read_clip(path) -> Clip:
    """Reads a clip: an .npz of signjax, a clip's folder, or a recording in a format of `docs/data.md`.

    Args:
      path: a file, or a folder that holds one clip.

    Raises:
      DataError: it cannot be read, or holds several clips.
    """
    path = Path(path)
    try:
        # Before detection, which knows formats of other programs and pose.json by that name only.
        if path.suffix == ".npz":
            return npz_clip.read_npz(path)
        if path.suffix == ".json" and "poses" in safe_read.read_json(path):
            return signjax_folders.read_pose_json(path)
    except InvalidFileError as error:
        raise DataError(f"{path}: {error}") from None
    # Two are enough to know that there are several: a corpus may have thousands.
    form = detect.detect_format(path)
    clips = list(itertools.islice(form.read_clips(path), 2))
    if not clips:
        raise DataError(f"{path}: holds no clip")
    if len(clips) > 1:
        raise DataError(
            f"{path}: holds several clips; name one of them, or import all: "
            f"python -m signjax.tools.import_poses {path}"
        )
    if isinstance(clips[0], UnreadableClip):
        raise DataError(f"{clips[0].name}: {clips[0].reason}")
    clip = clips[0]
    if not form.takes_size:
        clip = picture_units.scale_shares(clip, None, form.free_units)
    return plausibility.inspect_clip(clip)


def read_saved_clip(path: Path) -> Clip:
    """A clip as signjax.sample saves it, with its text and its tokens, if it has any.

    Raises:
      DataError: it cannot be read; nothing is unpickled.
    """
    if path.suffix != ".npz":
        raise DataError(
            f"{path}: cannot be used; accepted is .npz as signjax.sample writes it (pose [T, 50, 3], "
            "or [T, 120, 3] with a face, and text), no pickle and so no .pt"
        )
    try:
        return npz_clip.read_npz(path)
    except InvalidFileError as error:
        advice = machine_errors.choose_advice(error, "sample it again")
        raise DataError(f"{path}: cannot be read ({error}); {advice}") from None


def read_written_clip(path: Path) -> Clip:
    """A clip as signjax writes it: an .npz, or a folder with text.txt and pose.json.

    Raises:
      DataError: it cannot be read.
    """
    if not path.is_dir():
        return read_saved_clip(path)
    try:
        raw = clip_files.read_raw(path)
        gloss = clip_files.read_gloss(path)
    except InvalidFileError as error:
        raise DataError(f"{path}/{error}; give an .npz of signjax.sample, or a clip's folder") from None
    # One clip of a data set, without the others that usually decide on its layout.
    return clip_files.make_clip(raw, gloss, path.name, pose_layout.detect_layout([raw.pose]))
