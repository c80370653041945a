"""Random keys of JAX for any whole number as a seed."""

import jax
import jax.numpy as jnp

from signjax import seeds


def make_key(seed: int) -> jax.Array:
    """A key of JAX; raises ConfigError if the seed is no whole number, see signjax.seeds."""
    low, high = seeds.split_seed(seed)
    key = jax.random.key(low)
    return jax.random.fold_in(key, high) if high else key


def key_of_words(words) -> jax.Array:
    """The key of `make_key` from the two words [2] uint32 of a seed, also inside of a compiled program."""
    key = jax.random.key(words[0])
    return jnp.where(words[1] > 0, jax.random.fold_in(key, words[1]), key)
