"""Disks that fill while a run is evaluated, drawn or trained: one line, and what was whole stays (soak)."""

import os
import shutil
import subprocess

import faults
import pytest
from engine_helpers import rows
from host_helpers import flags
from paths import ROOT

from signjax.io import checksums

pytestmark = pytest.mark.soak
FILE_SIZES = [3_000, 60_000]  # bytes that a file can have at most
DISKS = ["64k"]
FULL = ("File too large", "No space left")


@pytest.fixture
def small_disk(tmp_path):
    """Makes disks of a size."""
    disks = []

    def make(size):
        folder = tmp_path / f"disk-{size}"
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder]
        if subprocess.run(mount, check=False, stderr=subprocess.DEVNULL).returncode:
            pytest.skip("this user may not mount a small disk")
        disks.append(folder)
        return folder

    yield make
    for folder in disks:
        subprocess.run(["umount", folder], check=True)


def evaluate(run, out, **options):
    arguments = ["--workdir", str(run), "--split", "dev", "--out", str(out)]
    return {"module": "signjax.evaluate", "arguments": arguments, **options}


def draw(run, out, **options):
    arguments = ["samples", str(run), "--split", "dev", "--num", "2", "--out", str(out)]
    return {"module": "signjax.tools.viz", "arguments": arguments, **options}


def list_files(folder):
    """{name: checksum} of what lies in a folder, hidden files and leftovers too."""
    return {os.path.relpath(path, folder): digest for path, digest in faults.list_checksums(folder).items()}


def count_bad_endings(endings) -> int:
    bad = [ending for ending in endings if ending.code != 22 or not ending.is_one_line(*FULL)]
    for ending in bad:
        print(*ending, sep="\n")
    return len(bad)


@pytest.mark.parametrize("command", [evaluate, draw])
def test_reports_and_pictures(command, tiny_runs, tmp_path, small_disk, promise):
    run, old, logs = tiny_runs / "runs/gpt", tmp_path / "old", tmp_path / "logs"
    (first,) = faults.run_forks([command(run, old)], logs, tmp_path)
    assert first.code == 0, first.err
    before, earlier = faults.list_checksums(run), list_files(old)
    limits = [size for size in FILE_SIZES if size < max(path.stat().st_size for path in old.iterdir())]
    cases = [command(run, old, file_size=size) for size in limits]
    new = [small_disk(size) / "new" for size in DISKS]
    cases += [command(run, folder) for folder in new]
    endings = faults.run_forks(cases, logs, tmp_path)
    kept = list_files(old)
    # Whoever reads a folder must not find scores of one evaluation beside pictures of another.
    changed = {name for name in earlier | kept if earlier.get(name) != kept.get(name)}
    assert not changed, changed
    for folder in new:
        files = list_files(folder) if folder.exists() else {}
        assert files.items() <= earlier.items(), f"half written: {files.keys()}"
    assert faults.list_checksums(run) == before
    bad = count_bad_endings(endings)
    promise(
        f"{command.__name__}: disks that fill, {len(cases)} times, not ended with 22 and the reason",
        bad,
        most=0,
    )


def test_the_evaluation_of_a_training(tiny_families, tiny_runs, tmp_path, promise):
    """At step 12, where nothing else is due; then the same command goes on."""
    fields = {"num_steps": 14, "eval_every": 12, "save_every": 14, "mesh.shape": (1,)}
    options = [f"--config={ROOT}/configs/gpt.py", *flags(**tiny_families["gpt"] | fields)]

    def train(folder, **limits):
        return {"module": "signjax.main", "arguments": [*options, f"--workdir={folder}"], **limits}

    runs = [shutil.copytree(tiny_runs / "runs/gpt", tmp_path / str(k)) for k in range(len(FILE_SIZES) + 1)]
    whole, *full = runs
    tries = [train(run, file_size=size) for run, size in zip(full, FILE_SIZES, strict=True)]
    endings = faults.run_forks(tries, tmp_path / "logs", tmp_path)
    for run in full:
        for which in ("latest", "best"):
            root = run / f"checkpoints/{which}"
            steps = checksums.list_steps(root)
            assert steps and not any(checksums.find_corruption(root / str(step)) for step in steps)
        assert not list(run.rglob(".damaged*"))
    bad = count_bad_endings(endings)
    promise(f"training: disks that fill, {len(tries)} times, not ended with 22 and the reason", bad, most=0)
    for ending in faults.run_forks([train(run) for run in runs], tmp_path / "logs", tmp_path):
        assert ending.code == 0 and "resumed from step 10" in ending.out, ending
    assert all(rows(run) == rows(whole) for run in full)
