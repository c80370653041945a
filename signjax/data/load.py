"""The splits of the data set that a config names; the demo set is made on the spot."""

import pathlib

from signjax import demo
from signjax.data import packed_dataset


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
    """Whether the data are of the demo language, which signjax.demo.read_signs can read."""
    return pathlib.Path(config.root, config.name, "demo.json").exists()
