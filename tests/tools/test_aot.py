"""The training step compiled for TPUs that are not there; most tests need libtpu, see docs/memory.md."""

import importlib.util

import gpt_run
import pytest
from paths import ROOT

from signjax.benchmarks import tpu_programs
from signjax.errors import ConfigError
from signjax.training import memory_check, sharding

libtpu = pytest.mark.skipif(not importlib.util.find_spec("libtpu"), reason=tpu_programs.INSTALL)
SIZE = {"model.width": 128, "model.mlp": 512, "model.depth": 2, "model.text_depth": 1, "versions": 1}


def test_without_libtpu_a_line_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pip install --no-deps libtpu==") as e:
        tpu_programs.describe_chips("v5e:2x4")
    assert e.value.exit_code == 23


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A small GPT's, on a demo set and a tokenizer that were made for it."""
    c = gpt_run.get_config("gpt", **SIZE, **{"mesh.shape": (-1,)})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        tpu_programs.use_demo_data(c, str(tmp_path_factory.mktemp("home")))
    return c


def compiled(c, devices, tmp_path, rows: int):
    c = c.copy_and_resolve_references()
    c.batch_tokens = 128 * rows * len(devices)
    return tpu_programs.trace_step(c, sharding.make_mesh(c.mesh, devices), str(tmp_path / "run"))


@libtpu
@pytest.mark.parametrize("topology, slices, chips", [
    ("v5e:2x4", 1, 8),
    ("v6e:2x4", 1, 8),
    ("v5p:2x2x2", 1, 8),
    ("v5e:2x4", 2, 16),
])  # fmt: skip
def test_the_step_compiles_and_is_as_large_as_estimated(config, tmp_path, topology, slices, chips):
    devices = tpu_programs.describe_chips(topology, slices)
    assert len(devices) == chips and len({getattr(d, "slice_index", 0) for d in devices}) == slices
    step, state, batch = compiled(config, devices, tmp_path, rows=8)
    estimate = memory_check.estimate_memory(step, state, batch)
    program = tpu_programs.compile_step(step, state, batch)
    account = program.memory_analysis()
    assert account.alias_size_in_bytes >= 0.99 * account.output_size_in_bytes  # the state is updated in place
    assert 0.5 * account.temp_size_in_bytes <= estimate.temporaries
    assert estimate.certain_bytes < account.argument_size_in_bytes + account.temp_size_in_bytes
    assert "all-reduce" in tpu_programs.describe_program(program)[-1]


@libtpu
def test_xla_refuses_what_is_refused_beforehand(config, tmp_path):
    devices = tpu_programs.describe_chips("v5e:2x2")
    step, state, batch = compiled(config, devices, tmp_path, rows=8192)
    estimate = memory_check.estimate_memory(step, state, batch)
    with pytest.raises(ConfigError, match=r"at least .* lower batch_tokens, .* or give mesh"):
        memory_check.check_memory(config, estimate, devices[0], print)
    with pytest.raises(ConfigError, match="XLA finds no room"):
        tpu_programs.compile_step(step, state, batch)


@libtpu
def test_what_a_topology_cannot_be_is_one_line(config):
    with pytest.raises(ConfigError, match="--topology 'v5e:3x5': give chips as v5e:2x4"):
        tpu_programs.describe_chips("v5e:3x5")
    config = config.copy_and_resolve_references()
    config.mesh.shape, config.mesh.axes = (8, 8), ("data", "fsdp")
    with pytest.raises(ConfigError, match=r"mesh.shape=.*wired"):
        sharding.make_mesh(config.mesh, tpu_programs.describe_chips("v5p:4x4x4"))
