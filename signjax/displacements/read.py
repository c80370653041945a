"""Reading displacements and templates, ours and the original project's.

The original project's are 2-D, have the arms of its data (the right hand on joints 5-6-7 in its gloss set)
and no mask: a missing joint lies at 0 or, where frames were normalized one by one, on the same point as its
whole hand. Such frames are also upside down, as their shoulders were turned to point the other way. All this
is detected here, so that the rest of the package sees a `DisplacementSequence` with the right hand on joints
2-3-4.

Of a path inside a JSON only the base name counts, whatever system wrote it: files are looked for in the
folder that the caller names and nowhere else. The one exception is a folder `templates`, whose sources lie
in the folder above it.
"""

import re
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

import numpy as np

from signjax.data import clip_files, pose_layout
from signjax.displacements import convert, templates
from signjax.displacements.checked_files import read_array, read_json, resolve_sibling
from signjax.displacements.convert import DisplacementSequence
from signjax.errors import DataError
from signjax.pose import skeleton

# Positions that should be equal, as sums of float32 displacements, differ by less than this.
SAME_PLACE = 1e-4
# Order of joints that gives each hand the other arm; the hands themselves stay where they are.
EXCHANGED_ARMS = np.concatenate([skeleton.MIRROR[skeleton.BODY], np.arange(8, skeleton.NUM_JOINTS)])


class DisplacementFile(NamedTuple):
    """One displacement file: where it lies and what its JSON says."""

    path: Path  # of the JSON; the array has the same stem
    word: str
    split: str
    sid: str
    normalized: bool
    content: dict

    @property
    def recording(self) -> tuple:
        """What was recorded: files of the same recording are one clip, written several times."""
        frames = tuple(self.content.get("frames") or ())
        return self.word.casefold(), self.dataset, self.split, self.sid, frames, self.normalized

    @property
    def dataset(self) -> str:
        """The name of the data set, "" if the JSON does not say."""
        parts = PureWindowsPath(str(self.content.get("sample_dir") or "")).parts  # .../<name>/<split>/<clip>
        return parts[-3] if len(parts) > 2 else ""

    @property
    def array_path(self) -> Path:
        """The file of the displacements."""
        return self.path.with_suffix(".npy")


def list_files(folder) -> list[DisplacementFile]:
    """All displacement files of a folder, sorted by name.

    Raises:
      DataError: there are none, or a JSON is damaged.
    """
    folder = Path(folder)
    files = [_read_metadata(path) for path in sorted(folder.glob("disp_*.json"))]
    if not files:
        command = "python -m signjax.tools.displacements extract --words hello"
        raise DataError(
            f"{folder}: no disp_<word>_<time>_<split>_<clip>.json there; write some with {command}"
        )
    return files


def read_word(
    folder, word: str, normalized: bool
) -> list[tuple[DisplacementFile, DisplacementSequence, int]]:
    """Each clip of a word once, from its newest file: (file, displacements, 2 or 3 dimensions).

    Raises:
      DataError: as for `list_files`; a file is missing or damaged; a clip has no starting pose.
    """
    files = list_files(folder)
    # Names contain the time of writing and are sorted, so a later file of a recording replaces older ones.
    newest = {file.recording: file for file in files}
    layout = _detect_layout(files, normalized)
    wanted = word.casefold(), normalized
    chosen = [file for file in newest.values() if (file.word.casefold(), file.normalized) == wanted]
    return [(file, *_read_sequence(file, files, layout)) for file in chosen]


def read_file(path) -> tuple[DisplacementSequence, str]:
    """A clip or a template by the name of its JSON or of one of its arrays, and its word.

    Raises:
      DataError: it is neither, a file is missing or damaged, or there is no starting pose.
    """
    json_path = _find_json(path)
    if json_path.stem.startswith("template_"):
        return _read_template(json_path)
    if not json_path.stem.startswith("disp_"):
        raise DataError(f"{path}: is no disp_... and no template_... file; give the .npy or .json of one")
    file, files = _read_metadata(json_path), list_files(json_path.parent)
    layout = _detect_layout(files, file.normalized)
    return _read_sequence(file, files, layout)[0], file.word


def read_rate(path) -> float | None:
    """Frames per second of a clip or template that `read_file` reads; None if its JSON does not say."""
    return clip_files.parse_rate(read_json(_find_json(path)).get("fps"))


def _find_json(path) -> Path:
    # Any file of a clip or template may be named; without what the arrays add, the name is that of the JSON.
    path = Path(path)
    return path.with_name(re.sub(r"(_deltas|_positions|(_p0|_seen)(?=_norm$|$))", "", path.stem) + ".json")


def _read_metadata(path: Path) -> DisplacementFile:
    content = read_json(path)
    for field in ("word", "split", "sid"):
        if not isinstance(content.get(field), str):
            raise DataError(f"{path}: field {field!r} is no text; extract this clip again")
    frames = content.get("frames", [0, 1])
    # type and not isinstance: True is an int for Python, and no frame number.
    if not (isinstance(frames, list) and [type(x) for x in frames] == [int, int]):
        raise DataError(f"{path}: field 'frames' is not [first, last + 1]; extract this clip again")
    normalized = bool(content.get("normalized", False))
    return DisplacementFile(path, content["word"], content["split"], content["sid"], normalized, content)


