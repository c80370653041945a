"""The splits of a data set: train, dev and test."""

from pathlib import Path

from signjax.errors import DataError, did_you_mean

SPLITS = ("train", "dev", "test")


def list_splits(root, name: str) -> list[str]:
    """The splits that a data set has, in the order of SPLITS.

    Args:
      root: the folder that holds data sets.
      name: the data set's folder in root.

    Raises:
      DataError: it has none, or there is no such data set.
    """
    splits = [split for split in SPLITS if Path(root, name, split).is_dir()]
    if not splits:
        advice = "give --root and --name, or build the demo set: python -m signjax.tools.demo"
        # Folders that begin with a dot are caches and unfinished imports, which nobody means.
        names = [path.name for path in Path(root).glob("[!.]*")]
        suggestion = did_you_mean(name, names, advice)
        raise DataError(f"{Path(root, name)}: no train, dev or test folder{suggestion}")
    return splits
