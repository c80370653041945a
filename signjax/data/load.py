"""Loads splits of data sets: packed on first use, then memory-mapped; a missing demo set is made first."""

import contextlib
import pathlib
import warnings
from collections.abc import Callable, Iterator

from signjax import demo
from signjax.data import clip_files, frame_rates, pack_cache, pack_files, pack_writer
from signjax.data.pack_cache import Split
from signjax.data.packed_dataset import SENTENCE, PackedDataset, open_pack
from signjax.data.splits import list_splits
from signjax.errors import SignjaxWarning, StorageError
from signjax.io import progress, temporary_folders
from signjax.io.safe_read import InvalidFileError

# Clips of a large split that are packed at a time: packing that was interrupted continues with the next part.
PART_CLIPS = 4096
ATTEMPTS = 5  # to join parts while another process changes them
OnMessage = Callable[[str], None]  # gets a line for the user


def load_configured_split(config, split: str, face: bool = False) -> PackedDataset:
    """Loads a split of the data set that a config names.

    Args:
      config: the field `data` of a run's config, with `root` and `name`, and `text` unless an older version
        made it.
      split: "train", "dev" or "test".
      face: keeps the face of data that have one.

    Raises:
      DataError: the split cannot be used, see `load_split`.
    """
    dataset = load_dataset(config.root, config.name, split, config.get("text", SENTENCE))
    return dataset if face else dataset.without_face()


def load_dataset(root, name: str, split: str, text: str = SENTENCE) -> PackedDataset:
    """Loads a split of a data set; the demo set is made first if it is not there.

    Clips are packed once into memory-mapped arrays beside the data, see docs/data.md; later calls open them.

    Args:
      root: folder that holds data sets.
      name: folder of this one; "demo" is the constructed language.
      split: "train", "dev" or "test".
      text: "sentence" or "gloss", which of them the texts of the clips are. Clips without a gloss are left
        out then, with a warning.

    Returns:
      A sequence of Clips, with their faces if the data have any.

    Raises:
      ConfigError: `text` is something else.
      DataError: the split cannot be used, see `load_split`, or no clip has a gloss.
      StorageError: nothing can be written anywhere.
    """
    if name == "demo" and not pathlib.Path(root, "demo").exists():
        demo.write_dataset(root, "demo")
    packed = load_split(root, name, split)
    dataset = packed.with_text(text)
    if missing := [sid for sid, _ in dataset.broken[len(packed.broken) :]]:
        # Every time, as the pack has them: whoever trains on glosses must know how many clips that are.
        count = f"{len(missing):,} of {len(packed):,} clips have no gloss and are left out"
        advice = f"add {clip_files.GLOSS} to their folders, or train on sentences"
        warnings.warn(f"{packed.label}: {count}, the first {missing[0]}; {advice}", SignjaxWarning, 2)
    return dataset


def is_demo_data(config) -> bool:
    """Whether the data are of the demo language, which signjax.demo.read_signs can read."""
    folder = pathlib.Path(config.root, config.name)
    # A run is also used where its data are not, from another folder or shared; this name says what they are.
    return (folder / "demo.json").exists() or (config.name == "demo" and not folder.exists())


def load_split(
    root, name: str, split: str, cache: bool = True, on_message: OnMessage | None = None
) -> PackedDataset:
    """Loads a split, packing it when that was not done yet or its clips have changed.

    Args:
      root: the folder that holds data sets.
      name: the data set's folder in root.
      split: "train", "dev" or "test".
      cache: False reads all clips into memory and writes nothing.
      on_message: gets what a user should know, line by line. By default the progress goes to the log
        "signjax", which commands print, and what is left out or doubtful becomes a SignjaxWarning.

    Raises:
      DataError: no such split, no clips in it, or more than 1 % of them corrupt.
      StorageError: the pack cannot be written anywhere.
    """
    warn = _warn if on_message is None else on_message
    on_message = progress.log_message if on_message is None else on_message
    clips = pack_cache.inspect_split(root, name, split, cache)
    if dataset := _open_split(clips, on_message):
        return dataset
    dataset, is_new = _pack_once(clips, on_message)
    if not is_new:
        return dataset
    on_message(dataset.describe())
    for line in frame_rates.warn_of_rates(dataset.rates):
        warn(f"{dataset.label}: {line}")
    for sid, reason in dataset.broken[: pack_writer.MAX_NAMED]:
        warn(f"{dataset.label}: left out {sid}: {reason}")
    if (more := len(dataset.broken) - pack_writer.MAX_NAMED) > 0:
        advice = f"python -m signjax.tools.pack --root {root} --name {name} lists all"
        warn(f"{dataset.label}: left out {more:,} more; {advice}")
    return dataset


def pack_dataset(
    root, name: str, on_message: OnMessage, resample: float | None = None
) -> Iterator[PackedDataset]:
    """Packs the splits of a data set that are not packed yet, or whose clips have changed.

    Args:
      root: the folder that holds data sets.
      name: the data set's folder in root.
      on_message: gets lines about the progress.
      resample: a frame rate that all clips are brought to; noted in the data set, for all who load it later.
        None leaves that note as it is.

    Yields:
      Each split that the data set has, in the order of signjax.data.splits.SPLITS; nothing is said of its
      clips that were left out, which are in its `broken`.

    Raises:
      ConfigError: `resample` is no rate.
      DataError: there is no such data set; no clips in a split, or more than 1 % of them corrupt.
      StorageError: the pack cannot be written anywhere.
    """
    splits = list_splits(root, name)
    if resample is not None:
        frame_rates.write_resample_rate(pathlib.Path(root, name), resample)
    for split in splits:
        clips = pack_cache.inspect_split(root, name, split, cache=True)
        yield _open_split(clips, on_message) or _pack_once(clips, on_message)[0]


