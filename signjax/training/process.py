"""What a run needs of the machine: other hosts, stop signals, a workdir lock, a compile cache."""

import contextlib
import fcntl
import functools
import os
import pathlib
import re
import signal
import socket
import sys
import threading
import warnings
import zlib

import jax
import numpy as np
from jax.experimental import multihost_utils

from signjax.errors import ConfigError, StorageError


def join_hosts(heartbeat: int) -> None:
    """Joins the other hosts of this job; where nothing else says who is who, the environment does.

    JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID: see docs/distributed.md.

    Args:
      heartbeat: seconds of silence after which a host counts as lost.

    Raises:
      ConfigError: there are no others.
    """
    variables = {"num_processes": "JAX_NUM_PROCESSES", "process_id": "JAX_PROCESS_ID"}
    try:
        numbers = {name: int(os.environ[var]) for name, var in variables.items() if var in os.environ}
        jax.distributed.initialize(**numbers, heartbeat_timeout_seconds=heartbeat)
    except ValueError as error:
        raise ConfigError(f"--multihost: no other hosts found here ({error})") from error


def enable_compile_cache(folder=None) -> None:
    """Keeps compiled programs in `folder`, default ~/.cache/signjax/xla, so that a restart is quick.

    Only this user may enter the folder: whoever can write to it can run code in our name. A folder that
    cannot be made, or belongs to somebody else, means no cache and nothing more. One that JAX was given
    already, as by JAX_COMPILATION_CACHE_DIR, goes before the default and is left as it is.
    """
    chosen = jax.config.jax_compilation_cache_dir
    if folder is not None or not chosen:
        chosen = _make_private_folder(pathlib.Path(folder or "~/.cache/signjax/xla"))
        if chosen is None:
            return
        jax.config.update("jax_compilation_cache_dir", str(chosen))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
    warnings.showwarning = functools.partial(_repair_cache, pathlib.Path(chosen), [], warnings.showwarning)


def _make_private_folder(folder: pathlib.Path) -> pathlib.Path | None:
    """The folder, made if missing, for this user alone; None if it cannot be."""
    try:
        folder = folder.expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            return None
        folder.chmod(0o700)
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        return None
    return folder if os.access(folder, os.W_OK) else None


def _repair_cache(folder: pathlib.Path, said: list, show, message, *where) -> None:
    """Shows a warning; of those of the compile cache the first, as a line. Removes what cannot be read.

    JAX compiles what it cannot read, but does not write over it, and would warn at every start.
    """
    fault = re.search(r"Error (reading|writing) persistent compilation cache entry for '(\w+)'", str(message))
    if not fault:
        return show(message, *where)
    if fault[1] == "reading":
        for entry in folder.glob(f"{fault[2]}-*"):
            entry.unlink(missing_ok=True)
    if not said:
        said.append(True)
        print(f"warning: {folder}: error {fault[1]} compiled programs; compiling anew", file=sys.stderr)


@contextlib.contextmanager
def lock_workdir(workdir):
    """Holds `workdir` (made if missing) for this process; the lock dies with the process.

    Raises:
      StorageError: another process holds it, or the folder cannot be written.
    """
    path = pathlib.Path(workdir, ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+", opener=_open_without_links)  # noqa: SIM115  held below; what a link names is not ours
    except OSError as e:
        raise StorageError(f"{workdir}: cannot be written ({e.strerror}); choose another --workdir") from e
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read(99).strip() or "unknown"
            raise StorageError(
                f"{workdir}: process {owner} is already training here; stop it or choose another --workdir"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


def check_hosts(config, workdir, start: int) -> None:
    """Compares what the hosts of a job are about to do.

    Raises:
      ConfigError: on all hosts, if they differ in the config or in the step `start` to go on from.
    """
    own = np.array([start, zlib.crc32(config.to_json(sort_keys=True).encode())], np.uint32)
    starts, configs = multihost_utils.process_allgather(own).T.tolist()
    if len(set(configs)) > 1:
        raise ConfigError("the hosts of this run were started with different configs; start them all alike")
    if len(set(starts)) > 1:
        raise ConfigError(
            f"{workdir}: the hosts of this run see different checkpoints in it, of steps {starts}; "
            "give a --workdir on a disk that they share"
        )


def _open_without_links(path, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)


class StopSignal:
    """Whether the user or the machine asked to stop, and the exit code that says which."""

    def __init__(self):
        self.signal = None
        self._asked, self._agreed = 0, False

    def __bool__(self):
        return self.signal is not None

    def agreed(self) -> bool:
        """Whether to stop now. All hosts get the same answer, provided that all ask equally often.

        They agree on a number of a question, not of a step: a signal that comes before the first question
        stops a resumed run, too.
        """
        if jax.process_count() == 1:
            return bool(self)
        self._asked += 1
        self._agreed = self._agreed or multihost_utils.reached_preemption_sync_point(self._asked)
        return self._agreed

    @property
    def exit_code(self) -> int:
        """130 after Ctrl-C, as shells expect; 0 after SIGTERM, a preemption that went as planned."""
        return 130 if self.signal == signal.SIGINT else 0


@contextlib.contextmanager
def catch_stop_signals():
    """Yields a Stop that SIGINT and SIGTERM set. A second Ctrl-C kills the process at once.

    With several hosts SIGTERM is left to JAX, whose preemption service lets all of them agree on the
    step; Ctrl-C on one host is passed on as SIGTERM.
    """
    stop = StopSignal()
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
