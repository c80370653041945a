"""Runs killed at any moment lose no whole step and end as if nothing had been; on any number of devices."""

import json

import crash_run
import elastic_run
import numpy as np
import pytest
from engine_helpers import rows, spawn

from signjax.training import saved_steps

DEVICES = (1, 2, 4, 8, 16, 64)


def script(path, spec: dict, **environment) -> list[dict]:
    """Runs a script of tests/ with a JSON argument; its JSON lines."""
    process = spawn(path, json.dumps(spec), **environment)
    out, err = process.communicate(timeout=3000)
    assert process.returncode == 0, err[-3000:]
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def crashed(root, kind: str, fields: dict, kills: int, steps: int) -> int:
    """Kills a run, compares it with one that was left alone; returns how many kills came during a save."""
    spec = {"root": str(root), "kind": kind, "fields": fields, "kills": kills, "steps": steps}
    one = {"XLA_FLAGS": "--xla_force_host_platform_device_count=1", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    # As a user's restarts have it: programs are compiled once, and a kill may also come while they are kept.
    one |= {
        "JAX_COMPILATION_CACHE_DIR": str(root / "cache"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    *attempts, killed, whole = script(crash_run.__file__, spec | {"seed": 0, "changes": 60}, **one)
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
        a, b = (saved_steps.find_last_step(root / name, which) for name in ("killed", "whole"))
        assert a == b and {"latest": steps}.get(which, a) == a
    prints = [saved_steps.read_meta(root / n, "latest", steps)["fingerprint"] for n in ("killed", "whole")]
    assert prints[0] == prints[1]
    return sum(attempt["saving"] for attempt in attempts)


@pytest.mark.extended
def test_kills_change_nothing(tmp_path):
    crashed(tmp_path, "toy", {}, 5, 60)


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["vqvae", "gpt", "flow"])
def test_a_hundred_kills_change_nothing(kind, tiny_families, tmp_path, promise):
    saving = crashed(tmp_path, kind, tiny_families[kind], 100, 400)
    promise(f"{kind}: 100 kills, all losses as without; of them during a save", saving, least=1)


def moved(root, kind: str, fields: dict) -> float:
    """A run saved on 8 devices goes on on others with the same state; how far losses differ, relatively."""
    spec = {"root": str(root), "kind": kind, "fields": fields, "devices": DEVICES}
    many = {"XLA_FLAGS": "--xla_force_host_platform_device_count=64", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    results = {one["devices"]: one for one in script(elastic_run.__file__, spec, **many)}
    assert tuple(results) == DEVICES
    assert {one["digest"] for one in results.values()} == {results[8]["digest"]}
    losses = np.array([results[count]["losses"] for count in DEVICES])
    assert losses.shape[1] >= 4
    return np.abs(losses / results[8]["losses"] - 1).max()


@pytest.mark.soak
def test_a_run_goes_on_on_any_number_of_devices(tmp_path):
    assert moved(tmp_path, "toy", {}) <= 1e-6


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["vqvae", "gpt", "flow"])
def test_every_family_goes_on_on_any_number_of_devices(kind, tiny_families, tmp_path, promise):
    difference = moved(tmp_path, kind, tiny_families[kind])
    what = f"{kind}: saved on 8 devices, resumed on 1 to 64 with the same state; losses differ by"
    promise(what, difference, most=1e-6)
