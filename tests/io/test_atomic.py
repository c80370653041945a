"""Files and folders appear whole or not at all, also when several processes write the same one."""

import os
import signal
import subprocess
import sys

import pytest
from paths import ROOT

from signjax.errors import StorageError
from signjax.io import atomic, temporary_folders


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_process_left_of_a_file_is_used_again(tmp_path):
    (tmp_path / "clip.gif.tmp").write_bytes(bytes(100))
    assert atomic.write_file(tmp_path / "clip.gif", b"new") == tmp_path / "clip.gif"
    assert names(tmp_path) == ["clip.gif"] and (tmp_path / "clip.gif").read_bytes() == b"new"


def test_a_file_is_not_written_through_a_hard_link(tmp_path):
    (tmp_path / "mine").write_bytes(b"precious")
    os.link(tmp_path / "mine", tmp_path / "out.tmp")
    atomic.write_file(tmp_path / "out", lambda file: file.write(b"new"))
    assert (tmp_path / "mine").read_bytes() == b"precious" and (tmp_path / "out").read_bytes() == b"new"


def test_a_writer_that_fails_leaves_the_old_file_alone(tmp_path):
    def fail(file):
        file.write(b"half")
        raise KeyboardInterrupt

    atomic.write_file(tmp_path / "out", b"old")
    with pytest.raises(KeyboardInterrupt):
        atomic.write_file(tmp_path / "out", fail)
    assert names(tmp_path) == ["out"] and (tmp_path / "out").read_bytes() == b"old"


def test_long_names_can_be_written(tmp_path):
    name = "x" * 250
    atomic.write_file(tmp_path / name, b"")
    assert names(tmp_path) == [name]


def test_processes_that_write_the_same_file_leave_one_of_theirs(tmp_path):
    code = (
        "import sys; from signjax.io import atomic\n"
        "for _ in range(200): atomic.write_file(sys.argv[1], lambda f: [f.write(sys.argv[2].encode()) or "
        "f.flush() for _ in range(50)])"
    )
    path = tmp_path / "out"
    running = [subprocess.Popen([sys.executable, "-c", code, path, letter], cwd=ROOT) for letter in "abc"]
    seen = set()
    while any(process.poll() is None for process in running):
        if path.exists():
            seen.add(path.read_bytes())
    assert [process.returncode for process in running] == [0, 0, 0]
    assert seen <= {letter * 50 for letter in (b"a", b"b", b"c")} and names(tmp_path) == ["out"]


def test_one_process_at_a_time_builds_a_folder(tmp_path):
    with atomic.build_folder(tmp_path / "mine") as folder:
        (folder / "a").mkdir()
        with pytest.raises(StorageError, match="another process is"), atomic.build_folder(tmp_path / "mine"):
            pass
    assert (tmp_path / "mine/a").is_dir() and names(tmp_path) == ["mine"]


def test_what_a_killed_process_left_of_a_folder_is_removed(tmp_path):
    code = (
        "import sys, time; from signjax.io import atomic\n"
        "with atomic.build_folder(sys.argv[1]) as folder:\n"
        "    (folder / 'old').mkdir()\n"
        "    print(flush=True)\n"
        "    time.sleep(60)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "mine"], cwd=ROOT, stdout=subprocess.PIPE
    )
    child.stdout.readline()
    with pytest.raises(StorageError, match="another process is"), atomic.build_folder(tmp_path / "mine"):
        pass
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert names(tmp_path) == [".mine.part"]
    atomic.write_folder(tmp_path / "mine", {"a/b": bytearray(b"new")})
    assert names(tmp_path) == ["mine"] and names(tmp_path / "mine") == ["a"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_folder_that_cannot_be_finished_leaves_nothing(tmp_path, error):
    expected = StorageError if isinstance(error, OSError) else error
    with pytest.raises(expected), atomic.build_folder(tmp_path / "mine") as folder:
        (folder / "a").write_bytes(b"")
        raise error
    assert names(tmp_path) == []


def test_what_lies_in_a_place_is_not_built_over(tmp_path):
    (tmp_path / "mine").mkdir()
    atomic.write_folder(tmp_path / "mine", {"a": b""})
    with pytest.raises(StorageError, match="is there already; choose another name"):
        atomic.write_folder(tmp_path / "mine", {"b": b""})
    assert names(tmp_path / "mine") == ["a"] and names(tmp_path) == ["mine"]


def test_a_folder_is_moved_over_another(tmp_path):
    (tmp_path / "place/old").mkdir(parents=True)
    with temporary_folders.make_temporary_folder(tmp_path) as folder:
        (folder / "new").mkdir()
        atomic.move_folder(folder, tmp_path / "place")
    assert names(tmp_path) == ["place"] and names(tmp_path / "place") == ["new"]
