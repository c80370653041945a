"""A split as a few flat arrays, packed once from its clips and memory-mapped ever after.

`load` packs on first use into `<root>/<name>/.cache/<split>-<key>/`, where the key is a hash of the
clips' bytes: changed, added and removed clips give another key and so another pack. Only files whose
size or times changed are hashed again. The files there (signjax.data.pack_files) carry checksums; a
damaged pack is packed again.
"""

import contextlib
import dataclasses
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from signjax.data import clip_files, pack_files, pack_writer, pose_layout
from signjax.data.clip_check import ClipCheck
from signjax.data.pose_layout import Variant
from signjax.errors import DataError, StorageError, did_you_mean
from signjax.io import atomic, safe_read
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip
from signjax.pose.normalization import Placement
from signjax.pose.skeleton import FACE, NUM_JOINTS

PART = 4096  # clips of a large split that are packed at a time: an interrupted one goes on from there
SAMPLE = 16  # clips of the training split that decide the data set's variant


@dataclass(frozen=True, eq=False)
class Pack:
    """All clips of a split. `len(pack)` clips; `pack[i]` is a Clip whose arrays are views."""

    label: str  # "<name>/<split>"
    sids: tuple[str, ...]
    texts: tuple[str, ...]
    offsets: np.ndarray  # [n + 1] int64, clip i is frames offsets[i]:offsets[i + 1]
    pose: np.ndarray  # [F, J, 3] float32, own units, right hand on arm 2-3-4; J is 120 with a face, else 50
    valid: np.ndarray | None  # [F, J] bool, None when no joint is missing
    placements: Placement  # of each clip: origin [n, 3], scale [n]
    variant: Variant
    broken: tuple[tuple[str, str], ...]  # (sid, reason) of the clips left out
    folder: str | None  # where it is stored, None for a pack in memory
    check: ClipCheck | None = None  # of the stored clips

    def __len__(self) -> int:
        return len(self.sids)

    def __getitem__(self, i: int) -> Clip:
        i = range(len(self))[i]
        pose, valid = self.read_frames(i)
        place, split = self.placement(i), self.label.rpartition("/")[2]
        return Clip(pose, valid, text=self.texts[i], placement=place, sid=self.sids[i], split=split)

    def read_frames(
        self, i: int, start: int = 0, stop: int | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Frames start:stop of clip i, by default all, as views: poses [T, J, 3], and masks [T, J] or None.

        Raises:
          StorageError: the stored clip is corrupt.
        """
        low, end = int(self.offsets[i]) + start, int(self.offsets[i + 1])
        high = end if stop is None else min(end, int(self.offsets[i]) + stop)
        if self.check:
            self.check.prepare(i, low, high)
        return self.pose[low:high], None if self.valid is None else self.valid[low:high]

    def __reduce__(self):
        # Data workers open the files themselves; a mapped array would travel as its content.
        if self.folder is not None:
            return open_pack, (Path(self.folder), len(self) + len(self.broken), False, self.variant.face)
        return Pack, tuple(getattr(self, name) for name in self.__dataclass_fields__)

    @property
    def lengths(self) -> np.ndarray:
        """Frames [n] of each clip."""
        return np.diff(self.offsets)

    def placement(self, i: int) -> Placement:
        """The placement of clip i."""
        return Placement(self.placements.origin[i], self.placements.scale[i])

    def without_face(self) -> "Pack":
        """The same clips, body and hands alone."""
        if not self.variant.face:
            return self
        valid = None if self.valid is None else self.valid[:, :NUM_JOINTS]
        return dataclasses.replace(
            self,
            pose=self.pose[:, :NUM_JOINTS],
            valid=None if valid is None or valid.all() else valid,
            variant=self.variant._replace(face=False),
        )

    def describe(self) -> str:
        """What was found, in one line."""
        gaps = ""
        if self.valid is not None:
            missing = 100 * (1 - self.valid.mean(0))  # [J]
            gaps = f", {missing[:NUM_JOINTS].mean():.1f} % of joints missing"
            gaps += f", {missing[FACE].mean():.1f} % of face points" if self.variant.face else ""
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
    source, places, signatures, variant = _asked(root, name, split, cache)
    for place in places:
        for folder in pack_files.list_packs(place, split):
            if pack := _stored(folder, source, signatures, variant, say):  # one without clips is no use
                return pack
    with contextlib.ExitStack() as stack:
        workspace, place = _enter_workspace(stack, places, say)
        stack.enter_context(_storage_errors(workspace, source))
        parts = _parts(signatures) if place else []
        if len(parts) > 1:
            folders = [_part(place, source, parts, k, variant, say) for k in range(len(parts))]
            key = pack_writer.join(workspace, folders, [len(part) for part in parts], variant)
        else:
            key = pack_writer.write(workspace, source, list(signatures), variant, say)
        pack_writer.refuse(source, pack_writer.read_index(workspace, len(signatures)))
        pack = open_pack(workspace, len(signatures), in_memory=place is None)
        if place:
            pack = dataclasses.replace(pack, folder=str(_publish(workspace, place, split, key)))
            for k in range(len(parts)):
                _remove(place, _name(source, k))
    say(pack.describe())
    for sid, reason in pack.broken[: pack_writer.NAMED]:
        say(f"  left out {sid}: {reason}")
    if (more := len(pack.broken) - pack_writer.NAMED) > 0:
        say(f"  and {more:,} more; python -m signjax.tools.pack --root {root} --name {name} lists all")
    return pack


def load_shard(root, name: str, split: str, shard: int, shards: int, say: Callable[[str], None]) -> int:
    """Packs every `shards`-th part of a split, for `load` to join when all are there.

    Parts that are there already are left as they are. Several machines may do so side by side.

    Args:
      root: the folder that holds data sets, on a disk that the machines share.
      name: the data set's folder in root.
      split: "train", "dev" or "test".
      shard: the first part, from 0.
      shards: how many share the work.
      say: gets lines about the progress.

    Returns:
      The number of this shard's parts.

    Raises:
      DataError: no such split, or no clips in it.
      StorageError: the parts cannot be written beside the data.
    """
    source, places, signatures, variant = _asked(root, name, split, True)
    parts, place = _parts(signatures), source.parent.resolve() / ".cache"
    try:
        place.mkdir(parents=True, exist_ok=place in places)
    except OSError as error:
        raise StorageError(f"{place}: parts cannot be packed there ({error.strerror})") from None
    own = range(shard, len(parts), shards)
    for k in own:
        _part(place, source, parts, k, variant, say)
    return len(own)


def _asked(root, name: str, split: str, cache: bool):
    """(folder of the split, where its packs may lie, {clip: signature}, the data set's variant)."""
    source = Path(root) / name / split
    if any(part in ("", ".", "..") for part in (*name.rstrip("/").split("/"), *split.split("/"))):
        raise DataError(f"{source}: {name!r} and {split!r} lead out of {root}; give names of folders in it")
    sids = _clips_of(source)
    places = _cache_folders(Path(root) / name) if cache else []
    signatures = {sid: clip_files.signature(f"{source}/{sid}") for sid in sids}
    return source, places, signatures, _variant(source, sids, places)


@contextlib.contextmanager
def _storage_errors(workspace: Path, source: Path):
    """Makes a StorageError of what the disk refuses."""
    try:
        yield
    except OSError as error:
        advice = "make room there, or load with cache=False"
        split = f"{source.parent.name}/{source.name}"
        raise StorageError(f"{workspace}: cannot pack {split}: {error.strerror}; {advice}") from None


def _parts(signatures: dict) -> list[dict]:
    """The clips of a split and their signatures, PART at a time."""
    pairs = list(signatures.items())
    return [dict(pairs[k : k + PART]) for k in range(0, len(pairs), PART)]


def _name(source: Path, k: int) -> str:
    return f"{source.name}.{k:05}"


def _part(place: Path, source: Path, parts: list[dict], k: int, variant: Variant, say: Callable) -> Path:
    """The folder of a part's pack, which is built if it is not there."""
    for folder in pack_files.list_packs(place, _name(source, k)):
        if _stored(folder, source, parts[k], variant, say) is not None:
            return folder
    with _storage_errors(place, source), atomic.temporary_folder(place) as workspace:

        def told(line: str) -> None:
            say(f"part {k + 1} of {len(parts)}: {line}")

        key = pack_writer.write(workspace, source, list(parts[k]), variant, told)
        folder = _publish(workspace, place, _name(source, k), key)
    told("done")
    return folder


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _clips_of(source: Path) -> list[str]:
    hint = "put <sid>/{text.txt,pose.json} there, or build the demo set: python -m signjax.tools.demo"
    if not source.is_dir():
        at = source if source.parent.is_dir() else source.parent  # what is not there: the split or the set
        beside = [path.name for path in at.parent.glob("[!.]*") if path.is_dir()]
        raise DataError(f"{source}: no such split{did_you_mean(at.name, beside, hint)}")
    sids = clip_files.list_clips(source)
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


def _enter_workspace(stack, places: list[Path], say: Callable) -> tuple[Path, Path | None]:
    """A folder to build in, which `stack` removes, and the cache it is in; None if none can be written."""
    for k, place in enumerate(places):
        try:
            workspace = stack.enter_context(atomic.temporary_folder(place))
        except OSError:
            continue
        if k:
            say(f"{places[0]} cannot be written; the pack goes to {place}")
        return workspace, place
    if places:
        say(f"{places[0]} cannot be written; clips are read into memory, without a cache")
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="signjax-"))), None


