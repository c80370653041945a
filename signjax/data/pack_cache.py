"""Where the packs of a split are stored, and whether a stored pack still matches the clips.

A pack is a folder `<root>/<name>/.cache/<split>-<key>`, where the key is a hash of the bytes of all clips:
changed, added and removed clips give another key and so another pack. A clip is hashed again only if the size
or times of its files have changed.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax.data import clip_files, frame_rates, pack_files, pack_writer, pose_layout, text_check
from signjax.data.packed_dataset import PackedDataset, make_dataset
from signjax.data.pose_layout import PoseLayout
from signjax.errors import DataError, StorageError, did_you_mean
from signjax.io import atomic, locks, machine_errors, private_cache, safe_read, temporary_folders
from signjax.io.safe_read import InvalidFileError

SAMPLE_CLIPS = 16  # clips of the training split that decide the data set's layout
# Lists of the index that older packs lack, and the key of pose.json that fills them.
LATER_KEYS = {"rates": b'"fps"', "signers": b'"signer"', "languages": b'"language"'}
LAYOUT_NOTE, SIGNATURES_NOTE = "variant.json", "signatures.json"  # what saves time, and may be lost


class Split(NamedTuple):
    """The clips of a split as they lie on disk."""

    folder: Path  # <root>/<name>/<split>
    caches: list[Path]  # where its packs may lie, the best place first; none if nothing is to be written
    signatures: dict[str, list]  # size and times of each clip's files, by the clip's name
    layout: PoseLayout  # of the whole data set
    resample: float | None = None  # the frame rate of its packs; None for that of each clip


def inspect_split(root, name: str, split: str, cache: bool) -> Split:
    """Looks at a split without reading its clips, except a few of them if their layout is not known yet.

    Args:
      root: the folder that holds data sets.
      name: the data set's folder in root.
      split: "train", "dev" or "test".
      cache: whether packs may be read and written.

    Raises:
      DataError: the names lead out of root, there is no such split, or it has no clips.
    """
    folder = Path(root) / name / split
    # The names may come from a config that others wrote.
    if any(part in ("", ".", "..") for part in (*name.rstrip("/").split("/"), *split.split("/"))):
        raise DataError(f"{folder}: {name!r} and {split!r} lead out of {root}; give names of folders in it")
    sids = _list_sids(folder)
    caches = _list_caches(Path(root) / name) if cache else []
    signatures = {sid: clip_files.read_signature(f"{folder}/{sid}") for sid in sids}
    resample = frame_rates.read_resample_rate(folder.parent)
    return Split(folder, caches, signatures, _find_layout(folder, sids, caches), resample)


def open_current(
    folder: Path, split: Split, signatures: dict[str, list], on_message: Callable[[str], None]
) -> PackedDataset | None:
    """The pack in a folder; None if it was not made of exactly these clips of a split, or is corrupt.

    Raises:
      StorageError: it cannot be read now.
    """
    if _is_closed(folder):
        on_message(f"{folder}: is of another user, who alone may read it; packing again")
        return None
    try:
        if corruption := pack_files.find_corruption(folder):
            raise InvalidFileError(corruption)
        index = pack_writer.read_index(folder, len(signatures))
        if index["resampled"] != split.resample or _say_more(split, index):
            return None
        if index["variant"] != split.layout or index["digests"].keys() != signatures.keys():
            return None
        stored_signatures = pack_files.try_read_json(folder / SIGNATURES_NOTE, len(signatures)) or {}
        touched = [sid for sid, signature in signatures.items() if stored_signatures.get(sid) != signature]
        if any(clip_files.digest_clip(split.folder / sid) != index["digests"][sid] for sid in touched):
            return None
        # A copied data set has the same bytes and other times: with these noted, nothing is hashed next time.
        if touched:
            pack_files.try_write_json(folder / SIGNATURES_NOTE, signatures)
        dataset = make_dataset(folder, index)
        return dataset if index.get("checked_texts") or _are_texts_usable(split.folder, dataset) else None
    except safe_read.UnreadableFileError as error:
        raise machine_errors.make_unreadable_error(folder, error) from None
    except safe_read.MissingFileError:
        # Another process has just replaced the pack, which is no corruption to report.
        return None
    except InvalidFileError as error:
        on_message(f"{folder}: {error}; packing again")
        return None


def _is_closed(folder: Path) -> bool:
    """Whether a pack is another user's, who lets nobody read it."""
    try:
        return folder.stat().st_uid != os.geteuid() and not os.access(folder, os.R_OK | os.X_OK)
    except OSError:
        return False


