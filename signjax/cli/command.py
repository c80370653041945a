"""How every command ends: an expected error is a line on standard error and an exit code."""

import functools
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import NoReturn

from signjax.errors import SignjaxError, StorageError
from signjax.io import progress

FAREWELL = 5.0  # seconds in which other hosts can fail for the same reason as this one


def run_as_command(main: Callable[..., int]) -> Callable[..., int]:
    """Wraps a command's main: an expected error becomes `error: ...` on stderr and its exit code.

    Ctrl-C becomes a line and 130; output files are written whole, so none is left half done.
    """

    @functools.wraps(main)
    def run(*args) -> int:
        quiet_libraries()
        try:
            return main(*args)
        except SignjaxError as error:
            code = _print_error(error, error.exit_code)
        except OSError as error:  # of a file, a full disk
            code = _print_error(error, StorageError.exit_code)
        except KeyboardInterrupt:
            print("\nStopped by Ctrl-C; the same command starts again", file=sys.stderr)
            code = 130
        except Exception:
            if not _has_hosts():
                raise
            traceback.print_exc()
            _leave_hosts(1, 0)
        if _has_hosts():
            _leave_hosts(code, FAREWELL)
        return code

    return run


def quiet_libraries() -> None:
    """Leaves out what libraries print beside a command's own lines; imports must not do this."""
    # JAX names each backend that this machine does not have. JAX_LOGGING_LEVEL, if set, stays as it is.
    log = logging.getLogger("jax")
    log.setLevel(log.level or logging.WARNING)
    # Forty lines a save say nothing to our users; failures are raised.
    logging.getLogger("absl").addFilter(_is_not_orbax)
    if getattr(sys.unraisablehook, "func", None) is not _show_unraisable:
        sys.unraisablehook = functools.partial(_show_unraisable, sys.unraisablehook)


def _is_not_orbax(record: logging.LogRecord) -> bool:
    return "orbax" not in record.pathname


def _show_unraisable(show: Callable, unraisable) -> None:
    """Leaves out what threads of a checkpoint that failed have to add, a traceback each."""
    if str(unraisable.exc_value) != "Event loop is closed":
        show(unraisable)


def _print_error(error: Exception, code: int) -> int:
    progress.clear_bar(sys.stdout)
    print(f"error: {error}", file=sys.stderr)
    return code


def _has_hosts() -> bool:
    """Whether this process has joined others; commands that need no jax do not import it for that."""
    jax = sys.modules.get("jax")
    return jax is not None and jax.distributed.is_initialized()


def _leave_hosts(code: int, seconds: float) -> NoReturn:
    """Ends a host that failed. At the end of a process JAX waits minutes for the other hosts, and they may
    wait for this one; here they get some seconds to fail alike. When it is gone they end, too."""
    if seconds:
        shutdown = sys.modules["jax"].distributed.shutdown
        farewell = threading.Thread(target=shutdown, daemon=True)
        farewell.start()
        farewell.join(seconds)
    sys.stdout.flush()
    os._exit(code)
