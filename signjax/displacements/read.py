"""Reading displacements and templates, ours and the seed's.

The seed's are 2-D, have the arms of its data (the right hand on joints 5-6-7 in its gloss set) and no mask:
what is missing lies at 0, or, where frames were normalised one by one, on one point. Those frames also
stand on their heads, as their shoulders were turned to lie the other way. All this is found here, so that
the rest sees `Moves` with the right hand on joints 2-3-4. Of a path inside a JSON only the base name counts,
whatever system wrote it: files are looked for in the folder given and nowhere else. The one exception is a
folder `templates`, whose sources lie in the folder above it.
"""

import re
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

import numpy as np

from signjax.data import clip_files, pose_layout
from signjax.displacements import convert, templates
from signjax.displacements.convert import Moves
from signjax.errors import DataError
from signjax.io import safe_numpy, safe_read
from signjax.pose import skeleton

SAME = 1e-4  # sums of float32 displacements that should be one place differ by less
_EXCHANGED = np.concatenate([skeleton.MIRROR[skeleton.BODY], np.arange(8, skeleton.NUM_JOINTS)])


class Source(NamedTuple):
    """One displacement file: where it lies and what its JSON says."""

    path: Path  # of the JSON; the array has the same stem
    word: str
    split: str
    sid: str
    normalized: bool
    content: dict

    @property
    def key(self) -> tuple:
        """What was recorded: files of the same key are the same clip, written several times."""
        frames = tuple(self.content.get("frames") or ())
        return self.word.casefold(), self.dataset, self.split, self.sid, frames, self.normalized

    @property
    def dataset(self) -> str:
        """The name of the data set, "" if the JSON does not say."""
        parts = PureWindowsPath(str(self.content.get("sample_dir") or "")).parts  # .../<name>/<split>/<clip>
        return parts[-3] if len(parts) > 2 else ""

    @property
    def array(self) -> Path:
        """The file of the displacements."""
        return self.path.with_suffix(".npy")


def sources(folder) -> list[Source]:
    """All displacement files of a folder, in the order of their names.

    Raises:
      DataError: there are none, or a JSON is damaged.
    """
    folder = Path(folder)
    found = [_source(path) for path in sorted(folder.glob("disp_*.json"))]
    if not found:
        make = "python -m signjax.tools.displacements extract --words hello"
        raise DataError(f"{folder}: no disp_<word>_<time>_<split>_<clip>.json there; write some with {make}")
    return found


def clips(folder, word: str, normalized: bool) -> list[tuple[Source, Moves, int]]:
    """Each clip of a word once, from its newest file: (file, moves, 2 or 3 dimensions).

    Raises:
      DataError: as for `sources`; a file is missing or damaged; a clip has no starting pose.
    """
    every = sources(folder)
    newest = {source.key: source for source in every}  # names sort by time
    layout, asked = _layout(every, normalized), (word.casefold(), normalized)
    wanted = [s for s in newest.values() if (s.word.casefold(), s.normalized) == asked]
    return [(source, *_clip(source, every, layout)) for source in wanted]


def one(path) -> tuple[Moves, str]:
    """A clip or a template by the name of its JSON or of one of its arrays, and its word.

    Raises:
      DataError: it is neither, a file is missing or damaged, or there is no starting pose.
    """
    path = Path(path)
    stem = re.sub(r"(_deltas|_positions|(_p0|_seen)(?=_norm$|$))", "", path.stem)
    meta = path.with_name(stem + ".json")
    if stem.startswith("template_"):
        return _template(meta)
    if not stem.startswith("disp_"):
        raise DataError(f"{path}: is no disp_... and no template_... file; give the .npy or .json of one")
    source, every = _source(meta), sources(path.parent)
    return _clip(source, every, _layout(every, source.normalized))[0], source.word


def _source(path: Path) -> Source:
    content = _json(path)
    for field in ("word", "split", "sid"):
        if not isinstance(content.get(field), str):
            raise DataError(f"{path}: field {field!r} is no text; extract this clip again")
    frames = content.get("frames", [0, 1])
    if not (isinstance(frames, list) and [type(x) for x in frames] == [int, int]):
        raise DataError(f"{path}: field 'frames' is not [first, last + 1]; extract this clip again")
    normalized = bool(content.get("normalized", False))
    return Source(path, content["word"], content["split"], content["sid"], normalized, content)


def _clip(source: Source, every: list[Source], layout: pose_layout.Variant) -> tuple[Moves, int]:
    """Moves of a file and its dimensions, given all files beside it and the layout of the seed's."""
    deltas, start = _array(source.array, (None, 50, None)), _start(source, every)
    if "seen_path" in source.content:
        seen = _array(_beside(source.path, "seen_path", source.content), (len(deltas) + 1, 50), bool)
        if start.shape[-1] != deltas.shape[-1]:
            both = f"{deltas.shape[-1]} coordinates, its starting pose {start.shape[-1]}"
            raise DataError(f"{source.array}: has {both}; extract this clip again")
        return Moves(_solid(start), _solid(deltas), seen), deltas.shape[-1]
    pose, seen = pose_layout.apply(_seed_pose(start, deltas), layout)
    return convert.take(pose, seen), 2


def _layout(every: list[Source], normalized: bool) -> pose_layout.Variant:
    """Arms and anchor of the seed's files of a folder, from all that have a starting pose."""
    raw = []
    for source in every:
        if "seen_path" not in source.content and source.normalized == normalized:
            try:
                raw.append(_seed_pose(_start(source, every), _array(source.array, (None, 50, None))))
            except DataError:
                continue  # reading it will name it, if it is wanted
    return pose_layout.detect(raw)._replace(third="zero")


