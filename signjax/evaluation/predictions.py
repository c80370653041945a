"""Clips of another system: a folder of pose files that are named like the recorded clips."""

import unicodedata
from pathlib import Path

import numpy as np

from signjax.data import clip_files, npz_clip, pose_layout
from signjax.errors import DataError
from signjax.io import safe_read
from signjax.pose import skeleton
from signjax.pose.clip import Clip

# In this order, if a clip has several files.
FORMS = ("{sid}/pose.json", "{sid}.json", "{sid}.npz", "{sid}.npy")


def read_predictions(folder, sids, layout: pose_layout.PoseLayout) -> tuple[list[Clip], dict[str, str]]:
    """Reads the clip of another system for each name.

    `<sid>/pose.json` and `<sid>.json` have the schema of the data; `<sid>.npz` has an array "pose" and
    `<sid>.npy` is such an array, [T, 50, 3] in skeleton order, or [T, 120, 3] with a face. Units and place
    are free.

    Args:
      folder: the folder of the files.
      sids: n names of clips.
      layout: of pose files, as that of the recorded clips.

    Returns:
      n clips, without frames where a clip is missing or cannot be read, and {sid: reason} of those.

    Raises:
      DataError: there is no such folder, or it has none of the clips.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give one with a file <clip>.json, .npz or .npy a clip")
    clips, unreadable = [], {}
    for sid in sids:
        try:
            clips.append(_read_prediction(folder, sid, layout))
        except DataError as error:
            unreadable[sid] = str(error)
            # A missing clip is scored as one that says nothing: leaving it out would improve the mean.
            clips.append(Clip(np.zeros((0, skeleton.NUM_JOINTS, 3)), sid=sid))
    # Not one clip: then it is the folder or the naming that is wrong, and a table of zeros would hide that.
    if len(unreadable) == len(clips):
        names = ", ".join(form.format(sid=sids[0]) for form in FORMS)
        raise DataError(f"{folder}: none of {len(clips)} clips is there; the first is looked for as {names}")
    return clips, unreadable


def _read_prediction(folder: Path, sid: str, layout: pose_layout.PoseLayout) -> Clip:
    """Reads the first file that a clip has; the message of its DataError is the reason alone."""
    # macOS writes accents of file names as characters of their own, and other systems do not.
    names = dict.fromkeys([sid, *(unicodedata.normalize(form, sid) for form in ("NFC", "NFD"))])
    paths = [folder / form.format(sid=name) for name in names for form in FORMS]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise DataError("missing")
    try:
        # Files of strangers: a link may lead out of the folder.
        safe_read.check_inside(path, folder)
        if path.suffix != ".json":
            return npz_clip.read_arrays(path)
        raw = clip_files.parse_pose(safe_read.read_bytes(path))
        return Clip(*pose_layout.apply_layout(raw, layout), sid=sid)
    except safe_read.InvalidFileError as error:
        raise DataError(f"{path.name}: cannot be read ({error})") from None
