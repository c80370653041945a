"""One training step: the same on any number of devices, skipped if its numbers are bad, compiled once."""

import math

import engine_toy
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from engine_helpers import compiled, plain, same_bits, toy

from signjax.training import loop, sharding, task, train_step


def trained(variant, shape, count=6):
    c = toy(variant, **{"mesh.shape": shape})
    mesh, batch, init, one_step, *_ = compiled(c)
    state = init(jax.random.key(0), batch)
    for number in range(count):
        state, _ = one_step(
            state, sharding.make_global_batch(engine_toy.batch_of(number, c.batch_size), mesh)
        )
    kernel = state.opt_state[1][0].mu["Dense_0"]["kernel"]
    return plain(state), kernel.addressable_shards[0].data.shape


def test_devices_do_not_change_the_result():
    one, _ = trained("", (1,))
    for variant, shard_shape in (("", (8, 16)), ("fsdp", (8, 2))):
        eight, shape = trained(variant, (8,))
        assert shape == shard_shape, "optimizer moments lie as the rules say"
        for name in one:
            np.testing.assert_allclose(eight[name], one[name], rtol=0, atol=1e-6, err_msg=name)
    assert np.abs(one["params/Dense_0/kernel"] - plain_start()["params/Dense_0/kernel"]).max() > 1e-3
    assert one["extra/codebook/center"].any()


def plain_start():
    _, batch, init, *_ = compiled(toy())
    return plain(init(jax.random.key(0), batch))


def test_a_bad_batch_leaves_no_trace():
    c = toy()
    mesh, batch, init, one_step, *_ = compiled(c)
    state, _ = one_step(init(jax.random.key(0), batch), batch)
    before = plain(state)
    bad = sharding.make_global_batch(engine_toy.batch_of(1, c.batch_size, bad=True), mesh)
    state, metrics = one_step(state, bad)
    after = plain(state)
    assert math.isnan(float(metrics["loss"]))
    assert (after.pop("step"), before.pop("step")) == (2, 1)
    assert (after.pop("skipped").tolist(), before.pop("skipped").tolist()) == ([1, 1], [0, 0])
    assert same_bits(before, after)
    state, _ = one_step(state, batch)
    assert state.skipped.tolist() == [0, 1]
    assert not same_bits(before, {k: v for k, v in plain(state).items() if k in before})


def test_a_spike_is_left_out_and_what_stays_high_is_not():
    c = toy()
    mesh, batch, init, one_step, *_ = compiled(c)
    high = engine_toy.batch_of(1, c.batch_size)
    high = sharding.make_global_batch(high | {"y": 1000 * high["y"]}, mesh)
    state = init(jax.random.key(0), batch)
    for _ in range(3):
        state, usual = one_step(state, batch)
    before, usual = plain(state), float(usual["grad"])
    state, metrics = one_step(state, high)
    after = plain(state)
    assert train_step.SPIKE * usual < metrics["grad"] < math.inf
    assert after["usual"] > before["usual"] and after["skipped"].tolist() == [1, 1]
    changed = {name for name in after if after[name].tobytes() != before[name].tobytes()}
    assert changed == {"step", "skipped", "usual"}
    count = 1
    while state.skipped[0]:
        state, _ = one_step(state, high)
        count += 1
    assert 2 < count < loop.MAX_SKIPPED / 2


@pytest.mark.parametrize("bad", ["nothing", "loss", "gradient", "collection"])
def test_each_bad_number_is_seen(bad):
    def loss(variables, batch, rng, step):
        w = variables["params"]["w"]
        value = jnp.sqrt(w * 0).sum() if bad == "gradient" else (w**2).sum()
        value += jax.lax.stop_gradient(jnp.where(bad == "loss", jnp.inf, 0.0))
        return value, ({}, {"codes": {"c": jnp.where(bad == "collection", jnp.nan, w)}})

    def init(rng, batch):
        return {"params": {"w": jnp.ones(2)}, "codes": {"c": jnp.zeros(2)}}

    parts = {"task": task.Task(init, loss, None, None, None), "tx": optax.sgd(0.1), "decay": 0.0}
    state = train_step.init_state(jax.random.key(0), {}, **parts)
    after, _ = train_step.train_step(state, {}, **parts)
    assert after.skipped.tolist() == ([0, 0] if bad == "nothing" else [1, 1])
    assert bool((after.params["w"] == state.params["w"]).all()) == (bad != "nothing")
    assert bool((after.extra["codes"]["c"] == 0).all()) == (bad != "nothing")


def test_the_state_is_donated():
    _, batch, init, one_step, *_ = compiled(toy())
    state = init(jax.random.key(0), batch)
    one_step(state, batch)
    assert all(x.is_deleted() for x in jax.tree.leaves((state.params, state.opt_state, state.ema)))


def test_steps_compile_once_and_move_only_batches():
    """What moves to the devices is put there on purpose: the guard refuses all else."""
    c, events = toy(), []
    jax.monitoring.register_event_duration_secs_listener(lambda name, *_, **__: events.append(name))
    mesh, batch, init, one_step, *_ = compiled(c)
    state, _ = one_step(init(jax.random.key(0), batch), batch)
    assert any("/compile/" in name for name in events)
    events.clear()
    with jax.transfer_guard_host_to_device("disallow"):
        for number in range(3):
            state, _ = one_step(
                state, sharding.make_global_batch(engine_toy.batch_of(number, c.batch_size), mesh)
            )
    assert not any("/compile/" in name for name in events)
