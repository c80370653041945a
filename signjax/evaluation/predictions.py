"""Clips of another system: a folder of plain pose files, named like the recorded clips they stand for."""

from pathlib import Path

import numpy as np

from signjax.data import clip_files, npz_clip, pose_layout
from signjax.errors import DataError
from signjax.io import safe_read
from signjax.pose import skeleton
from signjax.pose.clip import Clip

FORMS = ("{sid}/pose.json", "{sid}.json", "{sid}.npz", "{sid}.npy")


def read_predictions(folder, sids, layout: pose_layout.PoseLayout) -> tuple[list[Clip], dict[str, str]]:
    """Reads another system's clip for each name.

    `<sid>/pose.json` and `<sid>.json` have the schema of the data; `<sid>.npz` has an array "pose" and
    `<sid>.npy` is one, [T, 50, 3] in skeleton order, or [T, 120, 3] with a face. Units and place are free.

    Args:
      folder: where they lie.
      sids: n names of clips.
      layout: of pose files; that of the recorded clips, unless the system says otherwise.

    Returns:
      n clips, with no frame where there is none to be had, and {sid: reason} of those.

    Raises:
      DataError: there is no such folder, or no clip in it has one of the names.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give one with a file <clip>.json, .npz or .npy a clip")
    clips, faults = [], {}
    for sid in sids:
        try:
            clips.append(_read_prediction(folder, sid, layout))
        except DataError as error:
            faults[sid] = str(error)
            # A clip that is missing is scored as one that says nothing, not left out.
            clips.append(Clip(np.zeros((0, skeleton.NUM_JOINTS, 3)), sid=sid))
    if len(faults) == len(clips):
        names = ", ".join(form.format(sid=sids[0]) for form in FORMS)
        raise DataError(f"{folder}: none of {len(clips)} clips is there; the first is looked for as {names}")
    return clips, faults


def _read_prediction(folder: Path, sid: str, layout: pose_layout.PoseLayout) -> Clip:
    """The first file there is of a clip; raises DataError with the reason alone."""
    paths = [folder / form.format(sid=sid) for form in FORMS]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise DataError("missing")
    try:
        safe_read.check_inside(path, folder)
        if path.suffix != ".json":
            return npz_clip.read_arrays(path)
        raw = clip_files.parse_pose(safe_read.read_bytes(path))
        return Clip(*pose_layout.apply_layout(raw, layout), sid=sid)
    except safe_read.InvalidFileError as error:
        raise DataError(f"{path.name}: cannot be read ({error})") from None
