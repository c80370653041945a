"""The splits of the data set that a config names; the demo set is made on the spot."""

import pathlib

import numpy as np

from signjax import demo
from signjax.data import packed_dataset
from signjax.metrics.base import Motion
from signjax.pose import normalization


def load(config, split: str, face: bool = False) -> packed_dataset.Pack:
    """Loads a split of `config.root`/`config.name`; makes the demo set first if that is meant and missing.

    Args:
      config: see above.
      split: "train", "dev" or "test".
      face: keeps the face of data that have one.

    Raises:
      DataError: the split cannot be used, see signjax.data.packed_dataset.load.
    """
    if config.name == "demo" and not pathlib.Path(config.root, "demo").exists():
        demo.write_dataset(config.root, "demo")
    found = packed_dataset.load(config.root, config.name, split)
    return found if face else found.without_face()


def readable(config) -> bool:
    """Whether the data are of the demo language, so that signjax.demo.read can tell what a clip says."""
    return pathlib.Path(config.root, config.name, "demo.json").exists()


def motions(held: packed_dataset.Pack, chosen=None) -> list[Motion]:
    """Clips of a pack as metrics take them, all or those of the numbers `chosen`; missing joints lie at 0."""
    found = []
    for i in range(len(held)) if chosen is None else chosen:
        clip = held[i]
        moved = normalization.canonical(clip.pose, held.placement(i)).astype(np.float32)
        found.append(Motion(np.where(clip.valid[..., None], moved, np.float32(0)), clip.valid))
    return found
