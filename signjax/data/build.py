"""The packed form: a split's clips turned into arrays and an index, in one pass, and what these must be.

Frames are never all in memory.
"""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from signjax import inputs
from signjax.data import chunks, store
from signjax.data import variant as variants
from signjax.data.clips import MAX_COORDINATE
from signjax.data.variant import Variant
from signjax.errors import DataError
from signjax.inputs import Fault

VERSION = 1  # of the packed form: another one packs again
MAX_BROKEN = 0.01  # share of corrupt clips above which a split is refused; clips without a file are no clips
SMALLEST = 1e-12  # scale: coordinates divided by it, and their squares, stay inside float32
NAMED = 10  # clips left out that are named where nobody asked for them
PROGRESS_EVERY = 5.0  # seconds


class Refused(DataError):
    """A split with too many broken clips."""

    def __init__(self, message: str, broken: list[tuple[str, str]]):
        super().__init__(message)
        self.broken = broken  # (sid, reason) of all of them


def write(workspace: Path, source: Path, sids: list[str], variant: Variant, say: Callable) -> str:
    """Reads all clips of a split and stores its arrays and index.

    Args:
      workspace: the folder to write to.
      source: the split's folder, `<root>/<name>/<split>`.
      sids: its clips.
      variant: the data set's variant.
      say: gets lines about the progress.

    Returns:
      The key of the content.

    Raises:
      Refused: more than MAX_BROKEN of the clips are corrupt, or none can be used.
      StorageError: a process reading clips failed.
      OSError: the workspace cannot be written.
    """
    label = f"{source.parent.name}/{source.name}"
    entries, broken, valid, origin, scale = [], [], [], [], []
    progress = _progress(label, len(sids), say)
    with store.Appender(workspace / "pose.npy", (50, 3)) as pose:
        for chunk in chunks.read_chunks(source, sids, variant):
            pose.append(chunk.pose)
            entries += chunk.clips
            broken += chunk.broken
            valid.append(chunk.valid)
            origin.append(chunk.origin)
            scale.append(chunk.scale)
            progress(len(entries) + len(broken))
    _refuse(source, broken, len(sids))
    valid = np.concatenate(valid)
    if not valid.all():
        np.save(workspace / "valid.npy", valid)
    np.save(workspace / "offsets.npy", np.cumsum([0] + [e["frames"] for e in entries], dtype=np.int64))
    np.save(workspace / "origin.npy", np.concatenate(origin))
    np.save(workspace / "scale.npy", np.concatenate(scale))
    key = _write_index(workspace / "index.json", label, variant, entries, broken)
    store.seal(workspace)
    store.write_json(workspace / "signatures.json", {e["sid"]: e["signature"] for e in entries + broken})
    return key


def read_index(folder: Path, count: int) -> dict:
    """What `write` says of a pack of `count` clips, its variant parsed.

    Raises:
      Fault: it is damaged or of another version.
    """
    index = inputs.read_object(folder / "index.json", store.PER_CLIP * count)
    if index.get("version") != VERSION:
        raise Fault("is of another version")
    kinds = {"label": str, "digests": dict, "clips": list, "broken": list}
    index["variant"] = variants.parse(index.get("variant"))
    if not (index["variant"] and all(isinstance(index.get(name), kind) for name, kind in kinds.items())):
        raise Fault("index.json is damaged")
    pairs = index["clips"] + index["broken"]
    if not all(isinstance(pair, list) and list(map(type, pair)) == [str, str] for pair in pairs):
        raise Fault("index.json is damaged")
    # Names lead to files later: only such as were found in the split's folder.
    if sorted(sid for sid, _ in pairs) != sorted(index["digests"]) or not index["clips"]:
        raise Fault("index.json is damaged: its clips have no digests")
    return index


def check_arrays(count: int, offsets, origin, scale, pose, valid) -> None:
    """Raises Fault if the arrays of a pack of `count` usable clips do not fit together."""
    expected = {
        "offsets": (offsets, np.int64, (count + 1,)),
        "origin": (origin, np.float32, (count, 3)),
        "scale": (scale, np.float32, (count,)),
        "pose": (pose, np.float32, (len(pose) if pose.ndim else 0, 50, 3)),
        "valid": (valid, bool, pose.shape[:2]),
    }
    for name, (array, kind, shape) in expected.items():
        if array is not None and (array.dtype != kind or array.shape != shape):
            raise Fault(f"{name}.npy is {array.dtype} {list(array.shape)}, not what the index says")
    if offsets[0] or offsets[-1] != len(pose) or (np.diff(offsets) <= 0).any():
        raise Fault("offsets.npy does not cut the poses into clips")
    # Of a large pack only a part is read before it is used, see store.damage.
    seen = pose if pose.nbytes <= store.CHECK_ALL else pose[:1]
    largest = np.max([seen.max(), -seen.min(), np.abs(origin).max()])
    if not (largest <= MAX_COORDINATE and (scale > SMALLEST).all() and np.isfinite(scale).all()):
        raise Fault("poses or placements have numbers that no clip has")


def _write_index(path: Path, label: str, variant: Variant, entries: list[dict], broken: list[dict]) -> str:
    digests = {e["sid"]: e["digest"] for e in sorted(entries + broken, key=lambda e: e["sid"])}
    index = {
        "version": VERSION,
        "label": label,
        "variant": variant,
        "digests": digests,
        "clips": [[e["sid"], e["text"]] for e in entries],
        "broken": [[e["sid"], e["reason"]] for e in broken],
    }
    path.write_text(json.dumps(index))
    content = json.dumps([VERSION, variant, digests]).encode()
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def _refuse(source: Path, broken: list[dict], total: int) -> None:
    corrupt = [e for e in broken if not e["missing"]]
    whole = total - (len(broken) - len(corrupt))
    named = corrupt or broken
    if len(corrupt) <= MAX_BROKEN * whole and whole:
        return
    share = f", more than {MAX_BROKEN:.0%}" if corrupt else ", so that none is left"
    listed = "; ".join(f"{e['sid']}: {e['reason']}" for e in named[:NAMED])
    root, name = source.parents[1], source.parent.name
    more = f"; python -m signjax.tools.pack --root {root} --name {name} lists all" if named[NAMED:] else ""
    raise Refused(
        f"{source}: {len(named):,} of {whole or total:,} clips are broken{share}; "
        f"repair or remove them: {listed}{more}",
        [(e["sid"], e["reason"]) for e in broken],
    )


def _progress(label: str, total: int, say: Callable) -> Callable[[int], None]:
    """A function of the clips done that tells rate and time left every few seconds."""
    start = last = time.monotonic()

    def report(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < PROGRESS_EVERY or done == total:
            return
        last = now
        rate = done / (now - start)
        left = (total - done) / rate
        say(f"{label}: {done:,} of {total:,} clips read, {rate:.0f} clips/s, {left:.0f} s left")

    return report
