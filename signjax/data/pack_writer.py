"""Writes and opens packs: the clips of a split as a few arrays and an index.

A pack is written in one pass over the clips, and the points of all frames are never in memory at once.
"""

import functools
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax.data import clip_check, pack_files, parallel_read, pose_layout
from signjax.data.clip_files import MAX_COORDINATE, parse_label, parse_rate
from signjax.data.pose_layout import PoseLayout
from signjax.errors import DataError
from signjax.io import progress, safe_numpy, safe_read
from signjax.io.safe_read import InvalidFileError

VERSION = 3  # of the packed form: another one packs again
COPY_FRAMES = 1 << 16  # copied at once where parts are joined
# Share of corrupt clips above which a split is refused. Clips that lack a file do not count: whoever has
# downloaded half of a data set may train on that half.
MAX_BROKEN = 0.01
# Coordinates divided by it, and their squares, stay inside float32. Fuzzing made stored scales below it,
# whose poses became infinite.
MIN_SCALE = 1e-12
# Of an index: None in packs of older versions, which never looked for them.
LATER_LISTS = {"rates": parse_rate, "signers": parse_label, "languages": parse_label}
LISTS = ("clips", "broken", "missing", "glosses", *LATER_LISTS)  # joined where parts are
MAX_NAMED = 10  # clips left out that are named where nobody asked for them
PROGRESS_EVERY = 5.0  # seconds


class BrokenClipsError(DataError):
    """A split with too many broken clips."""

    def __init__(self, message: str, broken: list[tuple[str, str]]):
        super().__init__(message)
        self.broken = broken  # (sid, reason) of all of them


def write_pack(
    workspace: Path,
    source: Path,
    sids: list[str],
    layout: PoseLayout,
    on_message: Callable[[str], None],
    resample: float | None = None,
) -> str:
    """Reads clips of a split and stores their arrays and index.

    Args:
      workspace: the folder to write to.
      source: the split's folder, `<root>/<name>/<split>`.
      sids: the clips.
      layout: the data set's layout.
      on_message: gets lines about the progress.
      resample: the frame rate that clips are brought to; None leaves them as they are.

    Returns:
      The key of the content.

    Raises:
      StorageError: a process reading clips failed.
      OSError: the workspace cannot be written.
    """
    label = f"{source.parent.name}/{source.name}"
    entries, broken, valid, origin, scale, sums = [], [], [], [], [], []
    format_line = functools.partial(_format_progress, label, len(sids))
    with (
        pack_files.ArrayWriter(workspace / "pose.npy", (layout.joints, 3)) as pose,
        progress.report_counts(format_line, len(sids), on_message, PROGRESS_EVERY) as report,
    ):
        for chunk in parallel_read.read_chunks(source, sids, layout, resample=resample):
            # Points go to the disk at once; the masks, which are collected, take a twelfth of their bytes.
            pose.append_rows(chunk.pose)
            lengths = [entry["frames"] for entry in chunk.clips]
            sums.append(clip_check.compute_sums(chunk.pose, chunk.valid, lengths))
            entries += chunk.clips
            broken += chunk.broken
            valid.append(chunk.valid)
            origin.append(chunk.origin)
            scale.append(chunk.scale)
            report(len(entries) + len(broken))
    valid, lengths = np.concatenate(valid), [e["frames"] for e in entries]
    small = [np.concatenate(arrays) for arrays in (origin, scale, sums)]
    _write_arrays(workspace, valid, lengths, *small)
    index = {
        "label": label,
        "variant": layout,
        "digests": {e["sid"]: e["digest"] for e in entries + broken},
        "clips": [[e["sid"], e["text"]] for e in entries],
        "broken": [[e["sid"], e["reason"]] for e in broken],
        "missing": [e["sid"] for e in broken if e["missing"]],
        "glosses": [e["gloss"] for e in entries],
        "rates": [e["fps"] for e in entries],
        "signers": [e["signer"] for e in entries],
        "languages": [e["language"] for e in entries],
        "resampled": resample,
    }
    return _finish_pack(workspace, index, {e["sid"]: e["signature"] for e in entries + broken})


