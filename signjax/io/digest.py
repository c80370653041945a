"""Digests that identify a model by the names, types, shapes and bits of its variables, computed on the host.

They are stored in runs, in encoder files and in the signatures of scores, so they must never change. The
train state, which may be divided among devices, has a hash that moves no arrays: signjax.training.state_hash.
"""

import hashlib
from collections.abc import Mapping

import jax
import numpy as np


def digest_variables(variables, begin: bytes = b"", typed: bool = True) -> str:
    """12 hexadecimal digits (BLAKE2b) of all arrays of a tree.

    Args:
      variables: the tree, of numpy or JAX arrays.
      begin: other content that the digest depends on, such as a vocabulary.
      typed: whether types and shapes are part of it; those of back-translators never had them.
    """
    total = hashlib.blake2b(begin, digest_size=6)
    for path, leaf in jax.tree_util.tree_leaves_with_path(variables):
        array = np.ascontiguousarray(leaf)
        kind = f" {array.dtype}{array.shape} " if typed else ""
        _add_array(total, f"{jax.tree_util.keystr(path)}{kind}", array)
    return total.hexdigest()


def digest_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    """64 hexadecimal digits (SHA-256) of named arrays, for files of motion encoders."""
    total = hashlib.sha256()
    # Sorted: a dict read from a file may have another order.
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        _add_array(total, f"{name} {array.dtype.str} {array.shape}\n", array)
    return total.hexdigest()


def _add_array(total, label: str, array: np.ndarray) -> None:
    total.update(label.encode())
    total.update(array.tobytes())
