"""Damaged files are read or refused in one line: no crash, no hang, no escape, and bounded memory."""

import json
import os
import subprocess
import sys

import pytest
from paths import HELPERS, ROOT

MEMORY = 512  # MB that reading may take
# Mutations of each kind, 2,000 in all; those of the second group cost up to 100 ms each.
PLAIN = {"clip": 300, "pack": 150, "predictions": 200, "displacements": 250, "config": 200, "text": 100}
PLAIN |= {"metrics": 130, "record": 50, "formats": 400}
JAX = {"tokens": 60, "encoder": 20, "sample": 60, "texts": 60, "run": 10, "state": 10}


def outcome(script, *arguments):
    """What a script of this folder prints, in a process of its own."""
    path = os.pathsep.join([str(ROOT), str(HELPERS)])
    env = {**os.environ, "PYTHONPATH": path, "XLA_FLAGS": "", "OPENBLAS_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, HELPERS / script, *arguments], env=env, capture_output=True, text=True
    )
    assert not run.returncode, run.stderr[-2000:]
    return json.loads(run.stdout.splitlines()[-1])


def check(counts, seed):
    cases = outcome("fuzz.py", json.dumps(counts), str(seed))
    wrong = [line for case in cases.values() for line in case["wrong"]]
    assert not wrong, "\n".join([f"{len(wrong)} wrong:", *wrong[:5]])
    for name, case in cases.items():
        assert case["read"] + case["refused"] == counts[name] and case["memory"] < MEMORY
    return cases


@pytest.mark.parametrize(
    "counts", [PLAIN, pytest.param(JAX, marks=pytest.mark.extended)], ids=["plain", "jax"]
)
def test_two_thousand_mutations(counts):
    cases = check(counts, 0)
    refused = sum(case["refused"] for case in cases.values())
    assert 0.2 < refused / sum(counts.values()) < 0.95, "most damage must be seen, and some be harmless"


def check_formats(count, seed):
    cases = outcome("fuzz_formats.py", str(count), str(seed))
    for name, case in cases.items():
        assert not case["wrong"], "\n".join([f"{name}: {len(case['wrong'])} wrong:", *case["wrong"][:5]])
        assert case["memory"] < MEMORY and 0 < case["refused"] < case["refused"] + case["read"]
    return sum(case["read"] + case["refused"] for case in cases.values())


def test_two_thousand_mutations_of_each_format_of_others():
    pytest.importorskip("pyarrow")
    assert check_formats(2000, 0) > 6 * 2000


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 11))
def test_a_hundred_thousand_mutations(seed, promise):
    cases = {}
    for counts in (PLAIN, JAX):
        cases |= check({name: 5 * count for name, count in counts.items()}, seed)
    tried = sum(case["read"] + case["refused"] for case in cases.values())
    what = f"{tried:,} damaged files (seed {seed}), all read or refused in one line; memory that one took"
    promise(what, max(case["memory"] for case in cases.values()), most=MEMORY, unit="MB")


@pytest.mark.soak
def test_ten_thousand_hostile_configs(promise):
    """Of shared folders with right checksums, of every family; the first of those that load sign a text."""
    found = outcome("fuzz_configs.py", "10000", "1", "24")
    assert not found["wrong"], "\n".join([f"{len(found['wrong'])} wrong:", *found["wrong"][:5]])
    assert found["loaded"] > 500 and found["refused"] > 5000 and found["signed"] == 24
    tried = found["loaded"] + found["refused"]
    what = f"{tried:,} hostile configs of shared folders, all loaded or refused in one line;"
    promise(f"{what} memory that one took", found["memory"], most=MEMORY, unit="MB")
    promise(f"{what} time that one took", found["seconds"], most=60, unit="s")


@pytest.mark.extended
def test_files_that_ask_for_memory_do_not_get_it():
    outcomes = outcome("bombs.py")
    assert len(outcomes) > 15 and {"read"} < {verdict for _, verdict in outcomes.values()}
    assert max(taken for taken, _ in outcomes.values()) < MEMORY, outcomes
