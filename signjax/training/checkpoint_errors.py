"""What orbax and the system raise while checkpoints are written and read, as one line with advice."""

import contextlib
import logging
import pathlib

import jax

from signjax.errors import StorageError
from signjax.io import machine_errors
from signjax.io.long_names import SHORTER, describe_long_name
from signjax.training.saved_steps import find_last_step


@contextlib.contextmanager
def convert_storage_errors(workdir, *kinds: type[Exception]):
    """Turns exceptions of some kinds into a StorageError of one line, which names the last saved step."""
    try:
        yield
    except kinds as e:
        # Is a ValueError, too, and has its message already.
        if isinstance(e, StorageError):
            raise
        # Not of the run: what is too long may be the name of its data.
        if long_name := describe_long_name(e):
            raise StorageError(f"{getattr(e, 'filename', workdir)}: {long_name}; {SHORTER}") from e
        # A lost host raises a ValueError, too. That is no fault of the disk: exit code 22 would keep the
        # supervisor from starting the run again.
        if jax.process_count() > 1 and not (isinstance(e, OSError) or machine_errors.OS_ERROR.search(str(e))):
            raise
        last = _describe_last_step(workdir)
        raise StorageError(
            f"{workdir}: cannot continue ({machine_errors.describe_reason(e)}); last saved step {last}. "
            "Make sure that there is space and that it can be written; the same command resumes from there"
        ) from e


def _describe_last_step(workdir) -> str:
    try:
        return str(find_last_step(workdir, "latest"))
    # A disk that cannot be written may not be readable either; the message about writing is the better one.
    except (StorageError, OSError):
        return "unknown"


@contextlib.contextmanager
def convert_read_errors(path: pathlib.Path):
    """Turns any exception while a step is read, whose checksums matched, into a StorageError.

    Mutes the warnings of orbax as well.
    """
    # Orbax warns of a file that checkpoints of this kind never have.
    log = logging.getLogger("absl")
    log.addFilter(_is_above_warning)
    try:
        with machine_errors.convert_load_errors(path):
            yield
    finally:
        log.removeFilter(_is_above_warning)


def _is_above_warning(record: logging.LogRecord) -> bool:
    return record.levelno > logging.WARNING
