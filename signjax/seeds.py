"""Any whole number as a seed: other numbers give other random numbers.

The keys of JAX are made in signjax.training.random_key: data workers never import jax.
"""

import hashlib
import operator

import numpy as np

from signjax.errors import ConfigError

WORD = 1 << 32


def split_seed(seed: int) -> tuple[int, int]:
    """A seed as two numbers below 2**32; the second is 0 for seeds from 0 to 2**32 - 1, which are the first.

    Raises:
      ConfigError: the seed is no whole number.
    """
    try:
        number = operator.index(seed)
    except TypeError:
        raise ConfigError(f"seed is {seed!r}; give a whole number") from None
    # As they are: what older versions made of these seeds stays the same. JAX would cut others off at
    # 32 bits, so that 2**32 would be 0 and -1 the largest of these, and numpy refuses negative ones.
    if 0 <= number < WORD:
        return number, 0
    # hex, as str refuses numbers of more than 4,300 digits.
    digest = hashlib.blake2b(hex(number).encode(), digest_size=8).digest()
    return int.from_bytes(digest[:4]), int.from_bytes(digest[4:]) or 1


def make_sequence(seed: int, *purpose: int) -> np.random.SeedSequence:
    """The SeedSequence of a seed and of what its numbers are for, so that no two purposes share numbers."""
    low, high = split_seed(seed)
    return np.random.SeedSequence((low, *purpose), spawn_key=(high,) if high else ())


def make_rng(seed: int, *purpose: int) -> np.random.Generator:
    """A generator of numpy, see `make_sequence`."""
    return np.random.default_rng(make_sequence(seed, *purpose))
