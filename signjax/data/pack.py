"""A split as a few flat arrays, packed once from its clips and memory-mapped ever after.

`load` packs on first use into `<root>/<name>/.cache/<split>-<key>/`, where the key is a hash of the
clips' bytes: changed, added and removed clips give another key and so another pack. Only files whose
size or times changed are hashed again. The files there (signjax.data.store) carry checksums; a
damaged pack is packed again.
"""

import hashlib
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from signjax import arrays, inputs
from signjax.data import build, clips, store
from signjax.data import variant as variants
from signjax.data.variant import Variant
from signjax.errors import DataError, StorageError
from signjax.inputs import Fault
from signjax.pose import Placement

SAMPLE = 16  # clips of the training split that decide the data set's variant


@dataclass(frozen=True, eq=False)
class Pack:
    """All clips of a split. `len(pack)` clips; `pack[i]` is a Clip whose arrays are views."""

    label: str  # "<name>/<split>"
    sids: tuple[str, ...]
    texts: tuple[str, ...]
    offsets: np.ndarray  # [n + 1] int64, clip i is frames offsets[i]:offsets[i + 1]
    pose: np.ndarray  # [F, 50, 3] float32, own units, right hand on arm 2-3-4
    valid: np.ndarray | None  # [F, 50] bool, None when no joint is missing
    placements: Placement  # of each clip: origin [n, 3], scale [n]
    variant: Variant
    broken: tuple[tuple[str, str], ...]  # (sid, reason) of the clips left out
    folder: str | None  # where it is stored, None for a pack in memory

    def __len__(self) -> int:
        return len(self.sids)

    def __getitem__(self, i: int) -> clips.Clip:
        i = range(len(self))[i]
        frames = slice(self.offsets[i], self.offsets[i + 1])
        pose = self.pose[frames]
        valid = np.ones(pose.shape[:2], bool) if self.valid is None else self.valid[frames]
        return clips.Clip(self.sids[i], self.texts[i], pose, valid)

    def __reduce__(self):
        # Data workers open the files themselves; a mapped array would travel as its content.
        if self.folder is not None:
            return _open, (Path(self.folder), len(self) + len(self.broken))
        return Pack, tuple(getattr(self, name) for name in self.__dataclass_fields__)

    @property
    def lengths(self) -> np.ndarray:
        """Frames [n] of each clip."""
        return np.diff(self.offsets)

    def placement(self, i: int) -> Placement:
        """The placement of clip i."""
        return Placement(self.placements.origin[i], self.placements.scale[i])

    def describe(self) -> str:
        """What was found, in one line."""
        missing = 0.0 if self.valid is None else 100 * (1 - np.mean(self.valid))
        gaps = f", {missing:.1f} % of joints missing" if missing else ""
        return (
            f"{self.label}: {len(self):,} clips, {len(self.pose):,} frames, {self.variant.describe()}{gaps}, "
            f"{len(self.broken)} clips left out"
        )


def load(root, name: str, split: str, cache: bool = True, say: Callable[[str], None] | None = None) -> Pack:
    """Loads a split, packing it when that was not done yet or its clips have changed.

    Args:
      root: the folder that holds data sets.
      name: the data set's folder in root.
      split: "train", "dev" or "test".
      cache: False reads all clips into memory and writes nothing.
      say: gets what a user should know, line by line; None writes to stderr.

    Raises:
      DataError: no such split, no clips in it, or more than 1 % of them corrupt.
      StorageError: the pack cannot be written anywhere.
    """
    say = _to_stderr if say is None else say
    source = Path(root) / name / split
    if any(part in ("", ".", "..") for part in (*name.rstrip("/").split("/"), *split.split("/"))):
        raise DataError(f"{source}: {name!r} and {split!r} lead out of {root}; give names of folders in it")
    sids = _clips_of(source)
    places = _cache_folders(Path(root) / name) if cache else []
    variant = _variant(source, sids, places)
    signatures = {sid: clips.signature(os.path.join(source, sid)) for sid in sids}
    for place in places:
        if pack := _find(place, source, signatures, variant, say):
            return pack
    workspace, place = _workspace(places, say)
    try:
        key = build.write(workspace, source, sids, variant, say)
        pack = _open(workspace, len(sids), in_memory=place is None)
        if place:
            pack = _publish(workspace, place, split, key, pack)
    except OSError as error:
        advice = "make room there, or load with cache=False"
        raise StorageError(f"{workspace}: cannot pack {name}/{split}: {error.strerror}; {advice}") from None
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
    say(pack.describe())
    for sid, reason in pack.broken[: build.NAMED]:
        say(f"  left out {sid}: {reason}")
    if (more := len(pack.broken) - build.NAMED) > 0:
        say(f"  and {more:,} more; python -m signjax.tools.pack --root {root} --name {name} lists all")
    return pack


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _clips_of(source: Path) -> list[str]:
    hint = "put <sid>/{text.txt,pose.json} there, or build the demo set: python -m signjax.tools.demo"
    if not source.is_dir():
        raise DataError(f"{source}: no such split; {hint}")
    sids = clips.list_clips(source)
    if not sids:
        raise DataError(f"{source}: the split has no clips; {hint}")
    return sids


