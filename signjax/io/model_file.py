"""A run's variables as one .safetensors file, each array under the names that lead to it: params.stem.kernel.

A folder that has such a file instead of checkpoints is a run that was made to be shared, see
signjax.export.hub_folder: its files are compared with its checksums before any is used.
"""

import pathlib
from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np

from signjax.errors import DataError, StorageError
from signjax.io import checksums, safe_read, safetensors

FILE = "model.safetensors"


def pack_variables(variables: dict, **metadata: str) -> bytes:
    """The bytes of a .safetensors file of a run's variables.

    Raises:
      DataError: a name has a dot in it, or an array is of a type that the reader does not know.
    """
    return safetensors.pack_tensors(dict(_flatten_tree(variables)), {"format": "flax", **metadata})


def is_shared_run(folder) -> bool:
    """Whether a folder is a run that was made to be shared."""
    return pathlib.Path(folder, FILE).is_file()


def load_variables(folder) -> tuple[dict, int]:
    """The variables of a shared run, and the step they were saved at.

    Raises:
      StorageError: a file is not as it was written.
    """
    path = pathlib.Path(folder, FILE)
    advice = f"fetch {folder} again"
    # README.md may be edited, and hubs add files of their own.
    if corruption := checksums.find_corruption(folder, extra_files=True):
        raise StorageError(f"{folder} is damaged: {corruption}; {advice}")
    try:
        arrays, metadata = safetensors.read_with_metadata(path)
        step = metadata.get("step", "")
        if type(step) is not str or not step.isdecimal():
            raise safe_read.InvalidFileError("its metadata say no step")
        return _nest_arrays(arrays), int(step)
    except safe_read.InvalidFileError as error:
        raise StorageError(f"{path}: cannot be read ({error}); {advice}") from None


def _flatten_tree(tree: dict, prefix: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Each array of a tree of dicts with the names that lead to it, joined by dots."""
    for name, value in tree.items():
        if "." in name:
            raise DataError(f"the variable {prefix}{name} has a dot in its name; rename the module")
        if isinstance(value, dict):
            yield from _flatten_tree(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", np.asarray(value)


def _nest_arrays(arrays: dict[str, np.ndarray]) -> dict:
    """The tree that `_flatten_tree` was given; refuses one without params, or where two names meet."""
    tree: dict = {}
    for path, array in arrays.items():
        *parents, name = path.split(".")
        parent_dict = tree
        for parent in parents:
            parent_dict = parent_dict.setdefault(parent, {})
            if not isinstance(parent_dict, dict):
                raise safe_read.InvalidFileError(f"{parent[:40]!r} is an array and a module")
        if name in parent_dict:
            raise safe_read.InvalidFileError(f"{name[:40]!r} is an array and a module")
        parent_dict[name] = jnp.asarray(array)
    if not isinstance(tree.get("params"), dict):
        raise safe_read.InvalidFileError("has no params")
    return tree
