"""What a machine lacks is told from what is wrong with a file."""

import errno
import os

import pytest
from failing_disk import unreadable

from signjax.cli import command
from signjax.errors import StorageError
from signjax.io import machine_errors, safe_read


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENOMEM])
def test_a_file_that_cannot_be_read_now_is_not_called_invalid(number, tmp_path):
    (tmp_path / "file").write_bytes(b"{}")
    with unreadable("file", number), pytest.raises(safe_read.UnreadableFileError) as error:
        safe_read.read_json(tmp_path / "file")
    assert machine_errors.choose_advice(error.value, "delete it") == machine_errors.RETRY


def test_a_file_that_cannot_be_asked_for_is_not_called_missing(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert machine_errors.is_file(tmp_path / "file") and not machine_errors.is_file(tmp_path / "none")
    with unreadable("file", errno.ESTALE), pytest.raises(StorageError, match="cannot be read"):
        machine_errors.is_file(tmp_path / "file")


def test_a_file_that_is_none_is_invalid(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_bytes(b"")
    for name in ("", "loop", "file/in/it", "x" * 300):
        with pytest.raises(safe_read.InvalidFileError) as error:
            safe_read.read_bytes(tmp_path / name)
        assert type(error.value) is safe_read.InvalidFileError
        assert machine_errors.choose_advice(error.value, "delete it") == "delete it"
    with pytest.raises(safe_read.MissingFileError):
        safe_read.read_bytes(tmp_path / "missing")


@pytest.mark.parametrize("error, text", [
    (MemoryError(), "memory"),
    (RuntimeError("can't start new thread"), "threads"),
    (Exception("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8 bytes."), "memory"),
    (ValueError("Disallowed device-to-host transfer: shape=f32[3]"), "JAX_TRANSFER_GUARD"),
])  # fmt: skip
def test_a_command_says_in_a_line_what_the_machine_lacks(error, text, capsys):
    def main():
        raise RuntimeError("wrapped by a library") from error

    assert command.run_as_command(main)() == 1
    line = capsys.readouterr().err
    assert line.startswith("error: this machine has ") and text in line and line.count("\n") == 1


def test_other_errors_of_a_command_stay_bugs():
    def main():
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        command.run_as_command(main)()


def test_what_is_loaded_after_its_checksums_matched_is_never_the_file():
    for error in (MemoryError(), KeyError("x"), OSError(errno.EIO, os.strerror(errno.EIO))):
        with pytest.raises(StorageError, match=r"by this machine.*nothing was changed") as caught:  # noqa: SIM117
            with machine_errors.convert_load_errors("runs/gpt"):
                raise error
        assert "delete" not in str(caught.value)


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EACCES])
def test_a_library_that_takes_an_unreadable_file_for_a_missing_one_is_not_believed(number, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state/array").write_bytes(b"1")
    reason = rf"state/array: cannot be read \({os.strerror(number)}\).*goes on when it can be read"
    with pytest.raises(StorageError, match=reason):  # noqa: SIM117
        with unreadable("array", number), machine_errors.convert_load_errors(tmp_path):
            raise ValueError("Requested directory for restore does not exist")
    with pytest.raises(StorageError, match=r"does not exist\) by this machine: look at"):  # noqa: SIM117
        with machine_errors.convert_load_errors(tmp_path):
            raise ValueError("Requested directory for restore does not exist")