def _say_more(split: Split, index: dict) -> bool:
    """Whether clips say their frame rate, signer or language, and their older pack has not kept it."""
    lacking = [key for name, key in LATER_KEYS.items() if index[name] is None]
    if not lacking:
        return False
    sids = [sid for sid, _ in index["clips"]]
    some = {sids[int(k)] for k in np.linspace(0, len(sids) - 1, SAMPLE_CLIPS)} if sids else set()
    # Not parsed: an older pack of clips that say nothing stays as it is, and is looked at whenever it is
    # loaded.
    files = (safe_read.read_bytes(split.folder / sid / clip_files.POSE) for sid in some)
    return any(key in data for data in files for key in lacking)


def _are_texts_usable(folder: Path, dataset: PackedDataset) -> bool:
    """Whether no clip of an older pack, which has not checked texts, would be left out now."""
    try:
        for sid, text, frames in zip(dataset.sids, dataset.texts, dataset.lengths.tolist(), strict=True):
            text_check.check_stored_text(folder / sid, text, frames)
    except InvalidFileError:
        return False
    return True


def enter_workspace(
    stack: contextlib.ExitStack, caches: list[Path], on_message: Callable[[str], None]
) -> tuple[Path, Path | None]:
    """A folder to build in, which `stack` removes, and the cache it is in, None if none can be written."""
    # Inside the cache: only a folder on the same file system can be moved to its name in one step.
    for k, cache in enumerate(caches):
        try:
            workspace = stack.enter_context(temporary_folders.make_temporary_folder(cache))
        except OSError:
            continue
        if k:
            on_message(f"{caches[0]} cannot be written; the pack goes to {cache}")
        return workspace, cache
    if caches:
        on_message(f"{caches[0]} cannot be written; clips are read into memory, without a cache")
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="signjax-"))), None


@contextlib.contextmanager
def lock_packing(caches: list[Path], on_wait: Callable[[], None]) -> Iterator[bool]:
    """Lets one process at a time pack into the first of these caches that can be written.

    Args:
      caches: where packs may be.
      on_wait: called before another process is waited for.

    Yields:
      Whether another process was waited for.
    """
    with contextlib.ExitStack() as stack:
        handle, waited = _open_cache(caches), False
        if handle is not None:
            stack.callback(os.close, handle)
            # The folder itself, as temporary folders are: no file stays. It ends with its process, and on a
            # disk without locks nobody waits.
            try:
                locks.lock(handle, caches[0], wait=False, warns=False)
            except BlockingIOError:
                on_wait()
                waited = locks.lock(handle, caches[0], wait=True, warns=False)
        yield waited


