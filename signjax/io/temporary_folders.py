"""Temporary folders, removed at the end; those of killed processes are removed at the next start."""

import contextlib
import functools
import hashlib
import os
import pathlib
import secrets
import shutil
import socket
import time
from collections.abc import Iterator

from signjax.io import locks

BUILDING = ".building-"  # beginning of the names of temporary folders
STALE = 3600.0  # seconds without progress after which a folder counts as left where locks do not tell


@contextlib.contextmanager
def make_temporary_folder(parent) -> Iterator[pathlib.Path]:
    """Yields a new folder in `parent`, removed at the end; see signjax.io.atomic.move_folder for keeping it.

    Several processes can have one each at the same time.

    Raises:
      OSError: `parent` cannot be written.
    """
    parent = pathlib.Path(parent)
    remove_leftovers(parent)
    folder, handle = _make_locked_folder(parent)
    try:
        yield folder
    finally:
        # Removed before its lock ends: otherwise another process would remove it at the same time.
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def remove_leftovers(parent) -> None:
    """Removes the temporary folders in `parent` whose processes are dead; errors are passed over."""
    for folder in pathlib.Path(parent).glob(f"{BUILDING}*"):
        # Its process has finished since the folders were listed, or it is another user's.
        with contextlib.suppress(OSError):
            _remove_if_left(folder)


def _make_locked_folder(parent: pathlib.Path) -> tuple[pathlib.Path, int]:
    """A new folder, and its descriptor, which holds its lock."""
    while True:
        # Not tempfile.mkdtemp, which gives access to this user alone: a cache may be shared.
        folder = parent / f"{BUILDING}{_get_kernel()}-{secrets.token_hex(8)}"
        folder.mkdir(parents=True)
        # A process that removes leftovers may have come before the lock, and have it or be done already.
        with contextlib.suppress(FileNotFoundError):
            handle = os.open(folder, os.O_RDONLY)
            locks.lock(handle, folder, wait=True, warns=False)
            if locks.has_name(handle, folder):
                return folder, handle
            os.close(handle)


def _remove_if_left(folder: pathlib.Path) -> None:
    """Removes a temporary folder if nobody works in it any more."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        try:
            is_locked = locks.lock(handle, folder, wait=False, warns=False)
        except BlockingIOError:
            return
        # Locks of some network disks are seen on one machine only: there they say nothing about processes of
        # other machines, and only the age does.
        is_left = is_locked and folder.name.startswith(f"{BUILDING}{_get_kernel()}-")
        if is_left or _measure_age(folder) > STALE:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(handle)


def _measure_age(folder: pathlib.Path) -> float:
    """Seconds since the last change of a folder, or of what is directly in it."""
    return time.time() - max(path.stat().st_mtime for path in [folder, *folder.iterdir()])


@functools.cache
def _get_kernel() -> str:
    """What all processes that see each other's locks have in common, also those in containers."""
    try:
        text = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text()
    # Not Linux.
    except OSError:
        text = socket.gethostname()
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
