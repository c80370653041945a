"""The optimizer: what decays, the updates of optax, the schedule of the learning rate."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from engine_helpers import toy

from signjax.errors import ConfigError
from signjax.training import optimizer


def test_weight_decay_reaches_kernels_only():
    c = toy(**{"optim.warmup": 0, "optim.schedule": "constant", "optim.weight_decay": 0.5}).optim
    tx = optimizer.make_optimizer(c, 10)
    params = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}
    updates, _ = tx.update(jax.tree.map(jnp.zeros_like, params), tx.init(params), params, ok=True)
    np.testing.assert_allclose(updates["kernel"], -0.5 * c.lr, rtol=1e-6)
    assert not updates["bias"].any()
    # Shapes as a stack of layers and a table of embeddings have them.
    names = ("embedding", "focus", "scale", "bias", "depth_bias", "depth_in", "depth_out", "kernel")
    mask = optimizer.make_decay_mask({"layers": {name: np.ones((3, 4, 1)) for name in names}})["layers"]
    assert [name for name in names if mask[name]] == ["depth_in", "depth_out", "kernel"]


def test_an_update_is_that_of_optax_or_none():
    """The same numbers as optax.adamw, and its state; what is left out changes nothing of the state."""
    c = toy(**{"optim.weight_decay": 0.1, "optim.clip": 1.0}).optim
    tx = optimizer.make_optimizer(c, 20)
    schedule = optimizer.make_schedule(c, 20)
    adamw = optax.adamw(schedule, b2=c.b2, weight_decay=c.weight_decay, mask=optimizer.make_decay_mask)
    theirs = optax.chain(optax.clip_by_global_norm(c.clip), adamw)
    ours = expected = {"kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)}
    state, reference = tx.init(ours), theirs.init(ours)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        grads = jax.tree.map(lambda p: jnp.asarray(rng.normal(size=p.shape), jnp.float32), ours)  # noqa: B023
        _, unchanged = tx.update(jax.tree.map(lambda g: g * jnp.nan, grads), state, ours, ok=jnp.array(False))
        jax.tree.map(np.testing.assert_array_equal, unchanged, state)
        updates, state = tx.update(grads, state, ours, ok=jnp.array(True))
        expected_updates, reference = theirs.update(grads, reference, expected)
        ours, expected = optax.apply_updates(ours, updates), optax.apply_updates(expected, expected_updates)
        assert jax.tree.structure(state) == jax.tree.structure(reference)
        close = functools.partial(np.testing.assert_allclose, rtol=1e-6)
        jax.tree.map(close, (ours, state), (expected, reference))


def test_schedule():
    c = toy(**{"optim.lr": 2.0, "optim.warmup": 4}).optim
    f = optimizer.make_schedule(c, 20)
    np.testing.assert_allclose([f(0), f(1), f(3), f(4)], [0.5, 1.0, 2.0, 2.0])
    np.testing.assert_allclose([f(12), f(20), f(99)], [1.0, 0.0, 0.0], atol=1e-6)
    assert f(10) > f(11)
    c.schedule = "constant"
    assert optimizer.make_schedule(c, 20)(19) == 2.0
    c.schedule = "step"
    with pytest.raises(ConfigError, match="schedule"):
        optimizer.make_schedule(c, 20)
