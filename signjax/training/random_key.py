"""Random keys of JAX for any whole number as a seed."""

import jax

from signjax import seeds


def make_key(seed: int) -> jax.Array:
    """A key of JAX; raises ConfigError if the seed is no whole number, see signjax.seeds."""
    low, high = seeds.split_seed(seed)
    key = jax.random.key(low)
    return jax.random.fold_in(key, high) if high else key
