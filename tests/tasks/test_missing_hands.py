"""A tokenizer of clips with missing hands: what it decodes misses the hands that the recordings miss."""

import gpt_run
import numpy as np
import pytest

from signjax import demo
from signjax.data.dataset_writer import write_clip
from signjax.data.load import load_dataset
from signjax.inference.load import load_codec
from signjax.pose import skeleton
from signjax.pose.clip import Clip
from signjax.seeds import make_rng
from signjax.tasks.registry import make_task
from signjax.training import loop

SMALL = {
    "num_steps": 400,
    "eval_every": 400,
    "save_every": 400,
    "batch_size": 16,
    "window": 32,
    "model.size.width": 48,
    "model.size.depth": 1,
    "quantizer.codes": 64,
    "quantizer.dim": 16,
    "optim.ema": 0.9,
}


def write(root, split, count):
    """Clips of which every other one shows no left hand in its first half."""
    for k in range(count):
        rng = make_rng(k, len(split))
        points = demo.synthesize_pose(("hello", "my name is Ada", "thank you", "where?")[k % 4], rng)
        valid = np.ones(points.shape[:2], bool)
        valid[: k % 2 * len(points) // 2, skeleton.LEFT] = False
        points[~valid] = 0
        write_clip(root / "set" / split / f"c{k}", Clip(points, valid, fps=25.0, text="a text"))


@pytest.mark.extended
def test_missing_hands_are_decoded_as_missing(tmp_path):
    write(tmp_path, "train", 40)
    write(tmp_path, "dev", 8)
    c = gpt_run.get_config("vqvae", **{"data.root": str(tmp_path), "data.name": "set"}, **SMALL)
    assert loop.train(c, tmp_path / "run", make_task).finished
    dev = load_dataset(tmp_path, "set", "dev")
    decoded = load_codec(tmp_path / "run").reconstruct(dev)
    hands = slice(skeleton.RIGHT.start, skeleton.LEFT.stop)
    assert [clip.valid[:, hands].mean() for clip in dev][1] < 0.8
    right = np.concatenate(
        [(ours.valid == theirs.valid)[:, hands] for ours, theirs in zip(decoded, dev, strict=True)]
    )
    # Less than all at the frames where a hand comes or goes.
    assert right.mean() > 0.95
    assert all(clip.valid[:, skeleton.BODY].all() for clip in decoded)
