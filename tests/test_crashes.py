"""Runs killed at any moment lose no whole step and end as if nothing had been; on any number of devices."""

import json
import shutil

import crash_run
import elastic_run
import gpt_run
import numpy as np
import pytest
from engine_helpers import rows, spawn

from signjax import checkpoint, train

DEVICES = (1, 2, 4, 8, 16, 64)


def script(path, spec: dict, **environment) -> list[dict]:
    """Runs a script of tests/ with a JSON argument; its JSON lines."""
    process = spawn(path, json.dumps(spec), **environment)
    out, err = process.communicate(timeout=3000)
    assert process.returncode == 0, err[-3000:]
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def crashed(root, kind: str, kills: int, steps: int) -> None:
    """Kills a run and compares it with one that was left alone."""
    spec = {"root": str(root), "kind": kind, "kills": kills, "seed": 0, "steps": steps, "changes": 60}
    one = {"XLA_FLAGS": "--xla_force_host_platform_device_count=1", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    *attempts, killed, whole = script(crash_run.__file__, spec, **one)
    assert len(attempts) == kills and all(attempts), "a larger number of steps is needed"
    kept = 0
    for attempt in attempts:
        assert not attempt["faults"]
        assert (attempt["left"] or 0) >= (attempt["whole"] or 0) >= kept
        kept = attempt["left"] or 0
    assert killed["code"] == whole["code"] == 0
    assert 0 < kept < steps
    assert rows(root / "killed") == rows(root / "whole")
    for which in ("latest", "best"):
        a, b = (checkpoint.last_step(root / name, which) for name in ("killed", "whole"))
        assert a == b and {"latest": steps}.get(which, a) == a
    prints = [checkpoint.read_meta(root / n, "latest", steps)["fingerprint"] for n in ("killed", "whole")]
    assert prints[0] == prints[1]
    print(f"\n{kind}: {kills} kills, {sum(a['saving'] for a in attempts)} of them during a save")


def test_kills_change_nothing(tmp_path):
    crashed(tmp_path, "toy", 5, 60)


@pytest.fixture
def home(tiny_runs, tmp_path):
    """A folder with data, a tokenizer and an auto-encoder, and place for more runs."""
    for name in ("datasets", "runs/vqvae"):
        shutil.copytree(tiny_runs / name, tmp_path / name)
    kl = {"quantizer.kind": "kl", "data.root": str(tmp_path / "datasets")}
    assert train.train(gpt_run.get_config("vqvae", **gpt_run.TOKENIZER | kl), tmp_path / "runs/kl") == 0
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["toy", "vqvae", "gpt", "flow"])
def test_a_hundred_kills_change_nothing(kind, home):
    crashed(home, kind, 100, 400)


def moved(root, kind: str) -> None:
    """A run saved on 8 devices goes on on others: the same state, the same losses."""
    spec = {"root": str(root), "kind": kind, "devices": DEVICES}
    many = {"XLA_FLAGS": "--xla_force_host_platform_device_count=64", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    found = {one["devices"]: one for one in script(elastic_run.__file__, spec, **many)}
    assert tuple(found) == DEVICES
    for count, one in found.items():
        assert one["digest"] == found[8]["digest"], count
        assert len(one["losses"]) >= 4
        np.testing.assert_allclose(one["losses"], found[8]["losses"], rtol=1e-6, atol=0, err_msg=str(count))


def test_a_run_goes_on_on_any_number_of_devices(tmp_path):
    moved(tmp_path, "toy")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["vqvae", "gpt", "flow"])
def test_every_family_goes_on_on_any_number_of_devices(kind, home):
    moved(home, kind)