def join_packs(workspace: Path, parts: list[Path], counts: list[int], layout: PoseLayout) -> str:
    """Joins the packs of parts of a split: stores what `write_pack` would store for all their clips.

    Args:
      workspace: the folder to write to.
      parts: finished packs, in the order of their clips.
      counts: clips of each, those left out included.
      layout: of all of them.

    Returns:
      The key of the content.

    Raises:
      InvalidFileError: a part is damaged.
      OSError: a part cannot be read, or the workspace not be written.
    """
    joined: dict = {"digests": {}} | {name: [] for name in LISTS}
    valid, lengths, origin, scale, sums, signatures = [], [], [], [], [], {}
    with pack_files.ArrayWriter(workspace / "pose.npy", (layout.joints, 3)) as pose:
        for part, count in zip(parts, counts, strict=True):
            index = read_index(part, count)
            index |= {name: index[name] or [None] * len(index["clips"]) for name in LATER_LISTS}
            added = {name: joined[name] + index[name] for name in LISTS}
            joined = {**index, **added, "digests": joined["digests"] | index["digests"]}
            arrays = open_arrays(part, index)
            frames = arrays.pose
            for start in range(0, len(frames), COPY_FRAMES):
                pose.append_rows(frames[start : start + COPY_FRAMES])
            valid.append(np.ones(frames.shape[:2], bool) if arrays.valid is None else arrays.valid)
            lengths += np.diff(arrays.offsets).tolist()
            origin.append(arrays.origin)
            scale.append(arrays.scale)
            sums.append(arrays.sums)
            signatures |= pack_files.try_read_json(part / "signatures.json", count) or {}
    small = [np.concatenate(arrays) for arrays in (origin, scale, sums)]
    _write_arrays(workspace, np.concatenate(valid), lengths, *small)
    return _finish_pack(workspace, joined, signatures)


def _write_arrays(workspace: Path, valid, lengths: list[int], origin, scale, sums) -> None:
    # Most data sets have all joints; without the file nothing is read, copied or multiplied for them.
    if not valid.all():
        # In the order of frames, or a clip would lie scattered over the whole file.
        np.save(workspace / "valid.npy", np.ascontiguousarray(valid))
    np.save(workspace / "offsets.npy", np.cumsum([0, *lengths], dtype=np.int64))
    np.save(workspace / "origin.npy", origin)
    np.save(workspace / "scale.npy", scale)
    np.save(workspace / "sums.npy", sums)


def _finish_pack(workspace: Path, index: dict, signatures: dict) -> str:
    """Writes the index, the checksums and the clips' signatures; returns the key of the content."""
    # Sorted: joined parts have their broken clips in another order, and must get the key of the whole split.
    index = {
        "version": VERSION,
        "checked_texts": True,
        **index,
        "digests": dict(sorted(index["digests"].items())),
    }
    (workspace / "index.json").write_text(json.dumps(index))
    pack_files.write_checksums(workspace)
    # After the checksums: signatures are written again when files are only touched.
    pack_files.try_write_json(workspace / "signatures.json", dict(sorted(signatures.items())))
    # As in packs from before there was resampling, unless there is some.
    resampled = [index["resampled"]] if index["resampled"] else []
    content = json.dumps([VERSION, index["variant"], index["digests"], *resampled]).encode()
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def digest_content(index: dict) -> str:
    """A digest of the files that a pack was made of, wherever they lie and whichever version packed them."""
    content = json.dumps([sorted(index["digests"].items()), index["resampled"]]).encode()
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def read_index(folder: Path, count: int) -> dict:
    """The index that `write_pack` stored of `count` clips, its layout parsed.

    Raises:
      InvalidFileError: it is damaged or of another version.
    """
    index = safe_read.read_json(folder / "index.json", pack_files.JSON_BYTES_PER_CLIP * count)
    if index.get("version") != VERSION:
        raise InvalidFileError("is of another version")
    kinds = {"label": str, "digests": dict} | dict.fromkeys(LISTS, list)
    kinds |= dict.fromkeys(LATER_LISTS, list | None)
    # Packs of signjax 0.1 have neither glosses nor the later lists.
    index.setdefault("glosses", [""] * len(index.get("clips") or ()))
    for name in LATER_LISTS:
        index.setdefault(name, None)
    index["resampled"] = parse_rate(index.get("resampled"))
    index["variant"] = pose_layout.parse_layout(index.get("variant"))
    if not (index["variant"] and all(isinstance(index.get(name), kind) for name, kind in kinds.items())):
        raise InvalidFileError("index.json is damaged")
    pairs = index["clips"] + index["broken"]
    if not all(isinstance(pair, list) and list(map(type, pair)) == [str, str] for pair in pairs):
        raise InvalidFileError("index.json is damaged")
    if list(map(type, index["glosses"])) != [str] * len(index["clips"]):
        raise InvalidFileError("index.json is damaged: its glosses are not those of its clips")
    for name, parse in LATER_LISTS.items():
        values = index[name]
        if values is not None and (len(values) != len(index["clips"]) or [*map(parse, values)] != values):
            raise InvalidFileError(f"index.json is damaged: its {name} are not those of its clips")
    # Names lead to files later: only such as were found in the split's folder.
    if sorted(sid for sid, _ in pairs) != sorted(index["digests"]):
        raise InvalidFileError("index.json is damaged: its clips have no digests")
    if not {sid for sid, _ in index["broken"]}.issuperset(map(str, index["missing"])):
        raise InvalidFileError("index.json is damaged: clips are missing that are not left out")
    return index


