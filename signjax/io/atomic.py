"""Atomic writing: output files and folders appear complete or not at all, whatever ends the process.

Each is written under a temporary name beside its target and renamed when it is complete. A rename replaces an
old file in one step, so readers see the old content or the new one, and never a part.
"""

import contextlib
import hashlib
import os
import pathlib
import shutil
import stat
from collections.abc import Callable, Iterator
from typing import BinaryIO

from signjax.errors import StorageError
from signjax.io import locks
from signjax.io.long_names import SHORTER, describe_long_name
from signjax.io.temporary_folders import make_temporary_folder

LONG_NAME = 100  # bytes of a name, to which no letters are added any more: file systems take 255, some 140
# O_NOFOLLOW and O_NONBLOCK: a link must not lead to another file, and a pipe must not block.
_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def write_file(path, content: bytes | bytearray | Callable[[BinaryIO], object]) -> pathlib.Path:
    """Writes a file, and the folders that it is in if they are missing.

    Args:
      path: of the file; an older one is replaced.
      content: bytes, or a function that writes to an open file, for contents too large to be in memory twice.

    Returns:
      The path.

    Raises:
      StorageError: the file cannot be written; an older file stays unchanged.
    """
    path = pathlib.Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _open_temporary_file(path) as (file, name):
            content(file) if callable(content) else file.write(content)
            file.flush()
            # The rename may reach the disk before the content: after a power cut the file would be empty.
            os.fsync(file.fileno())
            os.replace(name, path)
    except OSError as error:
        long_name = describe_long_name(error, path)
        reason, advice = (long_name, SHORTER) if long_name else (error.strerror or error, "make room there")
        raise StorageError(f"{path}: cannot be written ({reason}); {advice}") from error
    return path


def write_folder(target, files: dict[str, bytes]) -> pathlib.Path:
    """Writes a folder of files, {name in it: content}; raises like `build_folder`.

    Returns:
      The path of the folder.
    """
    with build_folder(target) as folder:
        for name, content in files.items():
            write_file(folder / name, content)
    return pathlib.Path(target)


@contextlib.contextmanager
def build_folder(target) -> Iterator[pathlib.Path]:
    """Yields a folder to fill, which is renamed to `target` at the end, or removed if anything is raised.

    Raises:
      StorageError: `target` exists and is not empty, another process writes it, or it cannot be written.
    """
    target = pathlib.Path(target)
    folder = _name_part(target)
    try:
        if target.exists() and not (target.is_dir() and not any(target.iterdir())):
            raise StorageError(f"{target}: is there already; choose another name, or move it away")
        folder.mkdir(parents=True, exist_ok=True)
        with _lock_folder(folder, target), _remove_on_error(folder):
            # Left by a process that was killed; the lock says that none is at work.
            for old in folder.iterdir():
                shutil.rmtree(old) if old.is_dir() else old.unlink()
            yield folder
            os.rename(folder, target)
    except OSError as error:
        reason = describe_long_name(error, target) or error.strerror or error
        raise StorageError(f"{target}: cannot be written ({reason}); nothing of it was kept") from error


@contextlib.contextmanager
def build_files(folder) -> Iterator[pathlib.Path]:
    """Yields an empty folder to fill; at the end its files replace those of the same names in `folder`.

    If anything is raised none is replaced: files that belong together stay of one time.

    Raises:
      StorageError: one cannot be written.
    """
    folder = pathlib.Path(folder)
    try:
        with make_temporary_folder(folder) as building:
            try:
                yield building
            except StorageError as error:
                # It names the file where it was built, which is gone.
                raise StorageError(str(error).replace(str(building), str(folder))) from error
            for path in building.iterdir():
                os.replace(path, folder / path.name)
    except OSError as error:
        reason = describe_long_name(error, folder) or error.strerror or error
        raise StorageError(f"{folder}: cannot be written ({reason}); nothing there was changed") from error


def _name_part(target: pathlib.Path) -> pathlib.Path:
    """Where a folder is built until it gets its name: always the same, so that a lock on it is seen."""
    name = target.name
    if len(os.fsencode(name)) > LONG_NAME:
        digest = hashlib.blake2b(os.fsencode(name), digest_size=4).hexdigest()
        name = f"{name[:20]}-{digest}"
    return target.with_name(f".{name}.part")


def move_folder(folder, target) -> None:
    """Renames a complete folder to `target`; an older folder there is removed.

    Raises:
      OSError: `target` cannot be written.
    """
    folder, target = pathlib.Path(folder), pathlib.Path(target)
    # A folder cannot replace another in one step as files can: another process may come in between.
    for _ in range(100):
        try:
            os.rename(folder, target)
            return
        except OSError:
            if not target.exists():
                raise
        # Suppressed, as another process may have moved the old folder first.
        with make_temporary_folder(target.parent) as aside, contextlib.suppress(OSError):
            os.rename(target, aside / "old")
    raise OSError(0, f"cannot replace {target}")


@contextlib.contextmanager
def _open_temporary_file(path: pathlib.Path) -> Iterator[tuple[BinaryIO, pathlib.Path]]:
    """Yields an empty file beside `path`, locked for this process, and its name; removes it on an error."""
    # Always the same name, so that the file of a killed process is used again and does not stay for ever.
    name = path.with_name(f"{path.name[:40]}.tmp")
    while True:
        _remove_link(name)
        with os.fdopen(os.open(name, _NEW_FILE, 0o666), "r+b") as file:
            locks.lock(file.fileno(), path, wait=True)
            # The process that had the lock has renamed this file: what is open here is its finished output.
            if not locks.has_name(file.fileno(), name):
                continue
            with _remove_on_error(name):
                file.truncate(0)
                yield file, name
            return


def _remove_link(name: pathlib.Path) -> None:
    """Removes a symbolic or hard link: writing to it would change another file."""
    with contextlib.suppress(FileNotFoundError):
        status = os.lstat(name)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            name.unlink()


@contextlib.contextmanager
def _remove_on_error(path: pathlib.Path) -> Iterator[None]:
    try:
        yield
    # BaseException, which includes Ctrl-C.
    except BaseException:
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _lock_folder(folder: pathlib.Path, target: pathlib.Path) -> Iterator[None]:
    """Locks a folder for this process; raises StorageError if another one has locked it."""
    # A lock of the system ends with the process, however that ends; a file that says so would stay.
    handle = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        try:
            locks.lock(handle, target, wait=False)
        except BlockingIOError:
            advice = "wait, or choose another name"
            raise StorageError(f"{target}: another process is writing it; {advice}") from None
        yield
    finally:
        os.close(handle)
