"""Every frame of a split read once: from its pack, and from the JSON files of its clips."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from signjax.data import clip_files, packed_dataset
from signjax.data.load import load_split
from signjax.data.splits import list_splits


def time_reading(root: str, name: str, split: str) -> tuple[float, float]:
    """Seconds to read all frames of a packed split: from the pack, and from the clips' JSON files."""
    start = time.perf_counter()
    dataset = read_packed_split(root, name, split)
    middle = time.perf_counter()
    read_json_clips(Path(root) / name / split, dataset.sids)
    return middle - start, time.perf_counter() - middle


def describe_times(root: str, name: str) -> Iterator[str]:
    """Yields a line for each split of a data set that is packed: both times, and their ratio."""
    for split in list_splits(root, name):
        packed, parsed = time_reading(root, name, split)
        times = f"from the pack {packed:.3f} s, from JSON {parsed:.2f} s: {parsed / packed:,.0f} times"
        yield f"{name}/{split}: all frames {times}"


def read_packed_split(root: str, name: str, split: str) -> packed_dataset.PackedDataset:
    """Loads a split's pack and reads every frame of it once."""
    dataset = load_split(root, name, split)
    # The pack is memory-mapped, so that loading reads nothing: only a sum touches every page.
    np.add.reduce(dataset.pose, axis=None)
    return dataset


def read_json_clips(split_folder: Path, sids: Sequence[str]) -> None:
    """Reads every frame of these clips of a split from their JSON files, checked as they are for packing."""
    for sid in sids:
        clip_files.read_raw(split_folder / sid)