def _variant(source: Path, sids: list[str], places: list[Path]) -> Variant:
    """The data set's variant, found from a sample of the training split and remembered."""
    train = source.parent / "train"
    if source != train and train.is_dir() and (train_sids := clip_files.list_clips(train)):
        source, sids = train, train_sids
    sample = [sids[k] for k in sorted({int(k) for k in np.linspace(0, len(sids) - 1, SAMPLE)})]
    signatures = [[s, clip_files.signature(os.path.join(source, s))] for s in sample]
    asked = [pack_writer.VERSION, list(Variant._fields), source.name, signatures]
    for place in places:
        known = pack_files.read_json(place / "variant.json") or {}
        if known.get("asked") == asked and (variant := pose_layout.parse(known.get("variant"))):
            return variant
    raw = []
    for sid in sample:
        try:
            raw.append(clip_files.read_raw(source / sid)[1])
        except DataError:
            continue  # packing will name it
    variant = pose_layout.detect(raw)
    for place in places:
        if pack_files.write_json(place / "variant.json", {"asked": asked, "variant": variant}):
            break
    return variant


def _stored(folder: Path, source: Path, signatures: dict, variant: Variant, say: Callable) -> Pack | None:
    """The pack in a folder; None if it is not of exactly these clips, or damaged."""
    try:
        if damage := pack_files.find_corruption(folder):
            raise InvalidFileError(damage)
        index = pack_writer.read_index(folder, len(signatures))
        if index["variant"] != variant or index["digests"].keys() != signatures.keys():
            return None
        known = pack_files.read_json(folder / "signatures.json", len(signatures)) or {}
        changed = [sid for sid, now in signatures.items() if known.get(sid) != now]
        if any(clip_files.digest(source / sid) != index["digests"][sid] for sid in changed):
            return None
        if changed:
            pack_files.write_json(folder / "signatures.json", signatures)
        return _of(folder, index)
    except safe_read.MissingFileError:  # another process has just replaced it
        return None
    except InvalidFileError as error:
        say(f"{folder}: {error}; packing again")
        return None


