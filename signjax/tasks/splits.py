"""The splits of the data set that a config names; the demo set is made on the spot."""

import pathlib

from signjax import demo
from signjax.data import pack


def load(config, split: str) -> pack.Pack:
    """Loads a split of `config.root`/`config.name`; makes the demo set first if that is meant and missing.

    Raises:
      DataError: the split cannot be used, see signjax.data.pack.load.
    """
    if config.name == "demo" and not pathlib.Path(config.root, "demo").exists():
        demo.write_dataset(config.root, "demo")
    return pack.load(config.root, config.name, split)


def readable(config) -> bool:
    """Whether the data are of the demo language, so that signjax.demo.read can tell what a clip says."""
    return pathlib.Path(config.root, config.name, "demo.json").exists()
