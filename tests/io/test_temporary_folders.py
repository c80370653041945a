"""What killed processes left is removed at the next start, and nothing that a process still works in."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time

import pytest
from paths import ROOT

from signjax.io import locks, temporary_folders

BUILD = (
    "import sys, time; from signjax.io import temporary_folders\n"
    "with temporary_folders.make_temporary_folder(sys.argv[1]) as folder:\n"
    "    (folder / 'part').write_bytes(b'half')\n"
    "    print(folder.name, flush=True)\n"
    "    time.sleep(60)\n"
)
# Each looks at the folders of the others all the time; one that loses its own ends with an error.
BUILD_MANY = (
    "import sys; from signjax.io import temporary_folders\n"
    "for _ in range(300):\n"
    "    with temporary_folders.make_temporary_folder(sys.argv[1]) as folder:\n"
    "        (folder / 'part').write_bytes(b'half')\n"
    "        temporary_folders.remove_leftovers(sys.argv[1])\n"
    "        (folder / 'part').rename(folder / 'whole')\n"
)


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def start(code, folder):
    return subprocess.Popen([sys.executable, "-c", code, folder], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_what_a_killed_process_left_is_removed_at_the_next_start(tmp_path):
    child = start(BUILD, tmp_path)
    name = child.stdout.readline().strip()
    with temporary_folders.make_temporary_folder(tmp_path):
        assert name in names(tmp_path), "it is still at work"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert names(tmp_path) == [name]
    with temporary_folders.make_temporary_folder(tmp_path) as folder:
        assert names(tmp_path) == [folder.name]
    assert names(tmp_path) == []


def test_processes_that_remove_leftovers_leave_each_others_folders_alone(tmp_path):
    running = [start(BUILD_MANY, tmp_path) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert names(tmp_path) == []


def test_a_folder_that_was_removed_before_it_was_locked_is_made_again(tmp_path, monkeypatch):
    lock, taken = locks.lock, []

    def lose_first(handle, path, **kwargs):
        # As if another process had removed the folder between its making and its lock.
        if not taken:
            path.rmdir()
        taken.append(path)
        return lock(handle, path, **kwargs)

    monkeypatch.setattr(locks, "lock", lose_first)
    with temporary_folders.make_temporary_folder(tmp_path) as folder:
        assert folder.is_dir() and folder == taken[1] != taken[0]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("has_locks", [True, False])
def test_where_locks_do_not_tell_folders_stay_for_an_hour(has_locks, tmp_path, monkeypatch):
    """On a disk without locks, and those of other machines, whose locks some network disks do not show."""
    kernel = "0" * 8 if has_locks else temporary_folders._get_kernel()
    for name, age in (("old", 3700), ("young", 3500)):
        folder = tmp_path / f"{temporary_folders.BUILDING}{kernel}-{name}"
        folder.mkdir()
        os.utime(folder, (time.time() - age,) * 2)

    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    if not has_locks:
        monkeypatch.setattr(fcntl, "flock", refuse)
    with temporary_folders.make_temporary_folder(tmp_path):
        pass
    assert names(tmp_path) == [f"{temporary_folders.BUILDING}{kernel}-young"]


def test_links_are_not_followed(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").write_bytes(b"")
    link = tmp_path / f"cache/{temporary_folders.BUILDING}{temporary_folders._get_kernel()}-link"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "mine")
    temporary_folders.remove_leftovers(tmp_path / "cache")
    assert names(tmp_path / "mine") == ["file"]
