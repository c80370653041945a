"""What the devices cannot share is refused before anything is loaded; what they can is filled up."""

import warnings
from types import SimpleNamespace

import gpt_run
import ml_collections
import numpy as np
import pytest

from signjax.benchmarks import tpu_programs
from signjax.data import sources
from signjax.errors import ConfigError, SignjaxWarning
from signjax.tasks.batches import iterate_dev_rows, stream_filled_rows
from signjax.tasks.registry import make_task
from signjax.training import batch_checks, loop, sharding


def mesh_of(shape, axes, owners):
    """What the checks ask of a mesh whose devices belong to these hosts."""
    devices = [SimpleNamespace(process_index=owner) for owner in owners]
    grid = np.array(devices, object).reshape(shape)
    return SimpleNamespace(shape=dict(zip(axes, shape, strict=True)), axis_names=axes, devices=grid)


def test_a_batch_that_does_not_divide_is_refused_before_data_are_read(tmp_path):
    c = gpt_run.get_config("vqvae", **{"data.root": str(tmp_path / "none"), "batch_size": 12})
    c.mesh.shape = (8,)
    with pytest.raises(ConfigError, match=r"batch_size is 12,.* 8 equal parts .*multiple of 8,.* such as 4"):
        loop.train(c, tmp_path / "run", make_task)
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]
    c.mesh.shape = (4,)
    batch_checks.check_batch_size(c, sharding.make_mesh(c.mesh))


@pytest.mark.parametrize("shape, axes, owners, hosts, message", [
    ((4, 2), ("data", "tensor"), [0, 0, 1, 1, 2, 2, 3, 3], 4, ""),
    ((2, 2, 2), ("data", "fsdp", "tensor"), [0, 0, 0, 0, 1, 1, 1, 1], 2, ""),
    ((2, 4), ("tensor", "data"), [0, 0, 1, 1, 0, 0, 1, 1], 2, ""),
    ((2, 4), ("data", "tensor"), [0, 0, 1, 1, 2, 2, 3, 3], 4, "on more than one of 4 hosts; make the other"),
    ((4,), ("data",), [0, 0, 1, 1], 4, "devices of 2 of 4 hosts"),
    ((3,), ("data",), [0, 0, 1], 2, "use all devices, or start fewer hosts"),
])  # fmt: skip
def test_hosts_that_cannot_share_a_batch_are_refused(monkeypatch, shape, axes, owners, hosts, message):
    monkeypatch.setattr("jax.process_count", lambda: hosts)
    if not message:
        return batch_checks.check_hosts(mesh_of(shape, axes, owners))
    with pytest.raises(ConfigError, match=message):
        batch_checks.check_hosts(mesh_of(shape, axes, owners))


def test_few_rows_are_filled_up_and_the_batch_that_needs_no_filling_is_named():
    c = ml_collections.ConfigDict({"seed": 0, "batch_tokens": 512, "eval_batch_size": 3})
    c.mesh = {"shape": (8,), "axes": ("data",)}
    rows = sources.ArrayRows({"segment": np.ones((20, 128), np.int32)})
    with pytest.warns(SignjaxWarning, match="makes 4 rows .* for 8 devices; 4 empty .* batch_tokens=1024,"):
        stream = stream_filled_rows(c, rows, "batch_tokens", 128)(0)
    assert next(stream)["segment"].sum(1).tolist() == [128] * 4 + [0] * 4
    stream.close()
    for batch in iterate_dev_rows(c, rows)():
        assert len(batch["weight"]) == 8
        sharding.make_global_batch(batch, sharding.make_mesh(c.mesh))
    c.batch_tokens = 1024
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stream_filled_rows(c, rows, "batch_tokens", 128)


def test_a_batch_of_devices_that_are_fewer_is_left_as_it_is():
    c = ml_collections.ConfigDict({"seed": 0, "batch_tokens": 512})
    c.mesh = {"shape": (2, 2, 2), "axes": ("data", "fsdp", "tensor")}
    rows = sources.ArrayRows({"segment": np.ones((20, 128), np.int32)})
    stream = stream_filled_rows(c, rows, "batch_tokens", 128)(0)
    assert next(stream)["segment"].shape == (4, 128)
    stream.close()


@pytest.mark.extended
def test_a_step_is_compiled_with_the_rows_that_its_training_has(tiny_runs, tmp_path):
    """For chips that are not there: two rows of tokens on a mesh of eight."""
    c = gpt_run.gpt_config(tiny_runs)
    c.mesh.shape = (8,)
    _, _, batch = tpu_programs.trace_step(c, sharding.make_mesh(c.mesh), str(tmp_path / "run"))
    assert {x.shape[0] for x in batch.values()} == {8}
    c = gpt_run.get_config("vqvae", **{"data.root": str(tiny_runs / "datasets"), "batch_size": 12})
    mesh = sharding.make_mesh(ml_collections.ConfigDict({"shape": (8,), "axes": ("data",)}))
    with pytest.raises(ConfigError, match="batch_size is 12"):
        tpu_programs.trace_step(c, mesh, str(tmp_path / "other"))
