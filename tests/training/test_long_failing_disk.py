"""Files of a run that cannot be read for a moment: the reason, and nothing of the run is given up (soak)."""

import errno
import shutil

import faults
import numpy as np
import pytest
from engine_helpers import rows
from host_helpers import flags
from paths import ROOT

pytestmark = pytest.mark.soak
ERRORS = [errno.EIO, errno.ESTALE, errno.EACCES, errno.EMFILE]
KINDS = "olsr"  # open, list, stat, read
PLACES = 24  # calls of a run, evenly spaced, from which on nothing can be read


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return {"LD_PRELOAD": str(faults.compile_library(tmp_path_factory.mktemp("library")))}


@pytest.fixture
def training(tiny_families):
    """The arguments that train the tiny GPT two steps further."""
    fields = tiny_families["gpt"] | {"num_steps": 12, "mesh.shape": (1,)}
    return [f"--config={ROOT}/configs/gpt.py", *flags(**fields)]


def fault(part, kinds, number, first=1, count=0):
    """The environment of a fault, see faults.c."""
    values = {"PATH": part, "CALLS": kinds, "ERRNO": number, "FROM": first, "COUNT": count}
    return {f"FAULT_{name}": str(value) for name, value in values.items()}


def count_bad_endings(cases, endings, before, after) -> int:
    """How many commands did not end with 22 and a line with the reason, or changed something."""
    bad = 0
    for case, ending in zip(cases, endings, strict=True):
        reason = faults.describe_errno(case["variables"]["FAULT_ERRNO"])
        if ending.code != 22 or not ending.is_one_line(reason):
            print(case["variables"], *ending, sep="\n")
            bad += 1
    changed = {path for path in before | after if before.get(path) != after.get(path)}
    assert not changed, changed
    return bad


def test_a_step_that_cannot_be_read_is_used_the_next_time(library, training, tiny_runs, tmp_path, promise):
    run = shutil.copytree(tiny_runs / "runs/gpt", tmp_path / "gpt")
    whole = shutil.copytree(run, tmp_path / "whole")
    before, arguments = faults.list_checksums(run), [*training, f"--workdir={run}"]
    cases = [
        {"module": "signjax.main", "arguments": arguments, "variables": fault("latest/10", kind, number)}
        for number in ERRORS
        for kind in KINDS
    ]
    endings = faults.run_forks(cases, tmp_path / "logs", tmp_path, **library)
    bad = count_bad_endings(cases, endings, before, faults.list_checksums(run))
    promise(
        f"{len(cases)} faults of the newest step: training that did not end with 22 and the reason",
        bad,
        most=0,
    )
    arguments = [[*training, f"--workdir={folder}"] for folder in (run, whole)]
    cases = [{"module": "signjax.main", "arguments": one} for one in arguments]
    for ending in faults.run_forks(cases, tmp_path / "logs", tmp_path):
        assert ending.code == 0 and "resumed from step 10" in ending.out and not ending.err
    assert rows(run) == rows(whole) and not list(run.rglob(".damaged*"))


def test_a_reader_gives_nothing_up(library, tiny_runs, tmp_path, promise):
    """Of the whole run, its tokenizer and its data: nothing can be read from some call on."""
    before = faults.list_checksums(tiny_runs)
    log = tmp_path / "calls"

    def sample(name, variables):
        options = ["--workdir", str(tiny_runs / "runs/gpt"), "--text", "hello", "--out", str(tmp_path / name)]
        return {"module": "signjax.sample", "arguments": options, "variables": variables}

    all_calls = fault("/runs/", KINDS, errno.EIO, first=1 << 30) | {"FAULT_LOG": str(log)}
    (ending,) = faults.run_forks([sample("whole", all_calls)], tmp_path / "logs", tmp_path, **library)
    assert ending.code == 0, ending.err
    calls = len(log.read_text().splitlines())
    places = np.unique(np.linspace(1, calls, PLACES).astype(int))
    cases = [
        sample(str(n), fault("/runs/", KINDS, ERRORS[k % len(ERRORS)], first=int(n)))
        for k, n in enumerate(places)
    ]
    endings = faults.run_forks(cases, tmp_path / "logs", tmp_path, **library)
    bad = count_bad_endings(cases, endings, before, faults.list_checksums(tiny_runs))
    what = f"no file of a run can be read from one of {len(cases)} calls on: readers that did not end with 22"
    promise(what, bad, most=0)
    for case in cases:
        assert not list((tmp_path / case["arguments"][-1]).glob("*.gif"))
