"""Packing: the clips of a split turned into arrays and an index, in one pass, frames never all in memory."""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from signjax.data import chunks, store
from signjax.data.variant import Variant
from signjax.errors import DataError

VERSION = 1  # of the packed form: another one packs again
MAX_BROKEN = 0.01  # share of broken clips above which a split is refused
PROGRESS_EVERY = 5.0  # seconds


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
      DataError: more than MAX_BROKEN of the clips are broken.
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
    if len(broken) <= MAX_BROKEN * total:
        return
    named = "; ".join(f"{e['sid']}: {e['reason']}" for e in broken[:10])
    more = f"; and {len(broken) - 10:,} more" if len(broken) > 10 else ""
    raise DataError(
        f"{source}: {len(broken):,} of {total:,} clips are broken, more than {MAX_BROKEN:.0%}; "
        f"repair or remove them: {named}{more}"
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
