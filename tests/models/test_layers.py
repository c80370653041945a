"""Layers that are computed in another way than their parameters suggest."""

import jax
import numpy as np
import pytest

from signjax.models import layers


@pytest.mark.parametrize("dtype", [None, "bfloat16"])
def test_keys_and_values_of_all_layers_are_those_of_one_dense_layer(dtype):
    """Its parameters, as saved runs have them, and its numbers, by head."""
    x = np.random.default_rng(0).normal(size=(2, 5, 8)).astype(np.float32)
    memory, dense = layers.KeyValueDense(3, 2, dtype), layers.Dense(2 * 8 * 3, dtype=dtype)
    variables, expected = (layer.init(jax.random.key(1), x) for layer in (memory, dense))
    assert jax.tree.structure(variables) == jax.tree.structure(expected)
    for ours, theirs in zip(jax.tree.leaves(variables), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    heads = jax.jit(memory.apply)(variables, x)
    assert heads.shape == (2, 5, 3, 2, 8)
    np.testing.assert_array_equal(heads.reshape(2, 5, -1), jax.jit(dense.apply)(variables, x))
