"""data: reads every frame of a split from its pack and from its JSON files, and makes training batches."""

import json
from pathlib import Path

import numpy as np

from signjax.benchmarks import reading, setup, timing
from signjax.data import clip_files, loader, packed_dataset, sources
from signjax.data.load import load_split

SIZES = (400, 1, 1)  # clips in train, dev and test
BATCHES = 50
TARGET = 100  # times as fast as parsing


def measure_data() -> list[timing.Measurement]:
    """A packed epoch against the same files parsed by json alone, and by our reader, which checks them."""
    with setup.make_home(SIZES) as folder:
        root, reference = f"{folder}/datasets", "json.loads (reference)"
        # Packed before the clock starts: training packs a data set once and reads it in every run.
        dataset = load_split(root, "demo", "train", on_message=lambda line: None)
        split, sids = Path(root) / "demo" / "train", dataset.sids
        pack = timing.Workload(
            lambda: reading.read_packed_split(root, "demo", "train"), bytes=dataset.pose.nbytes, target=TARGET
        )
        measured = timing.compare_workloads({
            reference: timing.Workload(lambda: parse_clips(split, sids)),
            "JSON, read and checked": timing.Workload(lambda: reading.read_json_clips(split, sids)),
            "pack": pack,
        }, reference, repeats=3)  # fmt: skip
        # Apart from the others: a batch is not a split read once, so a ratio would mean nothing.
        batches = {f"{BATCHES} batches of the tokenizer": _make_batch_workload(dataset, folder)}
        return measured + timing.compare_workloads(batches)


def parse_clips(split_folder: Path, sids) -> float:
    """The least that reading clips from JSON takes: parsed, joined to frames, summed. Returns the sum."""
    total = 0.0
    for sid in sids:
        frames = json.loads((split_folder / sid / clip_files.POSE).read_bytes())["poses"]
        rows = [[x for key, _ in clip_files.FIELDS for x in frame[key]] for frame in frames]
        # Summed as the pack is: what is compared ends with numbers in an array, not with Python objects.
        total += float(np.array(rows, np.float32).sum())
    return total


def _make_batch_workload(dataset: packed_dataset.PackedDataset, folder: str) -> timing.Workload:
    """Shuffled batches of windows as configs/vqvae.py draws them, without what training does to them."""
    c = setup.make_config("vqvae", folder)
    crops = sources.Crops(dataset, c.window)

    def draw_batches() -> None:
        stream = loader.iterate_shuffled(crops, c.batch_size, c.seed)
        for _ in range(BATCHES):
            next(stream)
        # A thread of the stream reads ahead; left alone it would disturb what is timed next.
        stream.close()

    read = BATCHES * c.batch_size * c.window * dataset.pose[0].nbytes
    return timing.Workload(draw_batches, bytes=read)
