"""Eight simulated CPU devices for all tests, set before jax is imported; where the real data is."""

import os
import pathlib

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"

import pytest


@pytest.fixture
def real_data() -> pathlib.Path:
    """The folder of the real data (SIGNJAX_REAL_DATA); mark tests that use it with pytest.mark.real."""
    folder = os.environ.get("SIGNJAX_REAL_DATA")
    if not folder:
        pytest.skip("SIGNJAX_REAL_DATA is not set")
    return pathlib.Path(folder)
