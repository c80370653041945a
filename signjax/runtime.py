"""What a run needs of the machine: one-line errors, stop signals, a workdir lock, a compile cache."""

import contextlib
import fcntl
import logging
import os
import pathlib
import signal
import sys
import threading

import jax

from signjax.errors import SignjaxError, StorageError

# absl shows every library's INFO, and JAX's names each backend that this machine does not have.
# JAX_LOGGING_LEVEL, if set, stays as it is.
_jax_log = logging.getLogger("jax")
_jax_log.setLevel(_jax_log.level or logging.WARNING)


def one_line(main):
    """Wraps a door's main: an expected failure becomes `error: ...` on stderr and its exit code.

    Ctrl-C becomes a line and 130; output files are written whole, so none is left half done.
    """

    def guarded(*args):
        try:
            return main(*args)
        except SignjaxError as e:
            print(f"error: {e}", file=sys.stderr)
            return e.exit_code
        except KeyboardInterrupt:
            print("\nStopped by Ctrl-C; the same command starts again", file=sys.stderr)
            return 130

    return guarded


def enable_compile_cache(folder=None) -> None:
    """Keeps compiled programs in `folder`, default ~/.cache/signjax/xla, so that a restart is quick.

    Only this user may enter the folder: whoever can write to it can run code in our name. A folder
    that cannot be made, or belongs to somebody else, means no cache and nothing more.
    """
    folder = pathlib.Path(folder or "~/.cache/signjax/xla").expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            return
        folder.chmod(0o700)
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        return
    if not os.access(folder, os.W_OK):
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


@contextlib.contextmanager
def lock(workdir):
    """Holds `workdir` (made if missing) for this process; the lock dies with the process.

    Raises:
      StorageError: another process holds it, or the folder cannot be written.
    """
    path = pathlib.Path(workdir, ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+", opener=_no_link)  # noqa: SIM115  held below; what a link names is not ours
    except OSError as e:
        raise StorageError(f"{workdir}: cannot be written ({e.strerror}); choose another --workdir") from e
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read(20).strip() or "unknown"
            raise StorageError(
                f"{workdir}: process {owner} is already training here; stop it or choose another --workdir"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _no_link(path, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)


class Stop:
    """Whether the user or the machine asked to stop, and the exit code that says which."""

    def __init__(self):
        self.signal = None

    def __bool__(self):
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """130 after Ctrl-C, as shells expect; 0 after SIGTERM, a preemption that went as planned."""
        return 130 if self.signal == signal.SIGINT else 0


@contextlib.contextmanager
def catch_stop():
    """Yields a Stop that SIGINT and SIGTERM set. A second Ctrl-C kills the process at once.

    With several hosts SIGTERM is left to JAX, whose preemption service lets all of them agree on the
    step; Ctrl-C on one host is passed on as SIGTERM.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(number, _):
        if stop.signal == number == signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        stop.signal = stop.signal or number
        if number == signal.SIGINT:  # os.write: print is not safe inside a handler
            os.write(2, b"\nStopping after this step and saving; Ctrl-C again stops at once.\n")
            if jax.process_count() > 1:
                os.kill(os.getpid(), signal.SIGTERM)

    numbers = (signal.SIGINT,) if jax.process_count() > 1 else (signal.SIGINT, signal.SIGTERM)
    before = {n: signal.signal(n, handle) for n in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