def _open_cache(caches: list[Path]) -> int | None:
    """A descriptor of the first cache that can be written, made if missing; None if there is none."""
    for cache in caches:
        with contextlib.suppress(OSError):
            cache.mkdir(parents=True, exist_ok=True)
            if os.access(cache, os.W_OK | os.X_OK):
                return os.open(cache, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    return None


@contextlib.contextmanager
def storage_errors(workspace: Path, split: Split) -> Iterator[None]:
    """Turns an OSError of the disk into a StorageError with advice."""
    try:
        yield
    except OSError as error:
        advice = "make room there, or load with cache=False"
        label = f"{split.folder.parent.name}/{split.folder.name}"
        raise StorageError(f"{workspace}: cannot pack {label}: {error.strerror}; {advice}") from None


def publish_pack(workspace: Path, cache: Path, name: str, key: str) -> Path:
    """Moves a finished pack to its name and removes others of that name; returns its folder."""
    folder = cache / f"{name}-{key}"
    # In this order: a process that loads the split meanwhile always finds a whole pack.
    atomic.move_folder(workspace, folder)
    remove_packs(cache, name, folder)
    return folder


def remove_packs(cache: Path, name: str, keep: Path | None = None) -> None:
    """Removes the packs of a name, but for one."""
    for folder in pack_files.list_packs(cache, name):
        if folder != keep:
            # Who still has it mapped keeps its pages: the disk forgets them when the last process does.
            shutil.rmtree(folder, ignore_errors=True)


def _list_sids(folder: Path) -> list[str]:
    advice = "put <sid>/{text.txt,pose.json} there, or build the demo set: python -m signjax.tools.demo"
    if not folder.is_dir():
        missing = folder if folder.parent.is_dir() else folder.parent  # the split, or the whole set
        known = [path.name for path in missing.parent.glob("[!.]*") if path.is_dir()]
        raise DataError(f"{folder}: no such split{did_you_mean(missing.name, known, advice)}")
    sids = clip_files.list_clips(folder)
    if not sids:
        raise DataError(f"{folder}: the split has no clips; {advice}")
    return sids


def _list_caches(dataset: Path) -> list[Path]:
    """Where packs of a data set may be: beside the data, or in the user's cache if the data are read-only."""
    dataset = dataset.resolve()
    # Data sets in different places may have the same name.
    tag = hashlib.blake2b(os.fsencode(dataset), digest_size=4).hexdigest()
    caches = [dataset / ".cache", private_cache.find_user_cache() / f"{dataset.name}-{tag}"]
    # A link may have come with the data of others, and could lead to any folder of the user.
    with machine_errors.convert_unreadable(dataset):
        return [cache for cache in caches if not cache.is_symlink()]


def _find_layout(folder: Path, sids: list[str], caches: list[Path]) -> PoseLayout:
    """The data set's layout, detected from a sample of the training split and kept in a note."""
    # All splits take the training split's layout: a small one could look like something else by chance.
    train = folder.parent / "train"
    if folder != train and train.is_dir() and (train_sids := clip_files.list_clips(train)):
        folder, sids = train, train_sids
    # Evenly spread: clips that follow one another may be of one recording.
    sample = [sids[k] for k in sorted({int(k) for k in np.linspace(0, len(sids) - 1, SAMPLE_CLIPS)})]
    # All that the layout depends on: a note about other clips or from another version is not used.
    signatures = [[sid, clip_files.read_signature(os.path.join(folder, sid))] for sid in sample]
    request = [pack_writer.VERSION, list(PoseLayout._fields), folder.name, signatures]
    for cache in caches:
        note = pack_files.try_read_json(cache / LAYOUT_NOTE) or {}
        if note.get("asked") == request and (layout := pose_layout.parse_layout(note.get("variant"))):
            return layout
    layout = pose_layout.detect_layout(_read_readable(folder, sample))
    for cache in caches:
        if pack_files.try_write_json(cache / LAYOUT_NOTE, {"asked": request, "variant": layout}):
            break
    return layout


def _read_readable(folder: Path, sids: list[str]) -> list[np.ndarray]:
    """The raw poses of those of these clips that can be read; packing names the others."""
    poses = []
    for sid in sids:
        try:
            poses.append(clip_files.read_raw(folder / sid).pose)
        except safe_read.UnreadableFileError as error:
            # Without it the layout may be another one, and the whole data set would be packed again.
            raise machine_errors.make_unreadable_error(folder / sid, error) from None
        except DataError:
            continue
    return poses
