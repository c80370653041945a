"""Too little memory, too few threads, no transfers to devices: the right result, or one line (soak)."""

import json
import os
import shutil

import faults
import numpy as np
import pytest
from host_helpers import flags
from paths import ROOT

from signjax.training import saved_steps

pytestmark = pytest.mark.soak
MEGABYTE = 1 << 20
MODULES = ["signjax.sample", "signjax.evaluate", "signjax.main"]
LIMITS = {module: [300, 450, 600, 1100, 1400, 1600, 2000, 4000] for module in MODULES}  # MB
THREADS = {module: [0, 5, 30, 45, 60] for module in MODULES}
# An evaluation takes a minute, and begins as the others do.
LIMITS["signjax.evaluate"], THREADS["signjax.evaluate"] = [300, 1100, 4000], [5, 60]
SHORTAGES = ("memory", "threads", "device")


@pytest.fixture(scope="module")
def resume(tiny_families):
    """The arguments that train the tiny GPT two steps further."""
    fields = tiny_families["gpt"] | {"num_steps": 12, "mesh.shape": (1,)}
    return [f"--config={ROOT}/configs/gpt.py", *flags(**fields)]


def commands(home, run, out, resume):
    """{module: its arguments} of what is tried; what they write goes to `out`, but for the training."""
    return {
        "signjax.sample": ["--workdir", run, "--text", "hello", "--out", out / "sample"],
        "signjax.evaluate": ["--workdir", run, "--split", "dev", "--out", out / "scores"],
        "signjax.main": [*resume, f"--workdir={run}"],
    }


def results(module, run, out):
    """What a command made, to be compared."""
    if module == "signjax.sample":
        with np.load(out / "sample/hello.npz") as arrays:
            return {name: arrays[name].tobytes() for name in arrays}
    if module == "signjax.evaluate":
        scores = json.loads((out / "scores/scores.json").read_text())
        return scores | {"system": "", "cost": {}}  # the folder of the run and the seconds of a clip differ
    return saved_steps.read_meta(run, "latest", 12)["fingerprint"]


@pytest.fixture(scope="module")
def expected(tiny_runs, resume, tmp_path_factory):
    """{module: result} without any fault; also compiles all programs."""
    out = tmp_path_factory.mktemp("expected")
    run = shutil.copytree(tiny_runs / "runs/gpt", out / "gpt")
    made = {}
    for module, arguments in commands(tiny_runs, run, out, resume).items():
        ending = faults.run_command(module, *arguments, home=out)
        assert ending.code == 0, ending.err[-2000:]
        made[module] = results(module, run, out)
    return made


def count_bad_endings(module, tries, tiny_runs, resume, expected, tmp_path) -> tuple[int, int]:
    """(commands that ended badly, that did their work) of those with these faults, {what: options}."""
    bad = done = 0
    original = tiny_runs / "runs/gpt"
    for number, options in enumerate(tries):
        out = tmp_path / str(number)
        run = shutil.copytree(original, out / "gpt")
        if module == "signjax.main":
            # It keeps the config that it is started with; all else stays as it is.
            config = run / "config.json"
            config.write_text(config.read_text().replace('"num_steps": 10', '"num_steps": 12'))
        before = faults.list_checksums(run)
        arguments = commands(tiny_runs, run, out, resume)[module]
        ending = faults.run_command(module, *arguments, home=tmp_path, **options)
        if ending.code == 0:
            right = results(module, run, out) == expected[module]
            done += right
        else:
            right = ending.code in (1, 22) and ending.is_one_line(*SHORTAGES)
            right &= faults.list_checksums(run) == before and not (out / "scores").exists()
        if not right:
            print(module, options, *ending, sep="\n")
        bad += not right
        shutil.rmtree(out)
    return bad, done


@pytest.mark.parametrize("module", MODULES)
def test_too_little_memory(module, tiny_runs, resume, expected, tmp_path, promise):
    tries = [{"limit": limit * MEGABYTE} for limit in LIMITS[module]]
    bad, done = count_bad_endings(module, tries, tiny_runs, resume, expected, tmp_path)
    promise(f"{module}: {len(tries)} limits of memory, neither the right result nor one line", bad, most=0)
    promise(f"{module}: of these with the right result", done, least=1)


@pytest.mark.parametrize("module", MODULES)
def test_too_few_threads(module, tiny_runs, resume, expected, tmp_path, promise):
    preload = {"LD_PRELOAD": str(faults.compile_library(tmp_path))}
    cores = 5 * ((os.cpu_count() or 1) - 2)  # each of JAX's pools has a thread for each
    tries = [preload | {"FAULT_THREADS": str(most + (cores if most > 40 else 0))} for most in THREADS[module]]
    bad, done = count_bad_endings(module, tries, tiny_runs, resume, expected, tmp_path)
    promise(f"{module}: {len(tries)} limits of threads, neither the right result nor one line", bad, most=0)
    promise(f"{module}: of these with the right result", done, least=1)


def test_transfers_that_are_forbidden(tiny_runs, resume, expected, tmp_path, promise):
    bad = 0
    for module in expected:
        guards = [{"JAX_TRANSFER_GUARD": "disallow"}]
        bad += count_bad_endings(module, guards, tiny_runs, resume, expected, tmp_path / module)[0]
    promise("transfers to devices are forbidden, neither the right result nor one line", bad, most=0)
