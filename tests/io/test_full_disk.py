"""Disks that are full or read-only, a damaged compile cache: one line, and what was whole stays whole."""

import contextlib
import os
import pathlib
import resource
import shutil
import struct
import subprocess
import tempfile
import warnings

import engine_toy
import jax
import jax.numpy as jnp
import pytest
from engine_helpers import rows, toy
from jax.experimental.compilation_cache import compilation_cache

from signjax.cli import command
from signjax.errors import SignjaxWarning, StorageError
from signjax.io import atomic, checksums
from signjax.tasks.registry import make_task
from signjax.training import checkpoint, loop, process, saved_steps, trackers

NOBODY = 65534


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A toy run that nothing disturbed."""
    workdir = tmp_path_factory.mktemp("disk") / "whole"
    assert loop.train(toy(num_steps=20), workdir, make_task).finished
    return workdir


@pytest.fixture
def at_batch(monkeypatch):
    """Sets what happens before batches."""
    monkeypatch.setattr(engine_toy, "HOOKS", dict(engine_toy.HOOKS))
    return lambda hook: engine_toy.HOOKS.update(batch=hook)


@contextlib.contextmanager
def largest_file(size: int):
    """No file may grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory):
    """A disk of 1 MB."""
    folder = tmp_path_factory.mktemp("small")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], check=False).returncode:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def ended_well(workdir, whole, error: str, reason: str) -> None:
    """After a full disk: one line that names the last saved step, all steps whole, and the run goes on."""
    last = saved_steps.find_last_step(workdir, "latest")
    assert error.startswith(f"error: {workdir}: cannot continue (") and error.count("\n") == 1, error
    assert reason in error and f"last saved step {last}" in error and last >= 5
    for which in ("latest", "best"):
        root = saved_steps.get_checkpoint_folder(workdir, which)
        assert not any(checksums.find_corruption(root / str(s)) for s in checksums.list_steps(root))
    assert loop.train(toy(num_steps=20), workdir, make_task).finished
    assert rows(workdir) == rows(whole)


@pytest.mark.parametrize(
    "size", [*(pytest.param(size, marks=pytest.mark.extended) for size in (100, 1500)), 6000]
)
def test_files_that_cannot_grow(size, whole, tmp_path, at_batch, capsys):
    """Of different sizes, so that different files are the first that do not fit."""
    run = tmp_path / "run"
    with largest_file(resource.RLIM_INFINITY):
        at_batch(lambda n: resource.setrlimit(resource.RLIMIT_FSIZE, (size, -1)) if n == 13 else None)
        assert command.run_as_command(loop.train)(toy(num_steps=20), run, make_task) == StorageError.exit_code
    at_batch(lambda n: None)
    ended_well(run, whole, capsys.readouterr().err, os.strerror(27))