def pack_shard(root, name: str, split: str, shard: int, shards: int, on_message: OnMessage) -> int:
    """Packs every `shards`-th part of a split, for `load_split` to join when all are there.

    Parts that are there already are left as they are. Several machines may do so side by side.

    Args:
      root: the folder that holds data sets, on a disk that the machines share.
      name: the data set's folder in root.
      split: "train", "dev" or "test".
      shard: the first part, from 0.
      shards: how many share the work.
      on_message: gets lines about the progress.

    Returns:
      The number of this shard's parts.

    Raises:
      DataError: no such split, or no clips in it.
      StorageError: the parts cannot be written beside the data.
    """
    clips = pack_cache.inspect_split(root, name, split, cache=True)
    # Only beside the data: a cache in a user's home is not on the disk that the machines share.
    parts, cache = _divide_clips(clips.signatures), clips.folder.parent.resolve() / ".cache"
    try:
        # A .cache that is a link is not among the caches: that is an error here, and it is not followed.
        cache.mkdir(parents=True, exist_ok=cache in clips.caches)
    except OSError as error:
        raise StorageError(f"{cache}: parts cannot be packed there ({error.strerror})") from None
    numbers = range(shard, len(parts), shards)
    for k in numbers:
        _ensure_part(cache, clips, parts, k, on_message)
    return len(numbers)


def _open_split(clips: Split, on_message: OnMessage) -> PackedDataset | None:
    """The pack of a split, None if it is not there, has no clip, or is not of the clips as they are now."""
    for cache_folder in clips.caches:
        temporary_folders.remove_leftovers(cache_folder)
        for folder in pack_files.list_packs(cache_folder, clips.folder.name):
            # A pack may be there and have no clip: all were broken, and may be repaired now.
            if dataset := pack_cache.open_current(folder, clips, clips.signatures, on_message):
                return dataset
    return None


def _pack_once(clips: Split, on_message: OnMessage) -> tuple[PackedDataset, bool]:
    """Packs a split, or waits for the process that does; returns its pack, and whether it was made here."""

    def say_wait() -> None:
        on_message(f"{clips.folder.parent.name}/{clips.folder.name}: another process is packing; waiting")

    with pack_cache.lock_packing(clips.caches, say_wait) as waited:
        if waited and (dataset := _open_split(clips, on_message)):
            return dataset, False
        # On a disk without locks another process may have joined the parts, and removed them, or be replacing
        # one by its own. What is there stays there, so that a new attempt takes little.
        for _ in range(ATTEMPTS):
            with contextlib.suppress(InvalidFileError):
                return _pack_split(clips, on_message), True
            if dataset := _open_split(clips, on_message):
                return dataset, False
        return _pack_split(clips, on_message), True


def _pack_split(clips: Split, on_message: OnMessage) -> PackedDataset:
    """Reads the clips of a split and stores their pack in the first cache that can be written."""
    split, count = clips.folder.name, len(clips.signatures)
    with contextlib.ExitStack() as stack:
        workspace, cache = pack_cache.enter_workspace(stack, clips.caches, on_message)
        stack.enter_context(pack_cache.storage_errors(workspace, clips))
        parts = _divide_clips(clips.signatures) if cache else []
        if cache and len(parts) > 1:
            folders = [_ensure_part(cache, clips, parts, k, on_message) for k in range(len(parts))]
            key = pack_writer.join_packs(workspace, folders, [len(part) for part in parts], clips.layout)
        else:
            sids = list(clips.signatures)
            key = pack_writer.write_pack(
                workspace, clips.folder, sids, clips.layout, on_message, clips.resample
            )
        # Before the pack gets its name: packs that are found later are opened without this check.
        pack_writer.refuse_broken(clips.folder, pack_writer.read_index(workspace, count))
        dataset = open_pack(workspace, count, in_memory=cache is None)
        if cache:
            folder = pack_cache.publish_pack(workspace, cache, split, key)
            dataset = dataset.moved_to(folder)
            # Last: as long as the whole is not there, the parts are what was achieved so far.
            for k in range(len(parts)):
                pack_cache.remove_packs(cache, _format_part_name(split, k))
    return dataset


def _ensure_part(
    cache: pathlib.Path, clips: Split, parts: list[dict[str, list]], k: int, on_message: OnMessage
) -> pathlib.Path:
    """The folder of a part's pack, which is built if it is not there."""
    name = _format_part_name(clips.folder.name, k)
    for folder in pack_files.list_packs(cache, name):
        # Not its truth: a part whose clips are all broken is a pack of no clips, and done.
        if pack_cache.open_current(folder, clips, parts[k], on_message) is not None:
            return folder
    with pack_cache.storage_errors(cache, clips), temporary_folders.make_temporary_folder(cache) as workspace:

        def report_part(line: str) -> None:
            on_message(f"part {k + 1} of {len(parts)}: {line}")

        key = pack_writer.write_pack(
            workspace, clips.folder, list(parts[k]), clips.layout, report_part, clips.resample
        )
        folder = pack_cache.publish_pack(workspace, cache, name, key)
    report_part("done")
    return folder


def _divide_clips(signatures: dict[str, list]) -> list[dict[str, list]]:
    """The clips of a split and their signatures, PART_CLIPS at a time."""
    pairs = list(signatures.items())
    return [dict(pairs[k : k + PART_CLIPS]) for k in range(0, len(pairs), PART_CLIPS)]


def _format_part_name(split: str, k: int) -> str:
    return f"{split}.{k:05}"


def _warn(line: str) -> None:
    warnings.warn(line, SignjaxWarning, stacklevel=3)
