"""Small data sets of a moving skeleton, written as folders of clips and loaded as packs."""

import json

import numpy as np

from signjax.data.load import load_split
from signjax.pose import skeleton


def recording(seed, frames=12, shift=(0.05, -0.1, 0.3)):
    """A rigid moving skeleton [T, 50, 3] of positive depth, in units of lifted data."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(50, 3)) + 0.8 * rng.normal(size=(frames, 50, 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    x = np.zeros((frames, 50, 3))
    for joint in skeleton.ORDER[1:]:
        x[:, joint] = x[:, skeleton.PARENTS[joint]] + directions[:, joint] * skeleton.LENGTHS[joint] * 0.05
    x += shift
    x[..., 2] -= x[..., 2].min() - 0.01
    return np.round(x, 5)


def content(x):
    """The JSON object of a pose."""
    frames = [
        {
            "pose_keypoints_2d": row[:24].tolist(),
            "hand_left_keypoints_2d": row[87:].tolist(),
            "hand_right_keypoints_2d": row[24:87].tolist(),
            "face_keypoints_2d": [0.0] * 210,
        }
        for row in np.asarray(x, float).reshape(len(x), 150)
    ]
    return {"poses": frames, "num_frames": len(x), "original_index": 7}


def write(folder, x, text="Hello."):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pose.json").write_text(json.dumps(content(x)))
    (folder / "text.txt").write_text(text, encoding="utf-8")


def dataset(root, splits=(("train", 5), ("dev", 2)), make=recording):
    for split, count in splits:
        for k in range(count):
            write(root / "set" / split / f"-clip_{k}", make(k, 8 + k), f"Größe {k}\n")
    return root


class Lines(list):
    """Collects what load says."""

    def __call__(self, line):
        self.append(line)


def packings(root, split="train"):
    """Loads and tells whether clips were parsed."""
    messages = Lines()
    result = load_split(root, "set", split, on_message=messages)
    return result, messages
