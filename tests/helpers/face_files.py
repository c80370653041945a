"""A small data set of the demo language with faces: some points missing, in some frames the whole face."""

import gpt_run
import numpy as np

from signjax import demo
from signjax.data import dataset_writer
from signjax.pose import skeleton
from signjax.pose.clip import Clip

TEXTS = ("Hello", "How are you?", "I am deaf.", "My name is Anna.")
HIDDEN = slice(4, 8)  # frames of the first clip without a face
LOST = (36, 37)  # points that no clip has after frame 10

TINY = {name: x for name, x in gpt_run.TOKENIZER.items() if name not in ("layout", "quantizer.levels.whole")}
TINY |= {"quantizer.codes": 8, "optim.warmup": 1, "optim.schedule": "constant", "optim.lr": 3e-3}


def face_of(pose, seed):
    """70 points [T, 70, 3] below and above the nose that open and close a mouth, in the pose's units."""
    k = np.arange(70)
    shape = np.stack([np.cos(k), np.sin(1.7 * k), 0.2 * np.sin(k)], -1) * 0.03
    opening = np.sin(np.arange(len(pose)) / 3 + seed)[:, None] * np.where(k >= 48, 0.01, 0)
    face = pose[:, [skeleton.NOSE]] + shape
    face[..., 1] += opening
    return face.astype(np.float32)


def clip(seed, name=None, face=True) -> Clip:
    """A clip of a demo sentence in 3-D."""
    text = TEXTS[seed % len(TEXTS)]
    pose = demo.synthesize_pose(text, np.random.default_rng(seed)).astype(np.float32)
    points = face_of(pose, seed)
    points[10:, LOST] = 0
    if seed == 0:
        points[HIDDEN] = 0
    valid = np.ones((len(pose), 120), bool)
    valid[:, skeleton.FACE] = points[..., :2].any(-1)
    both = Clip(np.concatenate([pose, points], 1), valid, text=text, sid=name or f"clip_{seed}")
    return both if face else both.without_face()


def write_dataset(root, train=6, dev=2, face=True) -> None:
    """<root>/faces, or <root>/bare with the same clips without faces."""
    for split, seeds in (("train", range(train)), ("dev", range(train, train + dev))):
        for seed in seeds:
            dataset_writer.write_clip(
                root / ("faces" if face else "bare") / split / f"clip_{seed}", clip(seed, face=face)
            )


def config(folder, variant="rvq,face", name="faces", **changes):
    data = {"data.root": str(folder / "datasets"), "data.name": name}
    return gpt_run.get_config(f"vqvae:{variant}", **data, **TINY | changes)
