"""SMPL-X's parameters as pickles, as SOKE and MaDiS have them: one file per clip or per frame.

A pickle is a dict with `smplx_body_pose` (21 joints), `smplx_lhand_pose` and `smplx_rhand_pose` (15 each),
perhaps also `smplx_jaw_pose`, `smplx_expr`, `smplx_shape` and `smplx_root_pose`; rotations are axes times
angles. Or it is an array [T, 133]: ten joints from the neck to the wrists, both hands, jaw, ten expressions.
Nothing in a pickle is run, see signjax.io.pickle_arrays.
"""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax.data.formats import base, file_names, frame_numbers, smplx_clips
from signjax.data.formats.base import UnreadableClip
from signjax.data.formats.smplx_body import Body
from signjax.io import pickle_arrays
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip

ENDINGS = (".pkl", ".pickle")
# Key of a file, group of smplx_clips, numbers of a frame.
KEYS = (("smplx_body_pose", "body", 63), ("smplx_lhand_pose", "left", 45), ("smplx_rhand_pose", "right", 45))
KEYS += (("smplx_jaw_pose", "jaw", 3),)
ROOT, EXPRESSIONS = "smplx_root_pose", "smplx_expr"
OPTIONAL = {"smplx_jaw_pose"}
VECTOR = {"upper": 30, "left": 45, "right": 45, "jaw": 3}  # of 133 numbers, before the expressions
# Its camera is the estimator's: y points down in most, and up in others. The field leaves it out, too.
ROOT_LEFT_OUT = "the turn of the whole body (smplx_root_pose) is left out: all signers face the camera"


class PickledClip(NamedTuple):
    """The files of a clip."""

    root: Path  # what is read
    files: tuple[Path, ...]  # one, or one for each frame
    name: str
    numbers: tuple[int, ...] = ()  # of the frames, if each has a file


def read_clips(path: Path, body: Body | None = None) -> Iterator[Clip | UnreadableClip]:
    """The clips of all pickles in a folder and those below, or of one file.

    Args:
      path: the folder or file.
      body: the user's model of SMPL-X, None for signjax's own skeleton.
    """

    def read_one(clip: PickledClip) -> Clip:
        return _read_clip(clip, body)

    for folder, files in itertools.groupby(file_names.list_files(path, *ENDINGS), lambda file: file.parent):
        listed = tuple(files)
        if not _are_frames(listed):
            yield from base.read_each(((str(f), PickledClip(path, (f,), f.stem)) for f in listed), read_one)
            continue
        clips = frame_numbers.group_by_clip([file.stem for file in listed])
        for clip in clips:
            # A folder of one clip names it.
            alone = len(clips) == 1
            name = file_names.name_folder(path, folder) if alone else clip.name
            frames = tuple(listed[index] for index in clip.indices)
            label = str(folder if alone else folder / name)
            yield from base.read_each(
                [(label, PickledClip(path, frames, name, tuple(clip.numbers)))], read_one
            )


def _are_frames(files: tuple[Path, ...]) -> bool:
    """Whether each file of a folder is one frame; the first that can be read speaks for all."""
    for file in files[:8]:
        try:
            content = pickle_arrays.read_pickle(file)
        except InvalidFileError:
            continue
        pose = content.get(KEYS[0][0]) if isinstance(content, dict) else None
        return isinstance(pose, np.ndarray) and pose.size == KEYS[0][2]
    return False


def _read_clip(clip: PickledClip, body: Body | None) -> Clip:
    root, files, name, numbers = clip
    if len(files) > base.MAX_FRAMES:
        raise InvalidFileError(f"has {len(files):,} frames; 1 to {base.MAX_FRAMES:,} can be read")
    if numbers:
        parts = [_read_frame(file) for file in files]
        places, warnings = frame_numbers.place_frames(numbers)
    else:
        content = pickle_arrays.read_pickle(files[0])
        # A list of frames is a clip, too.
        parts = [_list_arrays(part) for part in (content if isinstance(content, list) else [content])]
        places, warnings = None, ()
    arrays = _join_frames(parts)
    values = {group: arrays[group] for group in arrays if group in smplx_clips.GROUPS}
    pose = smplx_clips.make_clip(values, body, arrays.get(EXPRESSIONS))
    pose = pose if places is None else _fill_gaps(pose, places)
    place = files[0].parent if numbers else files[0]
    text = file_names.read_text_beside(place / "text") if numbers else ""
    text = text or file_names.read_text_beside(place)
    pose = dataclasses.replace(
        pose, text=text, sid=file_names.parse_sid(name), warnings=(*pose.warnings, *warnings)
    )
    pose = dataclasses.replace(pose, split=file_names.find_split(root, place))
    return pose.add_warning(ROOT_LEFT_OUT) if np.any(arrays.get(ROOT, 0)) else pose


def _read_frame(file: Path) -> dict[str, np.ndarray]:
    try:
        return _list_arrays(pickle_arrays.read_pickle(file), True)
    except InvalidFileError as error:
        raise InvalidFileError(f"{file.name}: {error}") from None


def _list_arrays(content, is_frame: bool = False) -> dict[str, np.ndarray]:
    """The arrays [T, n] of a pickle by groups of smplx_clips, with EXPRESSIONS and ROOT."""
    if isinstance(content, np.ndarray):
        return _split_vector(content)
    if not isinstance(content, dict):
        raise InvalidFileError(f"is a {type(content).__name__}, not a dict with {KEYS[0][0]}")
    arrays = {}
    for key, group, count in (*KEYS, (ROOT, ROOT, 3), (EXPRESSIONS, EXPRESSIONS, None)):
        values = content.get(key)
        if values is None and (group == key or key in OPTIONAL):
            continue
        if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
            raise InvalidFileError(f"has no array {key}")
        # Estimators write a frame as [1, n] or [n], and joints as [.., n / 3, 3].
        rows = values.reshape(1, -1) if is_frame or values.ndim < 2 else values.reshape(len(values), -1)
        if count is not None and rows.shape[1] != count:
            raise InvalidFileError(f"its {key} is {list(values.shape)}, not {count} numbers a frame")
        arrays[group] = rows
    return arrays


def _split_vector(values: np.ndarray) -> dict[str, np.ndarray]:
    size = sum(VECTOR.values()) + 10
    if values.ndim != 2 or values.shape[1] != size or values.dtype.kind != "f":
        raise InvalidFileError(f"is an array {values.dtype} {list(values.shape)}, not [any, {size}]")
    bounds = np.cumsum(list(VECTOR.values()))
    return dict(zip([*VECTOR, EXPRESSIONS], np.split(values, bounds, 1), strict=True))


def _join_frames(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    if not parts:
        raise InvalidFileError("has 0 frames")
    keys = list(parts[0])
    if any(list(part) != keys for part in parts):
        raise InvalidFileError("has frames with other keys than the first")
    try:
        return {key: np.concatenate([part[key] for part in parts]) for key in keys}
    except ValueError:
        raise InvalidFileError("has frames with other sizes than the first") from None


def _fill_gaps(clip: Clip, places: np.ndarray) -> Clip:
    """The clip with frames that show nobody where numbers are left out."""
    points, valid = (frame_numbers.fill_gaps(x, places) for x in (clip.points, clip.valid))
    return dataclasses.replace(clip, points=points, valid=valid)
