"""Writes a motion as arrays of MediaPipe's landmarks, as public repositories share them."""

import json

import format_files
import numpy as np

from signjax.data.formats.landmarks import FACE
from signjax.pose import skeleton

BODY = {0: 0, 11: 5, 12: 2, 13: 6, 14: 3, 15: 7, 16: 4}  # landmark of the pose: joint


def parts(pose, valid, mesh=468):
    """[T, points, 4] of each part: x, y as shares of the picture, z, visibility; NaN where not seen."""
    shares = format_files.pixels(pose) / np.array(format_files.SIZE)
    rows = {"p": np.full((len(pose), 33, 4), 0.9), "f": np.full((len(pose), mesh, 4), 0.9)}
    for own, joint in BODY.items():
        rows["p"][:, own, :2] = shares[:, joint]
    for letter, part in (("r", skeleton.RIGHT), ("l", skeleton.LEFT)):
        rows[letter] = np.full((len(pose), 21, 4), -0.5)
        rows[letter][..., :2] = np.where(valid[:, part, None], shares[:, part], np.nan)
    known = [k for k, number in enumerate(FACE) if number < mesh]
    rows["f"][:, [FACE[k] for k in known], :2] = (format_files.face_of(pose) / format_files.SIZE)[:, known]
    return rows


def points(pose, valid, order, dims=3):
    """[T, N, dims] of some parts in an order, such as "plr"."""
    rows = parts(pose, valid)
    return np.concatenate([rows[letter][..., :dims] for letter in order], 1).astype(np.float32)


def numbers(pose, valid, order, in_pose=4):
    """[T, N] of some parts, with zeros where nothing was seen, as the tutorial writes them."""
    rows = parts(pose, valid)
    dims = {letter: in_pose if letter == "p" else 3 for letter in order}
    flat = [np.nan_to_num(rows[letter][..., : dims[letter]]).reshape(len(pose), -1) for letter in order]
    return np.concatenate(flat, 1)


def save_recording(path, values, **about):
    """An .npy of a clip, with a .meta.json beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, values)
    if about:
        path.with_suffix(".meta.json").write_text(json.dumps(about))


def save_frames(folder, values):
    """<folder>/<frame>.npy, an array for each frame."""
    folder.mkdir(parents=True)
    for t, frame in enumerate(values):
        np.save(folder / f"{t}.npy", frame)


def save_stack(folder, clips, name="words"):
    """Clips of [T, 55, 3] in one array of fixed-point numbers and its table; clips: [(word, values)]."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = [0, 2, 5, 7, 8, 9, 10, *range(11, 17), *range(33, 75)]
    stack = np.concatenate([values for _, values in clips])[:, kept]
    fixed = np.where(np.isnan(stack), -32768, np.round(stack * 4096)).astype(np.int16)
    np.save(folder / f"{name}_i16.npy", fixed)
    lines, start = ["label,sequence,start,frames,fps,signer_id"], 0
    for k, (word, values) in enumerate(clips):
        lines.append(f"{word},{k},{start},{len(values)},20,s{k}")
        start += len(values)
    (folder / f"{name}_index.csv").write_text("\n".join(lines) + "\n")


def long_table(pose, valid):
    """The columns of Kaggle's isolated signs, a row for each landmark."""
    rows, columns = (
        parts(pose, valid),
        {name: [] for name in ("frame", "type", "landmark_index", "x", "y", "z")},
    )
    for t in range(len(pose)):
        for letter, name in zip("flpr", ("face", "left_hand", "pose", "right_hand"), strict=True):
            count = rows[letter].shape[1]
            columns["frame"] += [20 + t] * count
            columns["type"] += [name] * count
            columns["landmark_index"] += range(count)
            for axis, values in zip("xyz", rows[letter][t].T, strict=False):
                columns[axis] += values.tolist()
    return {name: np.array(values) for name, values in columns.items()}


def wide_table(clips):
    """The columns of Kaggle's fingerspelling, a row for each frame; clips: {sequence_id: (pose, valid)}."""
    columns = {"sequence_id": [], "frame": []}
    for sequence, (pose, valid) in clips.items():
        rows = parts(pose, valid)
        columns["sequence_id"] += [sequence] * len(pose)
        columns["frame"] += range(len(pose))
        for letter, name in zip("flpr", ("face", "left_hand", "pose", "right_hand"), strict=True):
            for k in range(rows[letter].shape[1]):
                for axis in range(3):
                    columns.setdefault(f"{'xyz'[axis]}_{name}_{k}", []).extend(rows[letter][:, k, axis])
    return {name: np.array(values) for name, values in columns.items()}


def save_parquet(path, columns):
    """A file of columns; needs pyarrow."""
    import pyarrow
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