def _publish(workspace: Path, place: Path, name: str, key: str) -> Path:
    """Moves a finished pack to its name and removes others of that name; returns its folder."""
    target = place / f"{name}-{key}"
    atomic.move_folder(workspace, target)
    _remove(place, name, target)
    return target


def _remove(place: Path, name: str, but: Path | None = None) -> None:
    for folder in pack_files.list_packs(place, name):
        if folder != but:
            shutil.rmtree(folder, ignore_errors=True)


def open_pack(folder: Path, count: int, in_memory: bool = False, face: bool = True) -> Pack:
    """The pack stored in a folder, made of `count` clip folders, without faces if that is said.

    Raises:
      InvalidFileError: it is no pack; MissingFileError if a file is not there.
    """
    index = pack_writer.read_index(folder, count)
    if not index["clips"]:
        raise InvalidFileError("has no clips")
    found = _of(folder, index, in_memory)
    return found if face else found.without_face()


def _of(folder: Path, index: dict, in_memory: bool = False) -> Pack:
    """The pack with this index in a folder; raises as `pack_writer.open_arrays`."""
    offsets, origin, scale, sums, pose, valid = pack_writer.open_arrays(folder, index)
    sids = tuple(sid for sid, _ in index["clips"])
    check = None if in_memory else ClipCheck(str(folder), sids, offsets, pose, valid, sums)
    if in_memory:
        pose, valid = np.array(pose), None if valid is None else np.array(valid)
    return Pack(
        label=index["label"],
        sids=sids,
        texts=tuple(text for _, text in index["clips"]),
        offsets=offsets,
        pose=pose,
        valid=valid,
        placements=Placement(origin, scale),
        variant=index["variant"],
        broken=tuple((sid, reason) for sid, reason in index["broken"]),
        folder=None if in_memory else str(folder),
        check=check,
    )
