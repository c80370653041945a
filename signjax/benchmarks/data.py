"""data: every frame of a split from its pack and from its JSON files; batches to train on."""

import json
from pathlib import Path

import numpy as np

from signjax.benchmarks import setup, timing
from signjax.data import clip_files, loader, packed_dataset, sources
from signjax.tools import pack

SIZES = (400, 1, 1)  # clips
BATCHES = 50
TARGET = 100  # times as fast as parsing


def measure() -> list[timing.Row]:
    """A packed epoch against the same files parsed by json alone, and by our reader, which checks them."""
    with setup.home(SIZES) as folder:
        root = f"{folder}/datasets"
        stored = packed_dataset.load(root, "demo", "train", say=lambda line: None)
        source, size = Path(root) / "demo" / "train", stored.pose.nbytes
        rows = timing.compare({
            "json.loads (reference)": timing.Run(lambda: parse(source, stored.sids)),
            "JSON, read and checked": timing.Run(lambda: pack.read_json(source, stored.sids)),
            "pack": timing.Run(
                lambda: pack.read_packed(root, "demo", "train"), bytes=size, target=TARGET
            ),
        }, "json.loads (reference)", repeats=3)  # fmt: skip
        return rows + timing.compare({f"{BATCHES} batches of the tokenizer": _batches(stored, folder)})


def parse(source: Path, sids) -> float:
    """The least that reading clips from JSON takes: parsed, joined to frames, summed."""
    total = 0.0
    for sid in sids:
        frames = json.loads((source / sid / clip_files.POSE).read_bytes())["poses"]
        rows = [[x for key, _ in clip_files.FIELDS for x in frame[key]] for frame in frames]
        total += float(np.array(rows, np.float32).sum())
    return total


def _batches(stored: packed_dataset.Pack, folder: str) -> timing.Run:
    """Shuffled batches of windows as configs/vqvae.py draws them, without what it does to them."""
    c = setup.config("vqvae", folder)
    crops = sources.Crops(stored, c.window)

    def draw() -> None:
        stream = loader.stream(crops, c.batch_size, c.seed)
        for _ in range(BATCHES):
            next(stream)
        stream.close()

    return timing.Run(draw, bytes=BATCHES * c.batch_size * c.window * stored.pose[0].nbytes)
