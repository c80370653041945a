"""Eight simulated CPU devices for all tests, set before jax is imported; where the real data is."""

import contextlib
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


@contextlib.contextmanager
def _jax_options(options):
    import jax

    before = {name: jax.config.values[name] for name in options}
    for name, value in options.items():
        jax.config.update(name, value)
    yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.fixture(scope="module")
def compile_once(tmp_path_factory):
    """For a file whose tests compile the same few programs again and again."""
    from engine_helpers import CACHE
    from jax.experimental.compilation_cache import compilation_cache

    with _jax_options(CACHE | {"jax_compilation_cache_dir": str(tmp_path_factory.mktemp("xla"))}):
        compilation_cache.reset_cache()  # other test files may have compiled without
        yield


@pytest.fixture(scope="module")
def compile_quickly():
    """For a file whose tests run each program a few times only."""
    with _jax_options({"jax_disable_most_optimizations": True}):
        yield


@pytest.fixture(scope="session")
def tiny_runs(tmp_path_factory):
    """A folder with datasets/demo, runs/vqvae and runs/gpt, trained for some steps; copy what you change."""
    import gpt_run

    from signjax import train

    root = tmp_path_factory.mktemp("home")
    with _jax_options({"jax_disable_most_optimizations": True}):
        gpt_run.write(root)
        assert train.train(gpt_run.gpt_config(root), root / "runs/gpt") == 0
    return root
