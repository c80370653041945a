"""Output files and folders appear whole or not at all, whatever ends the process that writes them.

Each is written under another name beside its place and renamed when all of it is there. A rename replaces
the old file in one step, so whoever reads sees the old content or the new one, and never a part.
"""

import contextlib
import fcntl
import os
import pathlib
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

from signjax.errors import StorageError

BUILDING = ".building-"  # what names of temporary folders begin with
STALE = 3600.0  # seconds without progress after which a temporary folder counts as left by a killed process
_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def write_file(path, content: bytes | bytearray | Callable[[BinaryIO], object]) -> pathlib.Path:
    """Writes a file; missing folders are made.

    Args:
      path: of the file; an older one is replaced.
      content: bytes, or what writes them to an open file, for contents that should not be in memory twice.

    Returns:
      the path.

    Raises:
      StorageError: the file cannot be written; an older file at path stays as it was.
    """
    path = pathlib.Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _open_temporary_file(path) as (file, name):
            content(file) if callable(content) else file.write(content)
            file.flush()
            # Without this a power cut may leave the new name with none of its content.
            os.fsync(file.fileno())
            os.replace(name, path)
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be written ({error.strerror or error}); make room there"
        ) from error
    return path


def write_folder(place, files: dict[str, bytes]) -> pathlib.Path:
    """Writes a folder of files, {name in it: content}; raises as `build_folder`.

    Returns:
      its path.
    """
    with build_folder(place) as folder:
        for name, content in files.items():
            write_file(folder / name, content)
    return pathlib.Path(place)


@contextlib.contextmanager
def build_folder(place) -> Iterator[pathlib.Path]:
    """Yields a folder to fill, which becomes `place` at the end; nothing is left of it if anything is raised.

    What a killed process left of an earlier try is removed first.

    Raises:
      StorageError: `place` is there already and not empty, another process builds it, or the disk refuses.
    """
    place = pathlib.Path(place)
    folder = place.with_name(f".{place.name}.part")
    try:
        if place.exists() and not (place.is_dir() and not any(place.iterdir())):
            raise StorageError(f"{place}: is there already; remove it, or choose another name")
        folder.mkdir(parents=True, exist_ok=True)
        with _lock_folder(folder, place), _remove_on_error(folder):
            for left in folder.iterdir():
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            yield folder
            os.rename(folder, place)
    except OSError as error:
        reason = error.strerror or error
        raise StorageError(f"{place}: cannot be written ({reason}); nothing is left of it") from error


@contextlib.contextmanager
def make_temporary_folder(parent) -> Iterator[pathlib.Path]:
    """Yields a new folder in `parent`, removed at the end; `move_folder` takes it to its place before.

    Several processes may have one each. What killed processes left in `parent` is removed first, but only
    after an hour without progress: other machines that share the disk cannot be asked what still runs there.

    Raises:
      OSError: `parent` cannot be written.
    """
    parent = pathlib.Path(parent)
    _remove_stale(parent)
    folder = parent / f"{BUILDING}{secrets.token_hex(8)}"
    folder.mkdir(parents=True)  # tempfile.mkdtemp keeps others out, and a cache may be shared
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def move_folder(folder, place) -> None:
    """Renames a finished folder to `place`; one that is there already moves out of the way and is removed.

    Raises:
      OSError: the disk refuses.
    """
    folder, place = pathlib.Path(folder), pathlib.Path(place)
    # A folder, unlike a file, cannot replace another in one step: other processes may come between the two.
    for _ in range(100):
        try:
            os.rename(folder, place)
            return
        except OSError:
            if not place.exists():
                raise
        # When another process was faster the old folder is gone already.
        with make_temporary_folder(place.parent) as aside, contextlib.suppress(OSError):
            os.rename(place, aside / "old")
    raise OSError(0, f"cannot replace {place}")


@contextlib.contextmanager
def _open_temporary_file(path: pathlib.Path) -> Iterator[tuple[BinaryIO, pathlib.Path]]:
    """Yields an empty file beside `path`, open for this process alone, and its name.

    It is removed if anything is raised. Its name is always the same: so what a killed process left there is
    used again, and not left for ever.
    """
    name = path.with_name(f"{path.name[:40]}.tmp")
    while True:
        _remove_link(name)
        with os.fdopen(os.open(name, _NEW_FILE, 0o666), "r+b") as file:
            # Some network disks know no locks; there two processes should not write the same file at once.
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_open_file(file, name):
                continue  # another process has given this file its place while we waited for the lock
            with _remove_on_error(name):
                file.truncate(0)
                yield file, name
            return


def _is_open_file(file: BinaryIO, name: pathlib.Path) -> bool:
    """Whether this name is still that of an open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.lstat(name))
    except FileNotFoundError:
        return False


def _remove_link(name: pathlib.Path) -> None:
    """Removes a symbolic or hard link, through which another file would be written."""
    with contextlib.suppress(FileNotFoundError):
        status = os.lstat(name)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            name.unlink()


@contextlib.contextmanager
def _remove_on_error(path: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except BaseException:  # Ctrl-C, too
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _lock_folder(folder: pathlib.Path, place: pathlib.Path) -> Iterator[None]:
    """Locks a folder for this process; the lock ends with the process, however that ends."""
    handle = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            advice = "wait, or choose another name"
            raise StorageError(f"{place}: another process is writing it; {advice}") from None
        except OSError:
            pass  # some network disks know no locks of folders
        yield
    finally:
        os.close(handle)


def _remove_stale(parent: pathlib.Path) -> None:
    """Removes temporary folders that killed processes left."""
    for folder in parent.glob(f"{BUILDING}*"):
        try:
            newest = max(p.stat().st_mtime for p in [folder, *folder.iterdir()])
        except OSError:  # its process has just finished
            continue
        if time.time() - newest > STALE:
            shutil.rmtree(folder, ignore_errors=True)
