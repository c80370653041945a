"""Locks of files and folders, which end with their process; disks without locks are detected."""

import errno
import fcntl
import os
import warnings

from signjax.errors import SignjaxWarning

# Lustre without the mount option flock, some FUSE mounts, a server whose lock service is down.
NO_LOCKS = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK}
_warned: set[int] = set()  # disks, by their number in os.stat


def lock(handle: int, path, wait: bool, warns: bool = True) -> bool:
    """Locks an open file or folder for this process; warns once for each disk that has no locks.

    Args:
      handle: its descriptor.
      path: its name, for the warning.
      wait: until another process lets it go.
      warns: False where a disk without locks is no reason for a user to do anything.

    Returns:
      Whether it is locked: False on a disk without locks.

    Raises:
      BlockingIOError: another process has locked it, and `wait` is False.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise
    # A lock only guards against a second process: without it work goes on. Other errors than those of
    # NO_LOCKS are usual on NFS, which cannot lock a folder; a disk that fails also fails to write.
    except OSError as error:
        if warns and error.errno in NO_LOCKS:
            _warn(os.fstat(handle).st_dev, path, error)
        return False
    return True


def has_name(handle: int, path) -> bool:
    """Whether what is open still has this name: who had the lock before may have renamed or removed it."""
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except FileNotFoundError:
        return False


def is_locked(path) -> bool:
    """Whether a process has locked a file; False, too, if there is no such file, or the disk has no locks."""
    try:
        # Neither through a link nor waiting at a pipe: the file may lie in a folder of others.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def _warn(disk: int, path, error: OSError) -> None:
    if disk not in _warned:
        _warned.add(disk)
        reason = f"this disk has no locks ({error.strerror})"
        message = f"{path}: {reason}; let no second process write there"
        warnings.warn(message, SignjaxWarning, stacklevel=3)
