"""SignSparK's data sets of SMPL-X: an LMDB with one .npz file for each clip.

A clip has `body_features` [T, >= 126], `left_features` and `right_features` [T, >= 90] and `face_features`
[T, 56] (jaw, then 50 expressions), each joint as six numbers; `translation`, `gloss`, `language`; and
`segment` [T], 2 in the first frame of a sign, 1 inside, 0 else. The key `__meta__` is a pickle with the
names of the clips. As in their loader, of the body only joints from the neck to the wrists are used.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from signjax.data.formats import base, file_names, smplx_clips
from signjax.data.formats.base import UnreadableClip
from signjax.data.formats.smplx_body import Body
from signjax.io import lmdb_file, pickle_arrays, safe_numpy
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip

ENDINGS = ("data.mdb", ".lmdb")
META = b"__meta__"
MAX_CLIP_BYTES = 1 << 26
LOWER = 66  # numbers of the joints below the neck
NUMBERS = {"upper": ("body_features", LOWER, 60), "left": ("left_features", 0, 90)}
NUMBERS |= {"right": ("right_features", 0, 90), "jaw": ("face_features", 0, 6)}
EXPRESSIONS = 6  # where they begin in `face_features`


def read_clips(path: Path, body: Body | None = None) -> Iterator[Clip | UnreadableClip]:
    """The clips of all LMDB files in a folder and those below, or of one file.

    Args:
      path: the folder or file.
      body: the user's model of SMPL-X, None for signjax's own skeleton.
    """
    for file in file_names.list_files(path, *ENDINGS):
        split = file_names.find_split(path, file)
        try:
            yield from _read_file(file, body, split)
        except InvalidFileError as error:
            yield UnreadableClip(str(file), str(error))


def _read_file(file: Path, body: Body | None, split: str | None) -> Iterator[Clip | UnreadableClip]:
    names, listed = set(), []
    for key, value in lmdb_file.iterate_lmdb(file, MAX_CLIP_BYTES):
        if key == META:
            listed = _list_names(value)
            continue
        name = key.decode("utf-8", "replace")
        names.add(name)

        def read_clip(data: bytes, name=name) -> Clip:
            clip = _parse_clip(data, body)
            return dataclasses.replace(clip, sid=file_names.parse_sid(name.rpartition("/")[2]), split=split)

        yield from base.read_each([(f"{file}: {name}", value)], read_clip)
    for name in listed:
        if name not in names:
            yield UnreadableClip(f"{file}: {name}", "is in the list of clips, but not in the file")


def _list_names(value: bytes) -> list[str]:
    """The names of the clips, as `__meta__` lists them."""
    try:
        meta = pickle_arrays.parse_pickle(value)
    except InvalidFileError as error:
        raise InvalidFileError(f"its entry __meta__ {error}") from None
    names = meta.get("clip_ids") if isinstance(meta, dict) else None
    names = names if isinstance(names, list | tuple) else []
    return [name for name in names if isinstance(name, str)]


def _parse_clip(data: bytes, body: Body | None) -> Clip:
    arrays = safe_numpy.parse_arrays(data, max_bytes=MAX_CLIP_BYTES)
    parameters = {name: _cut_columns(arrays, *of) for name, of in NUMBERS.items() if of[0] in arrays}
    missing = [of[0] for name, of in NUMBERS.items() if name != "jaw" and of[0] not in arrays]
    if missing:
        raise InvalidFileError(f"has no {', '.join(missing)}")
    face = arrays.get("face_features")
    clip = smplx_clips.make_clip(parameters, body, None if face is None else face[:, EXPRESSIONS:])
    text, gloss = (_read_text(arrays, name) for name in ("translation", "gloss"))
    return dataclasses.replace(clip, text=text, gloss=gloss, segment=_read_segment(arrays, len(clip)))


def _cut_columns(arrays: dict[str, np.ndarray], name: str, first: int, count: int) -> np.ndarray:
    values = arrays[name]
    if values.ndim != 2 or values.shape[1] < first + count or values.dtype.kind != "f":
        raise InvalidFileError(
            f"its {name} is {values.dtype} {list(values.shape)}, not [any, >= {first + count}]"
        )
    return values[:, first : first + count]


def _read_text(arrays: dict[str, np.ndarray], name: str) -> str:
    values = arrays.get(name, np.zeros(0, "U1"))
    if values.dtype.kind != "U":
        raise InvalidFileError(f"its {name} is {values.dtype}, no text")
    return " ".join(" ".join(values.reshape(-1).tolist()).split())


def _read_segment(arrays: dict[str, np.ndarray], frames: int) -> np.ndarray | None:
    segment = arrays.get("segment")
    if segment is None:
        return None
    if segment.shape != (frames,) or not np.isin(segment, (0, 1, 2)).all():
        raise InvalidFileError(
            f"its segment is {segment.dtype} {list(segment.shape)}, not 0, 1 or 2 for each frame"
        )
    return segment.astype(np.int8)