class PackArrays(NamedTuple):
    """The arrays of a pack of n clips and F frames."""

    offsets: np.ndarray  # [n + 1] int64, clip i is frames offsets[i]:offsets[i + 1]
    origin: np.ndarray  # [n, 3] float32, of the placements
    scale: np.ndarray  # [n] float32, of the placements
    sums: np.ndarray  # [n, 2] uint32, see signjax.data.clip_check
    pose: np.ndarray  # [F, J, 3] float32, mapped
    valid: np.ndarray | None  # [F, J] bool, mapped; None if no joint is missing


def open_arrays(folder: Path, index: dict) -> PackArrays:
    """The arrays of a pack with this index.

    Raises:
      InvalidFileError: they are no arrays of its clips, or do not fit together.
      MissingFileError: a file is not there.
    """
    count = len(index["clips"])
    names = ("offsets", "origin", "scale", "sums")
    offsets, origin, scale, sums = (np.array(safe_numpy.map_array(folder / f"{n}.npy")) for n in names)
    pose, valid = safe_numpy.map_array(folder / "pose.npy"), None
    if (folder / "valid.npy").exists():
        valid = safe_numpy.map_array(folder / "valid.npy")
    expected = {
        "offsets": (offsets, np.int64, (count + 1,)),
        "origin": (origin, np.float32, (count, 3)),
        "scale": (scale, np.float32, (count,)),
        "sums": (sums, np.uint32, (count, 2)),
        "pose": (pose, np.float32, (len(pose) if pose.ndim else 0, index["variant"].joints, 3)),
        "valid": (valid, bool, pose.shape[:2]),
    }
    for name, (array, dtype, shape) in expected.items():
        if array is not None and (array.dtype != dtype or array.shape != shape):
            actual = f"{array.dtype} {list(array.shape)}"
            raise InvalidFileError(f"{name}.npy is {actual}, not what the index says")
    if offsets[0] or offsets[-1] != len(pose) or (np.diff(offsets) <= 0).any():
        raise InvalidFileError("offsets.npy does not cut the poses into clips")
    # Of a large pack only a part is read before it is used, see pack_files.find_corruption.
    sample = pose if pose.nbytes <= pack_files.MAX_FULL_CHECK else pose[:1]
    largest = np.max([sample.max(initial=0), -sample.min(initial=0), np.abs(origin).max(initial=0)])
    if not (largest <= MAX_COORDINATE and (scale > MIN_SCALE).all() and np.isfinite(scale).all()):
        raise InvalidFileError("poses or placements have numbers that no clip has")
    return PackArrays(offsets, origin, scale, sums, pose, valid)


def refuse_broken(source: Path, index: dict) -> None:
    """Refuses a split of which too many clips are corrupt, or none can be used.

    Args:
      source: the split's folder.
      index: of its pack, see `read_index`.

    Raises:
      BrokenClipsError: names the first of them and their reasons.
    """
    missing, broken, total = set(index["missing"]), index["broken"], len(index["digests"])
    # A clip without a file is no clip: whoever downloads half of a data set may train on that half.
    corrupt = [pair for pair in broken if pair[0] not in missing]
    complete = total - len(missing)
    if len(corrupt) <= MAX_BROKEN * complete and complete:
        return
    named = corrupt or broken
    share = f", more than {MAX_BROKEN:.0%}" if corrupt else ", so that none is left"
    listed = "; ".join(f"{sid}: {reason}" for sid, reason in named[:MAX_NAMED])
    root, name = source.parents[1], source.parent.name
    more = (
        f"; python -m signjax.tools.pack --root {root} --name {name} lists all" if named[MAX_NAMED:] else ""
    )
    raise BrokenClipsError(
        f"{source}: {len(named):,} of {complete or total:,} clips are broken{share}; "
        f"repair them, or move them away: {listed}{more}",
        [(sid, reason) for sid, reason in broken],
    )


def _format_progress(label: str, total: int, done: int, seconds: float) -> str:
    rate = done / seconds
    left = (total - done) / rate
    return f"{label}: {done:,} of {total:,} clips read, {rate:.0f} clips/s, {left:.0f} s left"
