"""A run's variables as one .safetensors file, each array named by its path in the tree: params.stem.kernel.

A folder that has such a file instead of checkpoints is a run that was exported to be shared, see
signjax.export.hub_folder. Its files are compared with their checksums before any is used.
"""

import os
import pathlib
from collections.abc import Iterator

import jax
import numpy as np

from signjax.errors import DataError, StorageError
from signjax.io import checksums, machine_errors, safe_read, safetensors

FILE = "model.safetensors"


def pack_variables(variables: dict, float16: bool = False, **metadata: str) -> bytes:
    """The bytes of a .safetensors file of a run's variables.

    Args:
      variables: the tree.
      float16: whether float32 arrays are stored as float16; give what `round_to_float16` returns.
      metadata: further text in the file's header.

    Raises:
      DataError: a name has a dot in it, or an array is of a type that .safetensors files do not have.
    """
    arrays = dict(_flatten_tree(variables))
    if float16:
        arrays = {name: x.astype(np.float16) if x.dtype == np.float32 else x for name, x in arrays.items()}
    return safetensors.pack_tensors(arrays, {"format": "flax", **metadata})


def round_to_float16(variables: dict) -> dict:
    """The variables as they are read back from a file with float16: float32, rounded to 11 bits.

    Raises:
      DataError: a number is larger than any of float16.
    """
    # Before anything is made of them: a digest must be of the numbers that others will load.
    rounded = {}
    for path, array in _flatten_tree(variables):
        is_float = array.dtype == np.float32
        with np.errstate(over="ignore"):
            rounded[path] = array.astype(np.float16).astype(np.float32) if is_float else array
        if is_float and np.isinf(rounded[path]).any() and not np.isinf(array).any():
            raise DataError(f"the variable {path} has numbers over 65504, too large for float16")
    return _nest_arrays(rounded)


def is_shared_run(folder) -> bool:
    """Whether a folder is a run that was exported to be shared."""
    return machine_errors.is_file(pathlib.Path(folder, FILE))


def check_links(folder) -> None:
    """Raises if a link below a shared run leads out of it: it may come from a stranger.

    Raises:
      StorageError: one does.
    """
    root = os.path.realpath(folder)
    inside = [root, *_list_blob_folders(root)]
    # Without following links to folders: what lies behind them is inside, and listed by itself, or outside.
    for parent, folders, files in os.walk(root):
        for path in (os.path.join(parent, name) for name in (*folders, *files)):
            target = os.path.realpath(path)
            if os.path.islink(path) and not any(os.path.commonpath((target, x)) == x for x in inside):
                raise StorageError(
                    f"{path}: is a link that leads out of {folder}; a shared folder has all its files in it"
                )


def _list_blob_folders(root: str) -> list[str]:
    """Where the cache of the Hugging Face hub keeps the files that a snapshot at `root` links to."""
    parents = [pathlib.Path(root), *pathlib.Path(root).parents]
    blobs = [path.parent.parent / "blobs" for path in parents if path.parent.name == "snapshots"]
    # Such a folder that is a link itself could lead anywhere.
    return [str(path) for path in blobs if os.path.realpath(path) == str(path)]


def load_variables(folder) -> tuple[dict, int]:
    """The variables of a shared run, and the step they were saved at.

    Raises:
      StorageError: a file does not agree with its checksum, or cannot be read; or as `check_links`.
    """
    path = pathlib.Path(folder, FILE)
    check_links(folder)
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
        # float16 is for storage alone: models compute in the type that their config says.
        parent_dict[name] = array.astype(np.float32) if array.dtype == np.float16 else array
    if not isinstance(tree.get("params"), dict):
        raise safe_read.InvalidFileError("has no params")
    # All at once: one by one each shape would be a program of its own. Copied, as the file may change.
    return jax.device_put(tree, may_alias=False)
