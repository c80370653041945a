"""Memory estimated before compilation: held against XLA's own account; what cannot fit is refused."""

import functools
import types

import engine_helpers
import gpt_run
import jax
import jax.numpy as jnp
import pytest

from signjax.errors import ConfigError
from signjax.tasks.registry import make_task
from signjax.training import jaxpr_memory, loop, memory_check, sharding
from signjax.training.train_step import compile_steps

KB = 4 * 256  # bytes of 256 numbers


def peak(function, *shapes, parts=None):
    arrays = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    return jaxpr_memory.estimate_peak(jax.make_jaxpr(function)(*arrays), parts)


def test_what_is_held_at_once():
    one = (256, 1)
    assert peak(lambda x: (jnp.exp(x) * 2 + x).sum(), one) <= KB / 256  # fused into the sum
    assert peak(lambda x, w: x @ w, one, (1, 256)) == 256 * KB
    assert peak(lambda x, w: (x @ w).T.reshape(-1).sum(), one, (1, 256)) == 256 * KB + KB / 256
    # the tanh takes the place of what it is computed from
    assert peak(lambda x, w, v: (jnp.tanh(x @ w) @ v).sum(), one, (1, 256), (256, 1)) == 256 * KB + KB
    called = jax.jit(lambda x, w: x @ w)
    assert peak(lambda x, w: called(x, w).sum(), one, (1, 256)) == 256 * KB + KB / 256
    assert peak(lambda x, w: (x @ w).sum(), one, (1, 256), parts={(256, 256): 4}) == 64 * KB + KB / 256


def layers(x, kernels, remat=False):
    def layer(x, w):
        return jnp.tanh(jnp.tanh(jnp.tanh(x @ w) @ w) @ w)

    layer = jax.checkpoint(layer) if remat else layer
    for w in kernels:
        x = layer(x, w)
    return (x**2).sum()


def scanned(x, kernels, remat=False):
    def layer(x, w):
        return jnp.tanh(jnp.tanh(jnp.tanh(x @ w) @ w) @ w), None

    return (jax.lax.scan(jax.checkpoint(layer) if remat else layer, x, kernels)[0] ** 2).sum()


@pytest.mark.parametrize("function, remat, low, high", [
    (layers, False, 24, 30),  # three results of each of 8 layers, and some in passing
    (layers, True, 8, 16),
    (scanned, False, 48, 64),  # a loop stacks two numbers for the derivative of each tanh
    (scanned, True, 8, 18),
])  # fmt: skip
def test_what_the_backward_pass_keeps(function, remat, low, high):
    rows = 4096
    gradient = jax.grad(functools.partial(function, remat=remat), argnums=1)
    arrays_kept = peak(gradient, (rows, 64), (8, 64, 64)) / (rows * 64 * 4)
    assert low <= arrays_kept <= high
    assert peak(gradient, (2 * rows, 64), (8, 64, 64)) / (rows * 64 * 4) == pytest.approx(
        2 * arrays_kept, rel=0.02
    )


@pytest.fixture(scope="module")
def gpt(tiny_runs, tmp_path_factory):
    """Makes (jitted step, abstract state, batch) of a small GPT for a number of rows of 128 tokens."""
    workdir = tmp_path_factory.mktemp("gpt")

    def make(rows: int, devices: int = 1):
        c, size = gpt_run.gpt_config(tiny_runs), {"model.width": 64, "model.mlp": 256, "model.depth": 2}
        c.update_from_flattened_dict(size | {"batch_tokens": 128 * rows, "mesh.shape": (devices,)})
        task, mesh = make_task(c, workdir), sharding.make_mesh(c.mesh)
        batch = sharding.make_abstract_batch(next(iter(task.batches(0))), mesh)
        _, step, _, state = compile_steps(c, task, mesh, batch)
        return step, state, batch

    return make


@pytest.mark.extended
def test_a_gpt_step_is_within_the_bounds_of_xla_s_own_account(gpt, compile_quickly):
    step, state, batch = gpt(16)
    estimate = memory_check.estimate_memory(step, state, batch)
    account = step.lower(state, batch).compile().memory_analysis()
    assert estimate.arguments == pytest.approx(account.argument_size_in_bytes, rel=0.01)
    assert 0.5 <= estimate.temporaries / account.temp_size_in_bytes <= 1.3
    assert estimate.certain_bytes < account.argument_size_in_bytes + account.temp_size_in_bytes


