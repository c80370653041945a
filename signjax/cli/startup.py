"""Set-up before a command imports numpy and JAX, which start threads and take memory."""

import atexit
import contextlib
import functools
import gc
import os
import sys
from collections.abc import Callable, Iterator

from signjax.cli import output
from signjax.errors import MachineError
from signjax.io import machine_errors, machine_limits


def prepare_imports() -> None:
    """In a command of signjax: ends it with one line if its imports cannot be loaded by this machine.

    In other programs, which import a part of signjax, nothing is done.
    """
    if not _is_command():
        return
    # Registered first, so called last, after JAX has cleared up: the system takes the memory of a process
    # that ends, and to look through half a million objects before took 0.4 s.
    atexit.register(gc.freeze)
    sys.excepthook = functools.partial(_end_command, sys.excepthook)
    machine_limits.save_addresses()
    try:
        machine_limits.check_imports()
    except MachineError as error:
        output.print_to_stderr(f"error: {error}")
        sys.exit(error.exit_code)


@contextlib.contextmanager
def import_quickly() -> Iterator[None]:
    """In a command of signjax, imports in this block are not interrupted to look for unused objects.

    There are hardly any, and looking took a sixth of the time. What was imported is left out later, too.
    """
    if not _is_command():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _is_command() -> bool:
    # Set by `python -m` before the first line of the module runs.
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec is not None and spec.name.partition(".")[0] == "signjax"


def _end_command(show: Callable, kind: type, error: BaseException, trace) -> None:
    """Prints what the machine lacks, or Ctrl-C, as a line in place of a traceback. A sys.excepthook."""
    # Only of imports: what a command raises later is caught by `run_as_command`.
    if isinstance(error, KeyboardInterrupt):
        output.print_to_stderr("\nStopped by Ctrl-C; the same command starts again")
        os._exit(130)
    shortage = machine_errors.describe_shortage(error)
    if not shortage:
        return show(kind, error, trace)
    output.print_to_stderr(f"error: this machine has {shortage}: {' '.join(str(error).split())[:200]}")
    # The only way to set the exit code here.
    os._exit(MachineError.exit_code)
