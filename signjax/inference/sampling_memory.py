"""Whether clips that are sampled at once fit into memory, by the sizes of their largest arrays.

Called when the shapes of a program are known and nothing is allocated yet.
"""

import jax.numpy as jnp

from signjax.errors import ConfigError
from signjax.training.memory_check import GB, get_total_memory


def check_cache_memory(model, rows: int, length: int) -> None:
    """Raises ConfigError if the keys and values of `rows` sequences of `length` tokens cannot fit."""
    _require_memory(model, 2 * rows * length * model.width * model.depth, rows, length)


def check_attention_memory(model, rows: int, length: int) -> None:
    """Raises ConfigError if the attention of `rows` sequences to themselves cannot fit."""
    _require_memory(model, rows * length * length * model.heads, rows, length)


def _require_memory(model, numbers: int, rows: int, length: int) -> None:
    needed, limit = numbers * jnp.dtype(model.dtype or jnp.float32).itemsize, get_total_memory()
    if limit is not None and needed > limit:
        raise ConfigError(
            f"{rows:,} sequences of {length:,} tokens at once take {needed / GB:.3g} GB at least, and there "
            f"are {limit / GB:.3g}; lower batch_size or max_tokens"
        )
