"""How commands end that the machine lets down: no such backend, standard output closed, no locks."""

import errno
import fcntl
import os
import sys

import jax
import pytest

from signjax.cli import command, missing_backends
from signjax.errors import DataError, SignjaxWarning, StorageError
from signjax.io import atomic, locks
from signjax.training import process


def fail(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize("platform, error, message", [
    ("cuda", AssertionError(), "has no such backend; install signjax[cuda], or unset it"),
    ("gpu", RuntimeError("Unable to initialize backend 'rocm'"), "install signjax[cuda], or unset it"),
    ("tpu", RuntimeError("libtpu.so"), "install signjax[tpu], or unset it"),
    ("cpu,other", RuntimeError("unknown\nlines"), "cannot use such a device here (unknown); unset it"),
])  # fmt: skip
def test_a_missing_backend_is_one_line(monkeypatch, capsys, platform, error, message):
    monkeypatch.setenv("JAX_PLATFORMS", platform)
    monkeypatch.setattr(missing_backends.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(jax, "devices", fail(error))
    assert command.run_as_command(fail(error))() == 23
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1 and shown.startswith(f"error: JAX_PLATFORMS is {platform}, and")
    assert message in shown


def test_a_backend_that_is_missing_beside_another_is_one_line(monkeypatch, capsys):
    """Asked a second time, JAX gives the other."""
    monkeypatch.setenv("JAX_PLATFORMS", "cpu,")
    failure = RuntimeError("Unable to initialize backend '': not in the list")
    assert command.run_as_command(fail(failure))() == 23
    assert capsys.readouterr().err.startswith(
        "error: JAX_PLATFORMS is cpu,, and JAX cannot use such a device"
    )


def test_a_driver_that_does_not_work_is_told_as_it_is(monkeypatch, capsys):
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    monkeypatch.setattr(missing_backends.importlib.util, "find_spec", lambda name: "installed")
    monkeypatch.setattr(jax, "devices", fail(RuntimeError("CUDA_ERROR_NO_DEVICE")))
    assert command.run_as_command(fail(AssertionError()))() == 23
    assert "JAX cannot use such a device here (CUDA_ERROR_NO_DEVICE)" in capsys.readouterr().err


def test_a_bug_keeps_its_traceback(monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    with pytest.raises(ZeroDivisionError):
        command.run_as_command(fail(ZeroDivisionError()))()


@pytest.fixture
def closed_pipe():
    read, write = os.pipe()
    os.close(read)
    # Line by line, so that printing fails at once; and with closefd, so that the test leaves no descriptor.
    with os.fdopen(write, "w", buffering=1) as stream:
        yield stream


def print_lines():
    print("one\ntwo")
    return 0


def print_at_the_end():
    sys.stdout.reconfigure(line_buffering=False)
    print("one")
    return 0


def print_help():
    print_at_the_end()
    sys.exit(0)


def train():
    try:
        print("one")
    except OSError as error:
        raise StorageError(f"cannot go on ({error.strerror}); make room") from None


@pytest.mark.parametrize("main", [print_lines, print_at_the_end, print_help, train])
def test_a_closed_pipe_is_one_line(closed_pipe, monkeypatch, capsys, main):
    monkeypatch.setattr(sys, "stdout", closed_pipe)
    assert command.run_as_command(main)() == StorageError.exit_code
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1 and "standard output was closed by the program that reads it" in shown


def test_a_reader_that_has_seen_enough_is_no_error(closed_pipe, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", closed_pipe)
    assert command.run_as_command(lambda: 0)() == 0
    assert command.run_as_command(fail(DataError("no clips")))() == 21
    assert capsys.readouterr().err == "error: no clips\n"


def test_commands_run_without_standard_output(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", None)
    # Number 1 is that of the tests' own output.
    kept = os.dup(1)
    try:
        assert command.run_as_command(print_lines)() == 0
        assert command.run_as_command(fail(DataError("no clips")))() == 21
    finally:
        os.dup2(kept, 1)
        os.close(kept)
    assert capsys.readouterr().err == "error: no clips\n"


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_disk_without_locks_is_warned_of_once(tmp_path, monkeypatch, number):
    def refuse(handle, how):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(locks, "_warned", set())
    with pytest.warns(SignjaxWarning) as warned:
        with process.lock_workdir(tmp_path / "run"):
            atomic.write_file(tmp_path / "run/config.json", b"{}")
        with atomic.build_folder(tmp_path / "mine") as folder:
            (folder / "text.txt").write_text("hello")
    assert (tmp_path / "mine/text.txt").exists() and (tmp_path / "run/config.json").read_bytes() == b"{}"
    [warning] = warned
    assert str(warning.message).startswith(f"{tmp_path}/run: this disk has no locks (")
