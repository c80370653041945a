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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """With SIGNJAX_REQUIRE_REAL set, a test of the real data that is skipped has failed."""
    report = yield
    skipped = report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker("real")
    if skipped and os.environ.get("SIGNJAX_REQUIRE_REAL"):
        report.outcome = "failed"
        report.longrepr = f"SIGNJAX_REQUIRE_REAL is set, but this test was skipped: {report.longrepr[2]}"
    return report
