"""Errors of the machine and not of a file: a disk that fails now, too little memory, no more threads.

A file is damaged if it is missing or has another checksum, and by nothing else: what is given up for another
reason may be the only copy of weeks of work.
"""

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator

from signjax.errors import StorageError
from signjax.io import safe_read

# TensorStore, which reads and writes for orbax, raises ValueError when a disk fails, with the number as text.
OS_ERROR = re.compile(r"os_error_code='(\d+)'")
RETRY = "nothing was changed; the same command goes on when it can be read"
# What libraries write into their errors, which are of many types; RESOURCE_EXHAUSTED is XLA's.
_SHORTAGES = {
    "not enough memory (ulimit -v, other programs, the device)": (
        "RESOURCE_EXHAUSTED",
        "bad_alloc",
        "ut of memory",
        "Cannot allocate memory",
        "Unable to allocate",
        "failed to map segment from shared object",
    ),
    "no more threads or processes (ulimit -u)": (
        "start new thread",
        "Thread creation",
        "pthread_create",
        "Resource temporarily unavailable",
        "Thread tf_",
    ),
    "no more open files (ulimit -n)": ("Too many open files",),
    "a transfer guard of JAX (JAX_TRANSFER_GUARD)": ("-to-device transfer", "-to-host transfer"),
}
_BY_NUMBER = {
    errno.ENOMEM: "Cannot allocate memory",
    errno.EAGAIN: "Resource temporarily unavailable",
    errno.EMFILE: "Too many open files",
    errno.ENFILE: "Too many open files",
}


def make_unreadable_error(path, error: Exception) -> StorageError:
    """The error for a file that cannot be read now, for a reason that is no fault of the file."""
    return StorageError(f"{path}: cannot be read ({safe_read.describe_error(error)}); {RETRY}")


@contextlib.contextmanager
def convert_unreadable(path) -> Iterator[None]:
    """Turns every OSError into a StorageError, but for those that say that a file is not there or none.

    Args:
      path: for the message, if the error does not name the file.
    """
    try:
        yield
    except OSError as error:
        if not safe_read.is_unreadable(error):
            raise
        raise make_unreadable_error(error.filename or path, error) from error
    except safe_read.UnreadableFileError as error:
        raise make_unreadable_error(path, error) from error


def is_file(path) -> bool:
    """Whether there is a file of this name.

    Raises:
      StorageError: the disk cannot tell now. pathlib and os.path say False to some of these errors, and a run
        whose file is not seen would be begun anew.
    """
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError as error:
        if safe_read.is_unreadable(error):
            raise make_unreadable_error(path, error) from error
        return False


def choose_advice(error: Exception, advice: str) -> str:
    """What to do after an error of signjax.io.safe_read: nothing to the file unless the file is at fault."""
    return RETRY if isinstance(error, safe_read.UnreadableFileError) else advice


@contextlib.contextmanager
def convert_load_errors(path) -> Iterator[None]:
    """Turns any exception while files are loaded whose checksums matched into a StorageError of one line."""
    try:
        yield
    except StorageError:
        raise
    except safe_read.UnreadableFileError as error:
        raise make_unreadable_error(path, error) from error
    # With right checksums, but not as signjax writes it.
    except safe_read.InvalidFileError as error:
        raise StorageError(
            f"{path}: cannot be read ({error}), though it agrees with its checksum: it is of another "
            "version, or no run; nothing was changed"
        ) from error
    # What is raised depends on what the machine lacks, and some of it is a bare Exception. Only one best
    # checkpoint is kept: nobody may be told to delete it because a machine has too little memory.
    except Exception as error:
        shortage = describe_shortage(error)
        # Orbax asks whether files exist, and takes every error of the system for a no.
        if not shortage and (unreadable := _find_unreadable(path)):
            raise make_unreadable_error(unreadable.filename, unreadable) from error
        cause = shortage or "look at its memory, threads, devices and disks"
        raise StorageError(
            f"{path}: cannot be loaded ({describe_reason(error)}) by this machine: {cause}. The files agree "
            "with their checksums, and nothing was changed"
        ) from error


def _find_unreadable(path) -> OSError | None:
    """The error of the first file or folder at a path that cannot be read now; None if all can."""
    try:
        if not os.path.isdir(path):
            with open(path, "rb") as file:
                file.read(1)
            return None
        names = os.listdir(path)
    except OSError as error:
        # An error of reading, other than one of opening, does not have the name.
        error.filename = error.filename or str(path)
        return error if safe_read.is_unreadable(error) else None
    errors = (_find_unreadable(os.path.join(path, name)) for name in names)
    return next(filter(None, errors), None)


def describe_reason(error: Exception) -> str:
    """The first line of an exception; for one of orbax the system's error, which its text contains."""
    os_error = OS_ERROR.search(str(error))
    return os.strerror(int(os_error[1])) if os_error else safe_read.describe_error(error)


def describe_shortage(error: BaseException) -> str | None:
    """What this machine lacks, such as "not enough memory (...)"; None if an error is about other things."""
    seen: list[BaseException] = []
    cause: BaseException | None = error
    # Libraries wrap such errors in their own, with other texts.
    while cause is not None and cause not in seen:
        seen.append(cause)
        if isinstance(cause, MemoryError):
            return next(iter(_SHORTAGES))
        text = f"{cause} {_BY_NUMBER.get(getattr(cause, 'errno', None) or 0, '')}"
        for shortage, signs in _SHORTAGES.items():
            if any(sign in text for sign in signs):
                return shortage
        cause = cause.__cause__ or cause.__context__
    return None