def _seed_pose(start: np.ndarray, deltas: np.ndarray) -> np.ndarray:
    """Places [T, 50, 3] of a seed's file, depth 0; what is missing is exactly 0."""
    pose = _solid(np.concatenate([start[None, :, :2], start[:, :2] + np.cumsum(deltas[..., :2], axis=0)]))
    gone = (np.abs(pose) < SAME).all(-1)  # [T, 50]
    for hand in (skeleton.RIGHT, skeleton.LEFT):
        point = pose[:, hand][:, :1]  # [T, 1, 3]; a hand that is one point is none, nor is what lies there
        collapsed = np.ptp(pose[:, hand], axis=1).max(-1) < SAME
        gone |= collapsed[:, None] & (np.abs(pose - point) < SAME).all(-1)
    upright = np.median(pose[:, skeleton.NOSE, 1] - pose[:, skeleton.NECK, 1]) <= 0
    return np.where(gone[..., None], 0.0, pose if upright else -pose)


def _start(source: Source, every: list[Source]) -> np.ndarray:
    """The starting pose [50, D] of a file, its own or that of another file of the same clip."""
    kind = "_norm" if source.normalized else ""
    for other in [source, *(other for other in reversed(every) if other.key == source.key)]:
        name = other.content.get(f"p0{kind}_path")
        if name is not None:
            return _array(_beside(other.path, f"p0{kind}_path", other.content), (50, None))
    raise DataError(
        f"{source.path}: has no starting pose (field p0{kind}_path), and displacements alone do not say "
        "where hands are; extract this clip again"
    )


def _template(meta: Path) -> tuple[Moves, str]:
    """A template; the seed's begin with all joints on one point and get the start of their sources."""
    content = _json(meta)
    word = content.get("word")
    if not isinstance(word, str):
        raise DataError(f"{meta}: field 'word' is no text; average again")
    deltas = _array(meta.with_name(meta.stem + "_deltas.npy"), (None, 50, None))
    if "seen_path" in content:
        positions = _array(meta.with_name(meta.stem + "_positions.npy"), (len(deltas) + 1, *deltas.shape[1:]))
        seen = _array(_beside(meta, "seen_path", content), (len(deltas) + 1, 50), bool)
        return Moves(_solid(positions[0]), _solid(deltas), seen), word
    folder = meta.parent.parent if meta.parent.name == "templates" else meta.parent
    names, every = content.get("sources"), sources(folder)
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise DataError(f"{meta}: field 'sources' is no list of files to start from; average again")
    stems = [PureWindowsPath(name).stem for name in names]
    found = [source for source in every if source.path.stem in stems]
    if missing := set(stems) - {source.path.stem for source in found}:
        raise DataError(f"{folder}/{min(missing)[:80]}.json: is not there, but {meta} starts from it")
    layout = _layout(every, normalized=False)
    whole = [_clip(source, every, layout)[0] for source in found]
    if layout.swapped:
        deltas = deltas[:, _EXCHANGED]
    seen = np.stack([clip.seen.any(0) for clip in whole]).any(0)
    for source, clip in zip(found, whole, strict=True):
        templates.canonical(clip, source.array)
    start = templates.starting_pose(whole)
    return Moves(start, _solid(deltas[..., :2]), np.tile(seen, (len(deltas) + 1, 1))), word


def _solid(x: np.ndarray) -> np.ndarray:
    """[..., D] as float64 [..., 3], missing coordinates 0."""
    return np.pad(x.astype(np.float64), [(0, 0)] * (x.ndim - 1) + [(0, 3 - x.shape[-1])])


def _beside(path: Path, field: str, content: dict) -> Path:
    """The file a JSON names, by its base name, in the JSON's own folder."""
    name = content[field]
    base = PureWindowsPath(name).name if isinstance(name, str) else ""
    if not base.endswith(".npy"):
        raise DataError(f"{path}: field {field!r} names no .npy file; extract this clip again")
    return path.with_name(base)


def _json(path: Path) -> dict:
    try:
        safe_read.inside(path, path.parent)
        return safe_read.read_object(path)
    except safe_read.MissingFileError:
        raise DataError(f"{path}: cannot be read (not there); a JSON belongs to each array") from None
    except safe_read.InvalidFileError as error:
        raise DataError(f"{path}: {error}; write it again") from None


def _array(path: Path, shape: tuple, kind=np.floating) -> np.ndarray:
    """An array of this shape (None for any length) and kind, all numbers finite; DataError otherwise."""
    try:
        safe_read.inside(path, path.parent)
        array = safe_numpy.read_array(path)
        wanted = "[" + ", ".join("any" if n is None else str(n) for n in shape) + "]"
        fits = array.ndim == len(shape)
        fits = fits and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
        fits = fits and (shape[-1] is not None or array.shape[-1] in (2, 3))
        if not fits or not np.issubdtype(array.dtype, kind):
            raise safe_read.InvalidFileError(
                f"is {array.dtype} {list(array.shape)}, not {kind.__name__} {wanted}"
            )
        if kind is np.floating:
            array = array.astype(np.float64)  # first: the largest coordinate is infinite in half precision
            if not np.abs(array).max(initial=0) <= clip_files.MAX_COORDINATE:
                raise safe_read.InvalidFileError("holds numbers that are not finite, or beyond all places")
    except safe_read.MissingFileError:
        raise DataError(f"{path}: cannot be read (not there); put it beside its JSON") from None
    except safe_read.InvalidFileError as error:
        raise DataError(f"{path}: {error}; write it again") from None
    return array