def _read_sequence(
    file: DisplacementFile, siblings: list[DisplacementFile], layout: pose_layout.PoseLayout
) -> tuple[DisplacementSequence, int]:
    """Displacements of a file and its dimensions; `layout` is that of the original files beside it."""
    deltas, start = read_array(file.array_path, (None, 50, None)), _read_start(file, siblings)
    dims = deltas.shape[-1]
    # Only our own files have a mask; without one a file is the original project's.
    if "seen_path" not in file.content:
        pose, valid = pose_layout.apply_layout(_rebuild_seed_pose(start, deltas), layout)
        return convert.compute_displacements(pose, valid), 2
    valid = read_array(resolve_sibling(file.path, "seen_path", file.content), (len(deltas) + 1, 50), bool)
    if start.shape[-1] != dims:
        mismatch = f"{dims} coordinates, its starting pose {start.shape[-1]}"
        raise DataError(f"{file.array_path}: has {mismatch}; extract this clip again")
    return DisplacementSequence(_pad_depth(start), _pad_depth(deltas), valid), dims


def _detect_layout(files: list[DisplacementFile], normalized: bool) -> pose_layout.PoseLayout:
    """Arms and anchor of the original project's files of a folder, from all that have a starting pose.

    One clip may not tell which arm is which, as when a hand is missing; all clips of a folder together do.
    """
    poses = []
    for file in files:
        if "seen_path" not in file.content and file.normalized == normalized:
            try:
                deltas = read_array(file.array_path, (None, 50, None))
                poses.append(_rebuild_seed_pose(_read_start(file, files), deltas))
            except DataError:
                continue  # if this file is wanted, reading it will give the message
    return pose_layout.detect_layout(poses)._replace(third="zero")


def _rebuild_seed_pose(start: np.ndarray, deltas: np.ndarray) -> np.ndarray:
    """Positions [T, 50, 3] of a file of the original project, depth 0; missing joints are exactly 0."""
    positions = np.concatenate([start[None, :, :2], start[:, :2] + np.cumsum(deltas[..., :2], axis=0)])
    pose = _pad_depth(positions)
    missing = (np.abs(pose) < SAME_PLACE).all(-1)  # [T, 50]
    for hand in (skeleton.RIGHT, skeleton.LEFT):
        # Per-frame normalization moved the zeros of a missing hand together. So a hand that is a single point
        # is missing, and so is every other joint on that point, which was a zero, too.
        point = pose[:, hand][:, :1]  # [T, 1, 3]
        collapsed = np.ptp(pose[:, hand], axis=1).max(-1) < SAME_PLACE
        missing |= collapsed[:, None] & (np.abs(pose - point) < SAME_PLACE).all(-1)
    # y points down, so a nose below the neck means a figure upside down, turned by half a turn.
    upright = np.median(pose[:, skeleton.NOSE, 1] - pose[:, skeleton.NECK, 1]) <= 0
    return np.where(missing[..., None], 0.0, pose if upright else -pose)


def _read_start(file: DisplacementFile, siblings: list[DisplacementFile]) -> np.ndarray:
    """The starting pose [50, D] of a file, its own or that of another file of the same recording."""
    # Early versions of the original project wrote no starting pose; the same clip was often written again
    # with one.
    field = "p0_norm_path" if file.normalized else "p0_path"
    same = [other for other in reversed(siblings) if other.recording == file.recording]
    for candidate in [file, *same]:
        if candidate.content.get(field) is not None:
            return read_array(resolve_sibling(candidate.path, field, candidate.content), (50, None))
    raise DataError(
        f"{file.path}: has no starting pose (field {field}), and displacements alone do not say "
        "where hands are; extract this clip again"
    )


def _read_template(json_path: Path) -> tuple[DisplacementSequence, str]:
    """A template and its word."""
    content = read_json(json_path)
    word = content.get("word")
    if not isinstance(word, str):
        raise DataError(f"{json_path}: field 'word' is no text; average again")
    deltas = read_array(json_path.with_name(json_path.stem + "_deltas.npy"), (None, 50, None))
    if "seen_path" not in content:
        return _complete_seed_template(json_path, content, deltas), word
    frames = len(deltas) + 1
    positions_path = json_path.with_name(json_path.stem + "_positions.npy")
    positions = read_array(positions_path, (frames, *deltas.shape[1:]))
    valid = read_array(resolve_sibling(json_path, "seen_path", content), (frames, 50), bool)
    return DisplacementSequence(_pad_depth(positions[0]), _pad_depth(deltas), valid), word


def _complete_seed_template(json_path: Path, content: dict, deltas: np.ndarray) -> DisplacementSequence:
    """A template of the original project. Its positions begin with all joints on one point, so the start
    comes from the clips that it was averaged from."""
    folder = json_path.parent.parent if json_path.parent.name == "templates" else json_path.parent
    names, files = content.get("sources"), list_files(folder)
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise DataError(f"{json_path}: field 'sources' is no list of files to start from; average again")
    stems = [PureWindowsPath(name).stem for name in names]
    sources = [file for file in files if file.path.stem in stems]
    if missing := set(stems) - {file.path.stem for file in sources}:
        raise DataError(f"{folder}/{min(missing)[:80]}.json: is not there, but {json_path} starts from it")
    layout = _detect_layout(files, normalized=False)
    clips = [_read_sequence(file, files, layout)[0] for file in sources]
    for file, clip in zip(sources, clips, strict=True):
        # Only for its message: choosing a start compares the clips in canonical space.
        templates.to_canonical(clip, file.array_path)
    if layout.swapped:
        deltas = deltas[:, EXCHANGED_ARMS]
    visible = np.stack([clip.valid.any(0) for clip in clips]).any(0)
    valid = np.tile(visible, (len(deltas) + 1, 1))
    return DisplacementSequence(templates.choose_starting_pose(clips), _pad_depth(deltas[..., :2]), valid)


def _pad_depth(coordinates: np.ndarray) -> np.ndarray:
    """[..., D] as float64 [..., 3], missing coordinates 0."""
    axes = [(0, 0)] * (coordinates.ndim - 1)
    return np.pad(coordinates.astype(np.float64), [*axes, (0, 3 - coordinates.shape[-1])])