def _cache_folders(dataset: Path) -> list[Path]:
    """Where packs of a data set may lie: with the data, or with the user where data are read-only."""
    dataset = dataset.resolve()
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    tag = hashlib.blake2b(os.fsencode(dataset), digest_size=4).hexdigest()
    places = [dataset / ".cache", Path(home) / "signjax" / f"{dataset.name}-{tag}"]
    return [place for place in places if not place.is_symlink()]  # one that came with the data leads anywhere


def _workspace(places: list[Path], say: Callable) -> tuple[Path, Path | None]:
    """A folder to build in and the cache it belongs to; None when no cache can be written."""
    for k, place in enumerate(places):
        try:
            place.mkdir(parents=True, exist_ok=True)
            store.sweep(place)
            workspace = place / (store.BUILDING + secrets.token_hex(8))
            workspace.mkdir()  # and not mkdtemp: others may read a shared cache
        except OSError:
            continue
        if k:
            say(f"{places[0]} cannot be written; the pack goes to {place}")
        return workspace, place
    if places:
        say(f"{places[0]} cannot be written; clips are read into memory, without a cache")
    return Path(tempfile.mkdtemp(prefix="signjax-")), None


def _variant(source: Path, sids: list[str], places: list[Path]) -> Variant:
    """The data set's variant, found from a sample of the training split and remembered."""
    train = source.parent / "train"
    if source != train and train.is_dir() and (train_sids := clips.list_clips(train)):
        source, sids = train, train_sids
    sample = [sids[k] for k in sorted({int(k) for k in np.linspace(0, len(sids) - 1, SAMPLE)})]
    asked = [build.VERSION, source.name, [[s, clips.signature(os.path.join(source, s))] for s in sample]]
    for place in places:
        known = store.read_json(place / "variant.json") or {}
        if known.get("asked") == asked and (variant := variants.parse(known.get("variant"))):
            return variant
    raw = []
    for sid in sample:
        try:
            raw.append(clips.read_raw(source / sid)[1])
        except DataError:
            continue  # packing will name it
    variant = variants.detect(raw)
    for place in places:
        if store.write_json(place / "variant.json", {"asked": asked, "variant": variant}):
            break
    return variant


def _find(place: Path, source: Path, signatures: dict, variant: Variant, say: Callable) -> Pack | None:
    """The stored pack of exactly these clips, or None."""
    for folder in store.folders(place, source.name):
        try:
            if damage := store.damage(folder):
                raise Fault(damage)
            index = build.read_index(folder, len(signatures))
            if index["variant"] != variant or set(index["digests"]) != set(signatures):
                continue
            known = store.read_json(folder / "signatures.json", len(signatures)) or {}
            changed = [sid for sid, now in signatures.items() if known.get(sid) != now]
            if any(clips.digest(source / sid) != index["digests"][sid] for sid in changed):
                continue
            if changed:
                store.write_json(folder / "signatures.json", signatures)
            return _open(folder, len(signatures))
        except inputs.Missing:  # another process has just replaced it
            continue
        except Fault as fault:
            say(f"{folder}: {fault}; packing again")
    return None


def _publish(workspace: Path, place: Path, split: str, key: str, pack: Pack) -> Pack:
    """Moves a finished pack to its name and removes the split's other packs."""
    target = place / f"{split}-{key}"
    store.replace(workspace, target)
    for other in store.folders(place, split):
        if other != target:
            shutil.rmtree(other, ignore_errors=True)
    return Pack(**{**pack.__dict__, "folder": str(target)})


def _open(folder: Path, count: int, in_memory: bool = False) -> Pack:
    """The pack stored in a folder, made of `count` clip folders.

    Raises:
      Fault: it is no pack; Missing if a file is not there.
    """
    index = build.read_index(folder, count)
    read = (lambda f: np.array(arrays.map_array(f))) if in_memory else arrays.map_array
    small = (arrays.map_array(folder / f"{name}.npy") for name in ("offsets", "origin", "scale"))
    offsets, origin, scale = map(np.array, small)
    pose, valid = read(folder / "pose.npy"), None
    if (folder / "valid.npy").exists():
        valid = read(folder / "valid.npy")
    sids, texts = zip(*index["clips"], strict=True)
    build.check_arrays(len(sids), offsets, origin, scale, pose, valid)
    return Pack(
        label=index["label"],
        sids=sids,
        texts=texts,
        offsets=offsets,
        pose=pose,
        valid=valid,
        placements=Placement(origin, scale),
        variant=index["variant"],
        broken=tuple((sid, reason) for sid, reason in index["broken"]),
        folder=None if in_memory else str(folder),
    )
