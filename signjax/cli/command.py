"""How every command ends: an expected error is a line on standard error and an exit code."""

import functools
import logging
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from typing import NoReturn

from signjax.cli import output, stop_signals
from signjax.cli.missing_backends import find_missing_backend
from signjax.errors import MachineError, SignjaxError, SignjaxWarning, StorageError
from signjax.io import machine_errors, machine_limits, progress
from signjax.io.long_names import SHORTER, describe_long_name

# Seconds for the other hosts to fail by themselves, for the same reason as this one and with its message.
SHUTDOWN_SECONDS = 5.0


def run_as_command(main: Callable[..., int]) -> Callable[..., int]:
    """Wraps the main function of a command: it then prints expected errors and returns an exit code.

    An expected error becomes a line `error: ...` on standard error, Ctrl-C a line and exit code 130, another
    signal n that stops it 128 + n. The machine must have the threads and the memory that JAX needs.
    """
    return _wrap_command(main, lambda: machine_limits.check_jax())


def run_without_jax(main: Callable[..., int]) -> Callable[..., int]:
    """As `run_as_command`, for a command that never imports JAX and runs where JAX could not."""
    return _wrap_command(main, lambda: None)


def _wrap_command(main: Callable[..., int], check_machine: Callable[[], None]) -> Callable[..., int]:
    @functools.wraps(main)
    def run(*args) -> int:
        with (
            output.guard_streams(),
            stop_signals.raise_on_signals() as stops,
            warnings.catch_warnings(),
            progress.show_log(output.print_to_stderr),
        ):
            quiet_libraries()
            _print_warnings()
            code = _get_exit_code(main, args, stops, check_machine)
            if _has_hosts():
                _leave_hosts(code, SHUTDOWN_SECONDS)
        return code

    return run


def _get_exit_code(
    main: Callable[..., int], args, stops: list[stop_signals.Stopped], check_machine: Callable[[], None]
) -> int:
    """Calls the main function of a command; prints an expected error, and returns the exit code."""
    try:
        # Before JAX is imported, which commands do after they have parsed their options.
        check_machine()
        return _call_main(main, args)
    except SignjaxError as error:
        if stops:
            return _print_stop(stops[0])
        return _print_error(error, error.exit_code)
    # Of a file that cannot be read or written, or a full disk, where no function has a better message.
    except OSError as error:
        long_name = describe_long_name(error)
        message = f"{error.filename}: {long_name}; {SHORTER}" if long_name else str(error)
        return _print_error(StorageError(message), StorageError.exit_code)
    except KeyboardInterrupt:
        output.print_to_stderr("\nStopped by Ctrl-C; the same command starts again")
        return 130
    except stop_signals.Stopped as stop:
        return _print_stop(stop)
    except Exception as exception:
        # A worker that has had the signal, too, may be missed before this process sees it.
        if stops:
            return _print_stop(stops[0])
        # Before backends, as JAX finds none either when there is no memory for it.
        if shortage := machine_errors.describe_shortage(exception):
            return _print_error(MachineError(f"this machine has {shortage}"), MachineError.exit_code)
        if error := find_missing_backend(exception):
            return _print_error(error, error.exit_code)
        # A bug. With several hosts Python's own end is not reached, so the traceback is printed here.
        if not _has_hosts():
            raise
        traceback.print_exc()
        _leave_hosts(1, 0)


def _call_main(main: Callable[..., int], args) -> int:
    try:
        code = main(*args)
    except SystemExit as stop:
        # Of argparse, after it has printed a help or an error.
        if (error := output.flush_output()) and not stop.code:
            raise error from None
        raise
    # What was printed may have waited in a buffer until here.
    if (error := output.flush_output()) and not code:
        raise error
    return code


def _print_warnings() -> None:
    """Makes a line on standard error of each SignjaxWarning; for use within warnings.catch_warnings."""
    show = warnings.showwarning

    def show_warning(message, category, *location) -> None:
        if not issubclass(category, SignjaxWarning):
            show(message, category, *location)
        else:
            progress.clear_bar(sys.stdout)
            print(f"warning: {message}", file=sys.stderr, flush=True)

    # Python shows a warning of one place once; each of these is about another text or file.
    warnings.simplefilter("always", SignjaxWarning)
    warnings.showwarning = show_warning


def quiet_libraries() -> None:
    """Mutes what libraries print beside a command's own lines."""
    # Called by commands and not at import: a program that imports signjax decides about its own logs.
    # JAX names each backend that this machine does not have. JAX_LOGGING_LEVEL, if set, stays as it is.
    log = logging.getLogger("jax")
    log.setLevel(log.level or logging.WARNING)
    # Orbax logs forty lines a checkpoint; its failures are raised.
    logging.getLogger("absl").addFilter(_is_not_orbax)
    if getattr(sys.unraisablehook, "func", None) is not _show_unraisable:
        sys.unraisablehook = functools.partial(_show_unraisable, sys.unraisablehook)


def _is_not_orbax(record: logging.LogRecord) -> bool:
    return "orbax" not in record.pathname


def _show_unraisable(show: Callable, unraisable) -> None:
    """Prints an exception that cannot be raised, unless it is a consequence of a failed checkpoint."""
    # When a checkpoint fails, each of its threads adds a traceback with this message.
    if str(unraisable.exc_value) != "Event loop is closed":
        show(unraisable)


def _print_error(error: Exception, code: int) -> int:
    # Otherwise the line would be written into a bar that is still on the screen.
    progress.clear_bar(sys.stdout)
    output.print_to_stderr(f"error: {error}")
    return code


def _print_stop(stop: stop_signals.Stopped) -> int:
    output.print_to_stderr(f"\nStopped by {stop}; the same command starts again")
    return stop.exit_code


def _has_hosts() -> bool:
    """Whether this process has joined other hosts."""
    # Without importing jax, which takes seconds and which some commands do not need.
    jax = sys.modules.get("jax")
    return jax is not None and jax.distributed.is_initialized()


def _leave_hosts(code: int, seconds: float) -> NoReturn:
    """Ends this process, one of several hosts, after at most some seconds for the others to end, too."""
    # At a normal end JAX waits up to 300 s for the other hosts, which may be waiting for this one. They end
    # when this one is gone.
    if seconds:
        shutdown = threading.Thread(target=sys.modules["jax"].distributed.shutdown, daemon=True)
        shutdown.start()
        shutdown.join(seconds)
    # os._exit does not flush.
    output.flush_output()
    os._exit(code)
