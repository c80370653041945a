"""What the arrays of a tree are: type, shape and a fingerprint, however they lie on devices."""

import jax
import jax.numpy as jnp


def hash_state(tree) -> dict[str, int]:
    """A 32-bit fingerprint of every array of a tree, by its path.

    It is the sum, modulo 2^32, of all elements' bits, each times an odd number of its own. So any one
    changed bit shows, and the order of summation, hence the number of devices, does not matter.
    """
    return {name: int(x) for name, x in jax.device_get(_hash_leaves(_flatten_by_path(tree))).items()}


def describe_arrays(tree) -> dict[str, str]:
    """Type and shape of every array of a tree, "float32[8, 16]", by its path."""
    return {name: f"{x.dtype}{list(x.shape)}" for name, x in _flatten_by_path(tree).items()}


def _flatten_by_path(tree) -> dict:
    found = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in found}


@jax.jit
def _hash_leaves(leaves):
    return jax.tree.map(_hash_array, leaves)


def _hash_array(x):
    if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
        x = jax.random.key_data(x)
    if x.dtype == bool:
        x = x.astype(jnp.uint8)
    unsigned = jnp.dtype(f"uint{8 * min(x.dtype.itemsize, 4)}")  # of 64 bits it makes a last axis of two
    bits = jax.lax.bitcast_convert_type(x, unsigned).astype(jnp.uint32)
    index = jnp.zeros((), jnp.uint32)
    for axis, size in enumerate(bits.shape):
        index = index * jnp.uint32(size) + jax.lax.broadcasted_iota(jnp.uint32, bits.shape, axis)
    return jnp.sum(bits * (2 * jnp.uint32(2654435761) * index + 1), dtype=jnp.uint32)
