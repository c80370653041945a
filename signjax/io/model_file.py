"""A run's variables as one .safetensors file, each array named by its path in the tree: params.stem.kernel.

A folder that has such a file instead of checkpoints is a run that was exported to be shared, see
signjax.export.hub_folder. Its files are compared with their checksums before any is used.
"""

import pathlib
from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np

from signjax.errors import DataError, StorageError
from signjax.io import checksums, machine_errors, safe_read, safetensors

FILE = "model.safetensors"


def pack_variables(variables: dict, **metadata: str) -> bytes:
    """The bytes of a .safetensors file of a run's variables.

    Raises:
      DataError: a name has a dot in it, or an array is of a type that .safetensors files do not have.
    """
    return safetensors.pack_tensors(dict(_flatten_tree(variables)), {"format": "flax", **metadata})


def is_shared_run(folder) -> bool:
    """Whether a folder is a run that was exported to be shared."""
    return machine_errors.is_file(pathlib.Path(folder, FILE))


def load_variables(folder) -> tuple[dict, int]:
    """The variables of a shared run, and the step they were saved at.

    Raises:
      StorageError: a file does not agree with its checksum, or cannot be read.
    """
    path = pathlib.Path(folder, FILE)
    # README.md may be edited, and hubs add files of their own.
    if corruption := checksums.find_corruption(folder, extra_files=True):
        raise StorageError(f"{folder} is corrupt: {corruption}; download {folder} again")
    with machine_errors.convert_load_errors(path):
        arrays, metadata = safetensors.read_with_metadata(path)
        step = metadata.get("step", "")
        if type(step) is not str or not step.isdecimal():
            raise safe_read.InvalidFileError("has no step in its metadata")
        return _nest_arrays(arrays), int(step)


def _flatten_tree(tree: dict, prefix: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """(path, array) of each array of a tree of dicts; a path is the names that lead to it, joined by dots."""
    for name, value in tree.items():
        # `_nest_arrays` could not tell such a dot from one between two names.
        if "." in name:
            raise DataError(f"the variable {prefix}{name} has a dot in its name; rename the module")
        if isinstance(value, dict):
            yield from _flatten_tree(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", np.asarray(value)


def _nest_arrays(arrays: dict[str, np.ndarray]) -> dict:
    """The tree that `_flatten_tree` flattened; InvalidFileError if it has no params or a name twice."""
    tree: dict = {}
    for path, array in arrays.items():
        *parents, name = path.split(".")
        parent_dict = tree
        for parent in parents:
            parent_dict = parent_dict.setdefault(parent, {})
            # "params.a" and "params.a.b" in one file: no tree has both.
            if not isinstance(parent_dict, dict):
                raise safe_read.InvalidFileError(f"{parent[:40]!r} is an array and a module")
        if name in parent_dict:
            raise safe_read.InvalidFileError(f"{name[:40]!r} is an array and a module")
        parent_dict[name] = jnp.asarray(array)
    if not isinstance(tree.get("params"), dict):
        raise safe_read.InvalidFileError("has no params")
    return tree
