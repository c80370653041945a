"""Writing displacements and templates in the original project's layout: arrays, JSON and a manifest.

A clip is `disp_<word>_<time>_<split>_<clip>.npy` (displacements [T - 1, 50, D], D = 2 or 3), `.json` and
`_p0.npy` (its first frame [50, D]); with place and size taken out the names end in `_norm`. Not in the
original project is `_seen.npy` ([T, 50] bool), which tells missing joints from joints that lie still at 0. In
our files the right hand hangs on joints 2-3-4; `signjax.displacements.read` detects where it does in the
original project's.
"""

import io
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax.data.phrase_search import slugify_word
from signjax.displacements import convert
from signjax.displacements.convert import DisplacementSequence
from signjax.io import atomic
from signjax.pose.normalization import Placement

# That of signjax.pose.normalization. The original project's were "scale_only", "global" and, without a name,
# per frame; the field tells readers of both that these arrays are none of them.
NORM_MODE = "canonical"


class WordSegment(NamedTuple):
    """The frames of a clip that sign a word."""

    word: str
    split: str
    sid: str
    frames: tuple[int, int]  # first and last + 1 of the recorded clip
    whole: bool  # it is the whole clip
    sequence: DisplacementSequence  # in the clip's own units
    dims: int  # 2 or 3
    placement: Placement  # of the recorded clip
    fps: float | None = None  # None if unknown


def save_array(path, array: np.ndarray) -> Path:
    """Writes an array as .npy, whole or not at all."""
    data = io.BytesIO()
    np.save(data, array, allow_pickle=False)
    return atomic.write_file(path, data.getvalue())


def save_json(path, content: dict) -> Path:
    """Writes JSON, whole or not at all."""
    return atomic.write_file(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def write_segment(folder: Path, stamp: str, segment: WordSegment, sample: Path, normalized: bool) -> dict:
    """Writes the files of a word's segment.

    Args:
      folder: where to.
      stamp: time for the file names.
      segment: what to write.
      sample: folder of the recorded clip, for the JSON.
      normalized: in canonical space (signjax.pose.normalization) instead of the clip's own units.

    Returns:
      its item of the manifest.

    Raises:
      StorageError: a file cannot be written.
    """
    # A sentence may have a word twice; its first frame keeps the names of the two segments apart.
    place = "" if segment.whole else f"-{segment.frames[0]}"
    base = f"disp_{slugify_word(segment.word)}_{stamp}_{segment.split}_{segment.sid}{place}"
    kind, dims = "_norm" if normalized else "", segment.dims
    sequence = _normalize_segment(segment) if normalized else segment.sequence
    deltas_path = save_array(folder / f"{base}{kind}.npy", sequence.deltas[..., :dims].astype(np.float32))
    start_path = save_array(folder / f"{base}_p0{kind}.npy", sequence.start[:, :dims].astype(np.float32))
    valid_path = save_array(folder / f"{base}_seen{kind}.npy", sequence.valid)
    # The JSON last: readers list JSON files, so they never meet one whose arrays are still missing.
    save_json(
        folder / f"{base}{kind}.json",
        _describe_segment(segment, sample, normalized, start_path, valid_path),
    )
    return {
        "word": segment.word,
        "split": segment.split,
        "sid": segment.sid,
        f"npy{kind}": deltas_path.as_posix(),
        f"p0{kind}": start_path.as_posix(),
        f"disp{kind}_shape": [*sequence.deltas.shape[:2], dims],
    }


def _describe_segment(
    segment: WordSegment, sample: Path, normalized: bool, start_path: Path, valid_path: Path
) -> dict:
    """The JSON of a segment: the original project's fields under its names, then ours."""
    kind, (origin, scale) = "_norm" if normalized else "", segment.placement
    # Origin and scale bring normalized arrays back to the units of the recorded clip.
    norm = {"norm_mode": NORM_MODE, "origin": origin.tolist(), "scale": float(scale)} if normalized else {}
    return {
        "word": segment.word,
        "split": segment.split,
        "sid": segment.sid,
        "sample_dir": sample.as_posix(),
        "input_frames": len(segment.sequence.valid),
        f"disp{kind}_shape": [*segment.sequence.deltas.shape[:2], segment.dims],
        "include_delta_conf": False,
        f"p0{kind}_path": start_path.as_posix(),
        f"p0{kind}_shape": [50, segment.dims],
        "normalized": normalized,
        **norm,
        "seen_path": valid_path.as_posix(),
        "frames": list(segment.frames),
        **({"fps": segment.fps} if segment.fps else {}),
    }


def _normalize_segment(segment: WordSegment) -> DisplacementSequence:
    """The segment in canonical space; its depth stays 0 where it has none."""
    origin, scale = (np.asarray(x, np.float64) for x in segment.placement)
    sequence = segment.sequence
    # Joints that are never visible lie at 0 by convention, in canonical space, too. Displacements are
    # differences, so the origin cancels and only the scale applies.
    visible = sequence.valid.any(0)[:, None]
    start = np.where(visible, (sequence.start - origin) / scale, 0.0)
    return sequence._replace(start=start, deltas=sequence.deltas / scale)


def write_template(
    folder: Path,
    stamp: str,
    word: str,
    template: DisplacementSequence,
    dims: int,
    sources: list[Path],
    about: dict,
) -> Path:
    """Writes `template_<word>_<time>_T<T>`: `_deltas` [T, 50, D], `_positions` [T + 1, 50, D], `_seen`, JSON.

    Args:
      folder, stamp: as for `write_segment`.
      word, template, dims: what to write; dims is D.
      sources: the displacement files it was averaged from.
      about: more fields of the JSON.

    Returns:
      the path of the JSON.
    """
    steps = len(template.deltas)
    base = f"template_{slugify_word(word)}_{stamp}_T{steps}"
    positions = convert.compute_positions(template)[..., :dims].astype(np.float32)
    save_array(folder / f"{base}_deltas.npy", template.deltas[..., :dims].astype(np.float32))
    save_array(folder / f"{base}_positions.npy", positions)
    valid_path = save_array(folder / f"{base}_seen.npy", template.valid)
    content = {
        "word": word,
        "T_star": steps,
        "deltas_shape": [steps, 50, dims],
        "positions_shape": [steps + 1, 50, dims],
        "sources": [path.as_posix() for path in sources],
        # The positions of the original project's templates begin at one point; ours can be drawn as they are.
        "note": "positions start at a recorded pose; their motion is the median of the sources'",
        "seen_path": valid_path.as_posix(),
        **about,
    }
    return save_json(folder / f"{base}.json", content)


def write_manifest(folder: Path, stamp: str, items: list[dict]) -> Path:
    """Writes `manifest_<time>.json`, the list of what one command has written."""
    return save_json(folder / f"manifest_{stamp}.json", {"items": items})
