"""Names that are too long: the part of the path that is, its limit, and what to do; never "make room"."""

import errno
import os

import pytest

from signjax.cli import command
from signjax.errors import StorageError
from signjax.io import atomic, safe_read
from signjax.io.long_names import describe_long_name
from signjax.training import process
from signjax.training.checkpoint_errors import convert_storage_errors

LONG = "a" * 300
SAID = "the name 'aaaaaaaaaaaaaaaa...' has 300 bytes, more than the 255 allowed"


@pytest.mark.parametrize("place", [LONG, f"{LONG}/file", f"x/{LONG}/y/file"])
def test_the_part_that_is_too_long_is_named(tmp_path, place):
    with pytest.raises(StorageError) as error:
        atomic.write_file(tmp_path / place, b"a")
    assert str(error.value) == f"{tmp_path / place}: cannot be written ({SAID}); choose a shorter name"
    with pytest.raises(safe_read.InvalidFileError, match=r"^the name 'a+...' has 300 bytes"):
        safe_read.read_bytes(tmp_path / place)
    with pytest.raises(StorageError, match="has 300 bytes"), atomic.build_folder(tmp_path / place):
        pass
    with (
        pytest.raises(StorageError, match=r"has 300 bytes.*--workdir"),
        process.lock_workdir(tmp_path / place),
    ):
        pass
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_bytes_count_and_whole_paths_do(tmp_path):
    with pytest.raises(StorageError, match=r"the name '你+...' has 300 bytes"):
        atomic.write_file(tmp_path / ("你" * 100), b"a")
    deep = "/".join(["b" * 200] * 25)
    with pytest.raises(StorageError, match=r"the path has 5,\d\d\d bytes, more than the 4,096 allowed"):
        atomic.write_file(f"{tmp_path}/{deep}", b"a")


@pytest.mark.parametrize("size", [99, 101, 249, 255])
def test_names_that_fit_are_written(tmp_path, size):
    with atomic.build_folder(tmp_path / ("a" * size)) as folder:
        atomic.write_file(folder / ("b" * size), b"a")
    assert (tmp_path / ("a" * size) / ("b" * size)).read_bytes() == b"a"


def test_the_limit_is_that_of_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "pathconf", lambda *_: 143)
    error = OSError(errno.ENAMETOOLONG, "File name too long", str(tmp_path / ("a" * 150)))
    assert "has 150 bytes, more than the 143" in describe_long_name(error)
    assert describe_long_name(OSError(errno.ENOSPC, "full", "x")) is None


def test_a_command_names_it(capsys):
    assert command.run_as_command(lambda: int(os.stat(LONG).st_size))() == StorageError.exit_code
    assert capsys.readouterr().err == f"error: {LONG}: {SAID}; choose a shorter name\n"


def test_a_training_names_what_is_too_long_and_not_its_folder(tmp_path):
    with (
        pytest.raises(StorageError, match=r"^a+: the name 'a+...' has 300 bytes"),
        convert_storage_errors(tmp_path, OSError),
    ):
        os.stat(LONG)
