"""Digests that tell one model's variables from another's: of names, types, shapes and bits, on the host.

They are written into runs, encoder files and the signatures of scores, so none may change. A train state,
whose arrays lie in parts on several devices, is compared by signjax.training.state_hash, which moves nothing.
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
      typed: whether types and shapes count; digests of back-translators have never had them.
    """
    total = hashlib.blake2b(begin, digest_size=6)
    for path, leaf in jax.tree_util.tree_leaves_with_path(variables):
        array = np.ascontiguousarray(leaf)
        kind = f" {array.dtype}{array.shape} " if typed else ""
        _add_array(total, f"{jax.tree_util.keystr(path)}{kind}", array)
    return total.hexdigest()


def digest_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    """64 hexadecimal digits (SHA-256) of named arrays, as files of motion encoders have them."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        _add_array(total, f"{name} {array.dtype.str} {array.shape}\n", array)
    return total.hexdigest()


def _add_array(total, label: str, array: np.ndarray) -> None:
    total.update(label.encode())
    total.update(array.tobytes())
