"""Packs a data set, or one machine's share of it, and reports this in lines."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from signjax.data import frame_rates, load
from signjax.data.pack_writer import BrokenClipsError
from signjax.data.splits import SPLITS, list_splits


def pack_splits(
    root, name: str, on_message: Callable[[str], None], resample: float | None = None
) -> Iterator[str]:
    """Packs the splits of a data set where that is not done yet.

    Args:
      root: the folder that holds data sets.
      name: the data set's folder in root.
      on_message: gets lines about the progress.
      resample: see signjax.data.load.pack_dataset.

    Yields:
      What each split has and every clip that was left out, as soon as it is packed; the splits that are not
      there; a warning if clips have several frame rates.

    Raises:
      ConfigError, DataError, StorageError: as signjax.data.load.pack_dataset.
    """
    rates: list[float | None] = []
    try:
        for dataset in load.pack_dataset(root, name, on_message, resample):
            rates += dataset.rates or [None] * len(dataset)
            yield dataset.describe()
            yield from _list_broken(dataset.broken)
    except BrokenClipsError as error:
        # The message names a few clips; whoever repairs the data set needs all.
        yield from _list_broken(error.broken)
        raise
    # A split that was forgotten is noticed now, and not at the end of training.
    for split in SPLITS:
        if split not in list_splits(root, name):
            yield f"{name}/{split}: not there"
    # Of all splits at once: training and scoring data may differ.
    yield from (f"warning: {line}" for line in frame_rates.warn_of_rates(rates))


def pack_shard(
    root,
    name: str,
    shard: int,
    shards: int,
    on_message: Callable[[str], None],
    resample: float | None = None,
) -> Iterator[str]:
    """Packs one machine's share of all splits; `pack_splits` joins the shares when all are there.

    Args:
      root: the folder that holds data sets, on a disk that the machines share.
      name: the data set's folder in root.
      shard: number of this machine, from 0.
      shards: how many share the work.
      on_message: gets lines about the progress.
      resample: see signjax.data.load.pack_dataset; the same on all machines.

    Yields:
      How much is packed of each split.

    Raises:
      DataError, StorageError: as signjax.data.load.pack_shard.
    """
    splits = list_splits(root, name)
    if resample is not None:
        frame_rates.write_resample_rate(Path(root, name), resample)
    # Nothing is joined here: no machine knows when the others are done.
    for split in splits:
        count = load.pack_shard(root, name, split, shard, shards, on_message)
        yield f"{name}/{split}: the {count} part(s) of shard {shard}/{shards} are packed"


def _list_broken(broken: Iterable[tuple[str, str]]) -> list[str]:
    return [f"  left out {sid}: {reason}" for sid, reason in broken]
