"""Clips of another system: a folder of plain pose files named as the clips they answer."""

from pathlib import Path

import numpy as np

from signjax.data import clip_files, pose_layout
from signjax.errors import DataError
from signjax.io import safe_numpy, safe_read
from signjax.pose import skeleton

FRAMES = 1 << 15  # of a clip: twenty minutes
FORMS = ("{sid}/pose.json", "{sid}.json", "{sid}.npz", "{sid}.npy")


def read(
    folder, sids, layout: pose_layout.Variant
) -> tuple[list[tuple[np.ndarray, np.ndarray]], dict[str, str]]:
    """Reads a system's clip for each name.

    `<sid>/pose.json` and `<sid>.json` have the schema of the data; `<sid>.npz` has an array "pose" and
    `<sid>.npy` is one, [T, 50, 3] in skeleton order, or [T, 120, 3] with a face. Units and place are free.

    Args:
      folder: where they lie.
      sids: n names of clips.
      layout: of pose files; that of the recorded clips, unless the system says otherwise.

    Returns:
      n pairs (pose [T, J, 3] float32, valid [T, J] bool), T = 0 where there is no clip to be had, and
      {sid: reason} of those.

    Raises:
      DataError: there is no such folder, or no clip in it has one of the names.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give one with a file <clip>.json, .npz or .npy a clip")
    found, faults = [], {}
    for sid in sids:
        try:
            found.append(_clip(folder, sid, layout))
        except DataError as error:
            faults[sid] = str(error)
            found.append((np.zeros((0, 50, 3), np.float32), np.zeros((0, 50), bool)))
    if len(faults) == len(found):
        names = ", ".join(form.format(sid=sids[0]) for form in FORMS)
        raise DataError(f"{folder}: none of {len(found)} clips is there; the first is looked for as {names}")
    return found, faults


def _clip(folder: Path, sid: str, layout: pose_layout.Variant) -> tuple[np.ndarray, np.ndarray]:
    paths = [folder / form.format(sid=sid) for form in FORMS]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise DataError("missing")
    try:
        safe_read.inside(path, folder)
        if path.suffix != ".json":
            return _parse(path)
        return pose_layout.apply(clip_files.parse_pose(safe_read.read(path)), layout)
    except safe_read.InvalidFileError as error:
        raise DataError(f"{path.name}: cannot be read ({error})") from None


def read_arrays(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pose [T, J, 3] float32 and visibility [T, J] bool of an .npy, or of the array "pose" of an .npz.

    What is not finite is missing and lies at 0; nothing is unpickled.

    Raises:
      DataError: the file cannot be read or has another shape, or numbers that are no coordinates.
    """
    try:
        return _parse(path)
    except safe_read.InvalidFileError as error:
        raise DataError(f"{path}: cannot be read ({error})") from None


def _parse(path: Path) -> tuple[np.ndarray, np.ndarray]:
    packed = path.suffix == ".npz"
    pose = safe_numpy.read_arrays(path, ["pose"])["pose"] if packed else safe_numpy.read_array(path)
    shapes = [(joints, 3) for joints in (skeleton.NUM_JOINTS, skeleton.WITH_FACE)]
    if pose.ndim != 3 or pose.shape[1:] not in shapes or pose.dtype.kind not in "fiu":
        raise safe_read.InvalidFileError(
            f"is {pose.dtype} {list(pose.shape)}, not [T, 50, 3] or [T, 120, 3] of numbers"
        )
    if len(pose) > FRAMES:
        raise safe_read.InvalidFileError(f"has {len(pose):,} frames, more than {FRAMES:,}")
    pose = pose.astype(np.float64)
    seen = np.isfinite(pose).all(-1)
    pose = np.where(seen[..., None], pose, 0)
    if np.abs(pose).max(initial=0) > clip_files.MAX_COORDINATE:
        raise safe_read.InvalidFileError(f"has coordinates beyond {clip_files.MAX_COORDINATE:g}")
    return pose.astype(np.float32), seen
