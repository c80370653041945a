"""A run goes on on any number of devices."""

import elastic_run
import numpy as np
import pytest
from engine_helpers import run_script

DEVICES = (1, 2, 4, 8, 16, 64)


def moved(root, kind: str, fields: dict) -> float:
    """A run saved on 8 devices goes on on others with the same state; how far losses differ, relatively."""
    spec = {"root": str(root), "kind": kind, "fields": fields, "devices": DEVICES}
    many = {"XLA_FLAGS": "--xla_force_host_platform_device_count=64", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    results = {one["devices"]: one for one in run_script(elastic_run.__file__, spec, **many)}
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
