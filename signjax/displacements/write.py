"""Writing displacements and templates as the seed's files: arrays, their JSON and a manifest.

A clip is `disp_<word>_<time>_<split>_<clip>.npy` (displacements [T - 1, 50, D], D = 2 or 3), `.json` and
`_p0.npy` (its first frame [50, D]); with place and size taken out the names have `_norm`. New beside the
seed's is `_seen.npy` ([T, 50] bool), which tells missing joints from such that lie still at 0. In our files
the right hand hangs on joints 2-3-4; `signjax.displacements.read` finds out where it does in the seed's.
"""

import io
import json
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax.displacements import convert
from signjax.displacements.convert import Moves
from signjax.io import atomic
from signjax.pose.normalization import Placement

# of signjax.pose.normalization; the seed's were "scale_only", "global" and, unnamed, per frame
NORM_MODE = "canonical"


class Cut(NamedTuple):
    """A word found in a clip of a data set."""

    word: str
    split: str
    sid: str
    frames: tuple[int, int]  # first and last + 1 of the recorded clip
    whole: bool  # the clip says nothing else
    moves: Moves  # in own units
    dims: int  # 2 or 3
    placement: Placement  # of the recorded clip


def slug(word: str) -> str:
    """A word as a part of a file name."""
    return re.sub(r"[\W_]+", "-", word).strip("-")[:60] or "word"


def save_array(path, array: np.ndarray) -> Path:
    """Writes an array as .npy, whole or not at all."""
    data = io.BytesIO()
    np.save(data, array, allow_pickle=False)
    return atomic.write(path, data.getvalue())


def save_json(path, content: dict) -> Path:
    """Writes JSON, whole or not at all."""
    return atomic.write(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def write_cut(folder: Path, stamp: str, cut: Cut, sample: Path, normalized: bool) -> dict:
    """Writes the files of a clip.

    Args:
      folder: where to.
      stamp: time in the file names.
      cut: the clip.
      sample: folder of the recorded clip, for the JSON.
      normalized: in canonical space (signjax.pose.normalization) instead of own units.

    Returns:
      its item of the manifest.

    Raises:
      StorageError: a file cannot be written.
    """
    place = "" if cut.whole else f"-{cut.frames[0]}"
    base = f"disp_{slug(cut.word)}_{stamp}_{cut.split}_{cut.sid}{place}"
    kind = "_norm" if normalized else ""
    moves = _normalize(cut) if normalized else cut.moves
    disp = save_array(folder / f"{base}{kind}.npy", moves.deltas[..., : cut.dims].astype(np.float32))
    start = save_array(folder / f"{base}_p0{kind}.npy", moves.start[:, : cut.dims].astype(np.float32))
    seen = save_array(folder / f"{base}_seen{kind}.npy", moves.seen)
    origin, scale = cut.placement.origin.tolist(), float(cut.placement.scale)
    shape = [*moves.deltas.shape[:2], cut.dims]
    content = {
        "word": cut.word,
        "split": cut.split,
        "sid": cut.sid,
        "sample_dir": sample.as_posix(),
        "input_frames": len(moves.seen),
        f"disp{kind}_shape": shape,
        "include_delta_conf": False,
        f"p0{kind}_path": start.as_posix(),
        f"p0{kind}_shape": [50, cut.dims],
        "normalized": normalized,
        **({"norm_mode": NORM_MODE, "origin": origin, "scale": scale} if normalized else {}),
        "seen_path": seen.as_posix(),
        "frames": list(cut.frames),
    }
    save_json(folder / f"{base}{kind}.json", content)
    names = {f"npy{kind}": disp.as_posix(), f"p0{kind}": start.as_posix(), f"disp{kind}_shape": shape}
    return {"word": cut.word, "split": cut.split, "sid": cut.sid, **names}


def _normalize(cut: Cut) -> Moves:
    """The clip in canonical space; its depth stays 0 where it has none."""
    origin, scale = (np.asarray(x, np.float64) for x in cut.placement)
    known = cut.moves.seen.any(0)[:, None]  # joints never seen lie at 0 in any space
    return cut.moves._replace(
        start=np.where(known, (cut.moves.start - origin) / scale, 0.0), deltas=cut.moves.deltas / scale
    )


def write_template(
    folder: Path, stamp: str, word: str, template: Moves, dims: int, sources: list[Path], about: dict
) -> Path:
    """Writes `template_<word>_<time>_T<T>`: `_deltas` [T, 50, D], `_positions` [T + 1, 50, D], `_seen`, JSON.

    Args:
      folder, stamp: as for `write_cut`.
      word, template, dims: what to write; dims is D.
      sources: the displacement files it was averaged from.
      about: more fields of the JSON.

    Returns:
      the path of the JSON.
    """
    steps = len(template.deltas)
    base = f"template_{slug(word)}_{stamp}_T{steps}"
    positions = convert.track(template)[..., :dims].astype(np.float32)
    save_array(folder / f"{base}_deltas.npy", template.deltas[..., :dims].astype(np.float32))
    save_array(folder / f"{base}_positions.npy", positions)
    seen = save_array(folder / f"{base}_seen.npy", template.seen)
    content = {
        "word": word,
        "T_star": steps,
        "deltas_shape": [steps, 50, dims],
        "positions_shape": [steps + 1, 50, dims],
        "sources": [path.as_posix() for path in sources],
        "note": "positions start at a recorded pose; their way is the median of the sources'",
        "seen_path": seen.as_posix(),
        **about,
    }
    return save_json(folder / f"{base}.json", content)


def write_manifest(folder: Path, stamp: str, items: list[dict]) -> Path:
    """Writes `manifest_<time>.json`, the list of what one command has written."""
    return save_json(folder / f"manifest_{stamp}.json", {"items": items})
