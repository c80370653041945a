"""A data set packed from beginning to end, or a machine's share of it, told in lines."""

from collections.abc import Callable, Iterable, Iterator

from signjax.data import load
from signjax.data.pack_writer import BrokenClipsError
from signjax.data.splits import SPLITS, list_splits


def pack_splits(root, name: str, on_message: Callable[[str], None]) -> Iterator[str]:
    """Packs the splits of a data set where that is not done yet.

    Args:
      root: the folder that holds data sets.
      name: the data set's folder in root.
      on_message: gets lines about the progress.

    Yields:
      What each split has and every clip that was left out, as soon as it is packed; the splits that are not
      there.

    Raises:
      DataError, StorageError: as signjax.data.load.pack_dataset.
    """
    try:
        for dataset in load.pack_dataset(root, name, on_message):
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


def pack_shard(root, name: str, shard: int, shards: int, on_message: Callable[[str], None]) -> Iterator[str]:
    """Packs one machine's share of all splits; `pack_splits` joins the shares when all are there.

    Args:
      root: the folder that holds data sets, on a disk that the machines share.
      name: the data set's folder in root.
      shard: number of this machine, from 0.
      shards: how many share the work.
      on_message: gets lines about the progress.

    Yields:
      How much is packed of each split.

    Raises:
      DataError, StorageError: as signjax.data.load.pack_shard.
    """
    # Nothing is joined here: no machine knows when the others are done.
    for split in list_splits(root, name):
        count = load.pack_shard(root, name, split, shard, shards, on_message)
        yield f"{name}/{split}: the {count} part(s) of shard {shard}/{shards} are packed"


def _list_broken(broken: Iterable[tuple[str, str]]) -> list[str]:
    return [f"  left out {sid}: {reason}" for sid, reason in broken]
