"""Fixtures of all tests: eight simulated CPU devices, programs compiled once, tiny runs, the real data.

The environment is set here before jax is imported.
"""

import contextlib
import fcntl
import importlib.metadata
import math
import os
import pathlib
import shutil
import tempfile

# Many tests and the processes that they start compile the same programs.
if "PYTEST_XDIST_WORKER" not in os.environ:  # workers share the folder of the process that starts them
    # A folder to keep between runs; without it a new one, removed at the end.
    kept = os.environ.get("SIGNJAX_TEST_CACHE")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = kept or tempfile.mkdtemp(prefix="signjax-xla-")
    if not kept:
        os.environ["SIGNJAX_TEST_CACHE_OWNER"] = str(os.getpid())
    # No JAX_COMPILATION_CACHE_MAX_SIZE: with a limit JAX reads the whole folder, under a lock, before every
    # write: 0.1 s at 2,000 programs. A program that the other process has half written is compiled again.
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.05"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
os.environ["JAX_PLATFORMS"] = "cpu"
# The caches of what tests start are in the home folder that they give it.
os.environ.pop("XDG_CACHE_HOME", None)
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
# XLA's newer way to compile loops for CPUs takes twice as long, and tests run most programs a few times only.
# An XLA that does not know a flag ends the process, so it is given to the versions that were tried.
if importlib.metadata.version("jaxlib").startswith("0.10."):
    os.environ["XLA_FLAGS"] += " --xla_cpu_use_fusion_emitters=false"

import pytest


def pytest_unconfigure(config):
    """Removes what was compiled, if this process made the folder: a test starts pytest within pytest."""
    if os.environ.get("SIGNJAX_TEST_CACHE_OWNER") == str(os.getpid()):
        shutil.rmtree(os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)


# From about half a minute on. Those behind the first need no run that the first one trains.
LONG = (
    "flow fuzz vqvae faces sharded_programs evaluate compiled_programs notebook runs benchmarks ae2d masked "
    "backtranslate api docs crashes"
)


def pytest_collection_modifyitems(items):
    """The longest files come first, so that both processes end at about the same time."""
    long = [f"test_{name}" for name in LONG.split()]
    items.sort(key=lambda item: long.index(item.path.stem) if item.path.stem in long else len(long))


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


@pytest.fixture
def promise(record_property):
    """promise(what, found, most=10, unit="s") checks a figure; a table of all ends the test session."""

    def check(what: str, measured: float, most=math.inf, least=-math.inf, unit: str = ""):
        limit = f"at least {least:g} {unit}" if most == math.inf else f"at most {most:g} {unit}"
        kept = least <= measured <= most
        row = what, limit.strip(), f"{measured:.3g} {unit}".strip(), "yes" if kept else "NO"
        record_property("promise", row)
        assert kept, f"{what}: {limit} was promised, {measured} {unit} was found"

    return check


def pytest_terminal_summary(terminalreporter):
    """Prints what tests have measured with `promise`."""
    reports = [r for outcome in ("passed", "failed") for r in terminalreporter.stats.get(outcome, [])]
    rows = [value for r in reports for name, value in r.user_properties if name == "promise"]
    if rows:
        terminalreporter.section("promises")
        for row in [("promise", "limit", "found", "kept"), ("---",) * 4, *rows]:
            terminalreporter.write_line(f"| {' | '.join(row)} |")


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
def compile_quickly():
    """For a file whose tests run each program a few times only."""
    with _jax_options({"jax_disable_most_optimizations": True}):
        yield


@contextlib.contextmanager
def _made_once(folder: pathlib.Path):
    """Whether what belongs in `folder` is still to be made: one process makes it, others wait for it."""
    folder.mkdir(exist_ok=True)
    with open(folder / ".making", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield not (folder / ".made").exists()
        (folder / ".made").touch()


@pytest.fixture(scope="session")
def tiny_runs(tmp_path_factory):
    """A folder with datasets/demo, runs/vqvae and runs/gpt, trained for some steps; copy what you change."""
    import gpt_run

    from signjax.tasks.registry import make_task
    from signjax.training import loop

    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "home"
    with _made_once(root) as missing, _jax_options({"jax_disable_most_optimizations": True}):
        if missing:
            gpt_run.write(root)
            assert loop.train(gpt_run.gpt_config(root), root / "runs/gpt", make_task).finished
    return root


@pytest.fixture(scope="session")
def tiny_families(tiny_runs):
    """{config: changes that make it tiny}; what they need lies in `tiny_runs`."""
    import gpt_run

    from signjax.tasks.registry import make_task
    from signjax.training import loop

    data = {"data.root": str(tiny_runs / "datasets")}
    c = gpt_run.get_config("vqvae", **data, **gpt_run.LATENTS)
    with _made_once(tiny_runs / "runs/kl") as missing:
        assert not missing or loop.train(c, tiny_runs / "runs/kl", make_task).finished
    return {
        "vqvae": data | gpt_run.TOKENIZER,
        "gpt": data | gpt_run.GPT | {"tokenizer": str(tiny_runs / "runs/vqvae")},
        "flow": data | gpt_run.FLOW | {"autoencoder": str(tiny_runs / "runs/kl")},
    }