@pytest.mark.extended
def test_a_device_of_many_holds_its_part_of_the_batch(gpt):
    alone, shared = (memory_check.estimate_memory(*gpt(rows, devices)) for rows, devices in ((4, 1), (32, 8)))
    assert shared == alone


def test_a_sharded_state_is_counted_as_xla_counts_it():
    _, batch, _, step, _, state = engine_helpers.compiled(engine_helpers.toy("fsdp"))
    estimate = memory_check.estimate_memory(step, state, batch)
    account = step.lower(state, batch).compile().memory_analysis()
    assert estimate.arguments == pytest.approx(account.argument_size_in_bytes, rel=0.02)
    _, batch, _, step, _, state = engine_helpers.compiled(engine_helpers.toy())
    assert estimate.arguments < memory_check.estimate_memory(step, state, batch).arguments


def device(usable: float | None, kind: str = "TPU of tests"):
    return types.SimpleNamespace(memory_stats=lambda: usable and {"bytes_limit": usable}, device_kind=kind)


def test_the_memory_of_a_device():
    get_memory_limit = memory_check.get_memory_limit
    # What a device reports comes before what is listed for its kind.
    assert get_memory_limit(device(7.0, "NVIDIA H200")) == 7.0
    assert get_memory_limit(device(None, "TPU v5 lite")) == 15.75 * 2**30
    assert get_memory_limit(device(None)) is None and get_memory_limit(jax.devices()[0]) is None


def test_only_what_surely_cannot_fit_is_refused():
    c, messages = engine_helpers.toy(), []
    estimate = memory_check.MemoryEstimate(
        arguments=4_000_000_000, gradients=10**9, temporaries=8_000_000_000, batch_sharers=1
    )
    assert estimate.expected_bytes == 12e9
    assert estimate.certain_bytes == 6e9 - memory_check.ON_CHIP / 4
    memory_check.check_memory(c, estimate, device(None), messages.append)
    memory_check.check_memory(c, estimate, device(13e9), messages.append)
    assert messages == []
    memory_check.check_memory(c, estimate, device(11e9), messages.append)
    assert messages == [
        "warning: a training step takes about 12 GB a device, 4 of them for state and batch; "
        "a TPU of tests has 11: lower batch_size, or give mesh.shape more devices"
    ]
    with pytest.raises(ConfigError, match=r"takes at least 5.97 GB .* has 5.5: lower batch_size") as e:
        memory_check.check_memory(c, estimate, device(5.5e9), messages.append)
    assert "\n" not in str(e.value) and len(messages) == 1
    with pytest.raises(ConfigError, match=r"has 4.5: make the model smaller, or split its state"):
        memory_check.check_memory(c, estimate, device(4.5e9), messages.append)
    c.model = {"remat": False}
    with pytest.raises(ConfigError, match=r"lower batch_size, set model.remat=True, or give"):
        memory_check.check_memory(c, estimate, device(5.5e9), messages.append)


def test_training_does_not_begin_where_it_cannot_fit(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(memory_check, "get_memory_limit", lambda device: 1000.0)
    with pytest.raises(ConfigError, match=r"a training step takes at least .* a cpu has 1e-06"):
        loop.train(engine_helpers.toy(), tmp_path / "run", make_task)
    assert not (tmp_path / "run/metrics.jsonl").exists() or not (tmp_path / "run/metrics.jsonl").read_text()
    monkeypatch.setattr(memory_check, "get_memory_limit", lambda device: 1e9)
    assert loop.train(engine_helpers.toy(num_steps=1), tmp_path / "run", make_task).finished
    assert "warning" not in capsys.readouterr().out


def test_a_state_that_cannot_fit_is_refused_before_it_is_allocated():
    """As on CPUs, whose limit is the memory of the machine."""
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    small, large = (
        {"kernel": jax.ShapeDtypeStruct((n, n), jnp.float32, sharding=sharding)} for n in (10, 10**8)
    )
    memory_check.check_state_memory(small)
    with pytest.raises(
        ConfigError, match=r"^the parameters and what .* take 4e\+07 GB a device, .* model smaller$"
    ):
        memory_check.check_state_memory(large)
