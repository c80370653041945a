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
    dataset = load_dataset(config.root, config.name, split)
    return dataset if face else dataset.without_face()


def load_dataset(root, name: str, split: str) -> packed_dataset.Pack:
    """Loads a split of a data set; the demo set is made first if it is not there.

    Clips are packed once into memory-mapped arrays beside the data, see docs/data.md; later calls open them.

    Args:
      root: folder that holds data sets.
      name: folder of this one; "demo" is the constructed language.
      split: "train", "dev" or "test".

    Returns:
      A sequence of Clips, with their faces if the data have any.

    Raises:
      DataError: the split cannot be used, see signjax.data.packed_dataset.
      StorageError: nothing can be written anywhere.
    """
    if name == "demo" and not pathlib.Path(root, "demo").exists():
        demo.write_dataset(root, "demo")
    return packed_dataset.load(root, name, split)


def readable(config) -> bool:
    """Whether the data are of the demo language, which signjax.demo.read_signs can read."""
    return pathlib.Path(config.root, config.name, "demo.json").exists()