@pytest.mark.parametrize("room", [0, 40_000])
def test_a_full_disk(room, whole, small_disk, at_batch, capsys):
    run, fill = small_disk / "run", small_disk / "fill"

    def fill_up(n):
        if n == 13:
            with contextlib.suppress(OSError), fill.open("wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass
            os.truncate(fill, fill.stat().st_size - room)

    at_batch(fill_up)
    assert command.run_as_command(loop.train)(toy(num_steps=20), run, make_task) == StorageError.exit_code
    at_batch(lambda n: None)
    fill.unlink()
    ended_well(run, whole, capsys.readouterr().err, os.strerror(28))
    shutil.rmtree(run)


def test_a_disk_that_is_full_from_the_start(tmp_path, capsys):
    with largest_file(0):
        assert (
            command.run_as_command(loop.train)(toy(), tmp_path / "run", make_task) == StorageError.exit_code
        )
    assert "last saved step None" in capsys.readouterr().err


def test_output_files_are_whole_or_as_they_were(tmp_path):
    atomic.write_file(tmp_path / "clip.gif", b"old")
    with (
        largest_file(1000),
        pytest.raises(StorageError, match=r"clip\.gif: cannot be written \(File too"),
    ):
        atomic.write_file(tmp_path / "clip.gif", bytes(2000))
    assert [p.name for p in tmp_path.iterdir()] == ["clip.gif"]
    assert (tmp_path / "clip.gif").read_bytes() == b"old"


@contextlib.contextmanager
def nobody():
    """As a user without rights, if this one is root."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_read_only_run_can_be_used_but_not_trained(whole, capsys):
    parent = pathlib.Path(tempfile.mkdtemp(dir="/tmp"))  # pytest's own folders let nobody in
    try:
        parent.chmod(0o755)
        run = shutil.copytree(whole, parent / "run")
        for path in (*run.rglob("*"), run):
            path.chmod(0o555 if path.is_dir() else 0o444)
        with nobody():
            assert checkpoint.load_variables(run)[1] == saved_steps.find_last_step(run, "best")
            assert (
                command.run_as_command(loop.train)(toy(num_steps=24), run, make_task)
                == StorageError.exit_code
            )
            assert (
                command.run_as_command(loop.train)(toy(), parent / "new", make_task) == StorageError.exit_code
            )
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 2
        for line, folder in zip(lines, (run, parent / "new"), strict=True):
            assert line.startswith(f"error: {folder}: cannot be written (Permission denied)")
    finally:
        shutil.rmtree(parent)


def test_what_a_crash_left_is_cleared_and_what_is_foreign_ignored(tmp_path):
    latest = saved_steps.get_checkpoint_folder(tmp_path, "latest")
    for name in ("3.orbax-checkpoint-tmp/state", "99", "007", "notes"):
        (latest / name).mkdir(parents=True)
    (latest / "3.orbax-checkpoint-tmp/state/part").write_bytes(b"half")
    (latest / "12").write_text("a file")
    (tmp_path / "config.json.tmp").write_text("{")
    assert saved_steps.find_intact_step(tmp_path, "latest") is None
    assert loop.train(toy(num_steps=2), tmp_path, make_task).finished
    assert saved_steps.find_intact_step(tmp_path, "latest") == ("latest", 2)
    assert not list(latest.glob("*tmp*")) and not (tmp_path / "config.json.tmp").exists()
    assert (latest / "notes").is_dir()


def test_a_best_step_of_a_start_that_saved_nothing_is_forgotten(tmp_path, at_batch):
    """Killed before the first save, then begun anew with another config."""

    def crash(number):
        if number == 5:
            raise KeyError("torn away")

    at_batch(crash)
    with pytest.raises(KeyError):
        loop.train(toy(save_every=10), tmp_path, make_task)
    assert (
        saved_steps.find_last_step(tmp_path, "best") == 4
        and saved_steps.find_last_step(tmp_path, "latest") is None
    )
    at_batch(lambda n: None)
    assert loop.train(toy(num_steps=2, eval_every=2, **{"optim.lr": 1e-6}), tmp_path, make_task).finished
    assert checkpoint.load_variables(tmp_path)[1] == 2


def test_a_damaged_compile_cache_is_told_of_once_and_mended(tmp_path, capsys, monkeypatch):
    shown = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, kind, *_: shown.append((kind, str(message))))
    before = {name: jax.config.values[name] for name in ("jax_compilation_cache_dir",)}
    minimum = "jax_persistent_cache_min_compile_time_secs"
    before[minimum] = jax.config.values[minimum]

    def results():
        jax.clear_caches()
        return [float(jax.jit(f)(1.5)) for f in (jnp.sin, jnp.cos)]

    try:
        process.enable_compile_cache(tmp_path)
        jax.config.update(minimum, 0.0)
        compilation_cache.reset_cache()
        first, entries = results(), sorted(tmp_path.glob("*-cache"))
        assert len(entries) == 2
        for entry in entries:
            entry.write_bytes(b"damaged")
        assert results() == first
        assert shown == [(SignjaxWarning, f"{tmp_path}: error reading compiled programs; compiling again")]
        assert sorted(tmp_path.glob("*-cache")) == entries and all(len(e.read_bytes()) > 99 for e in entries)
        assert results() == first and len(shown) == 1 and capsys.readouterr() == ("", "")
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()


def test_tensorboard_files_are_what_it_reads(tmp_path):
    """Records of TensorFlow's format: length, its checksum, event, its checksum."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    checksum = pytest.importorskip("tensorboardX.record_writer").masked_crc32c
    trackers.write_metrics(
        [trackers.make_tensorboard_tracker(tmp_path, 4)], 6, {"eval/mpjpe": 0.25, "eval/bad": None}
    )
    (path,) = (tmp_path / "tensorboard").iterdir()
    assert path.name.startswith("events.out.tfevents.")
    data, events = path.read_bytes(), []
    while data:
        (length,), body = struct.unpack("<Q", data[:8]), data[12 : 12 + struct.unpack("<Q", data[:8])[0]]
        sums = struct.unpack("<I", data[8:12]) + struct.unpack("<I", data[12 + length : 16 + length])
        assert sums == (checksum(data[:8]), checksum(body))
        events.append(event_pb2.Event.FromString(body))
        data = data[16 + length :]
    assert events[0].file_version == "brain.Event:2"
    assert events[1].step == 5 and events[1].session_log.status == event_pb2.SessionLog.START
    assert [(e.step, v.tag, v.simple_value) for e in events for v in e.summary.value] == [
        (6, "eval/mpjpe", 0.25)
    ]
