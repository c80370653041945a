"""Types, shapes and hashes of the arrays of a tree, which do not depend on how devices hold them."""

import jax
import jax.numpy as jnp


def hash_state(tree) -> dict[str, int]:
    """{path: 32-bit hash} of the arrays of a tree, the same for any number of devices.

    A hash is the sum, modulo 2^32, of the bits of each element times an odd number of its own.
    """
    return {name: int(x) for name, x in jax.device_get(_hash_leaves(_flatten_by_path(tree))).items()}


def describe_arrays(tree) -> dict[str, str]:
    """{path: type and shape} of the arrays of a tree, such as {"params/kernel": "float32[8, 16]"}."""
    return {name: f"{x.dtype}{list(x.shape)}" for name, x in _flatten_by_path(tree).items()}


def _flatten_by_path(tree) -> dict:
    # The same separator as in sharding rules, so that messages name an array as a config does.
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


# On the devices, part by part: the state of a large model need not fit on a host.
@jax.jit
def _hash_leaves(leaves):
    return jax.tree.map(_hash_array, leaves)


def _hash_array(x):
    if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
        x = jax.random.key_data(x)
    if x.dtype == bool:
        x = x.astype(jnp.uint8)
    # Without x64 there is no uint64: elements of 64 bits become two of 32 along a new last axis.
    unsigned = jnp.dtype(f"uint{8 * min(x.dtype.itemsize, 4)}")
    bits = jax.lax.bitcast_convert_type(x, unsigned).astype(jnp.uint32)
    index = jnp.zeros((), jnp.uint32)
    for axis, size in enumerate(bits.shape):
        index = index * jnp.uint32(size) + jax.lax.broadcasted_iota(jnp.uint32, bits.shape, axis)
    # Odd factors are invertible modulo 2^32, so any changed element changes the sum. As they differ, most
    # swaps do, too. Sums of integers do not depend on their order, hence not on the number of devices.
    return jnp.sum(bits * (2 * jnp.uint32(2654435761) * index + 1), dtype=jnp.uint32)
