"""A training process and its machine: other hosts, stop signals, the lock of a workdir, the compile cache."""

import contextlib
import functools
import os
import pathlib
import re
import signal
import socket
import threading
import time
import warnings
import zlib

import jax
import numpy as np
from jax.experimental import multihost_utils

from signjax.errors import ConfigError, SignjaxWarning, StorageError
from signjax.io import locks, private_cache
from signjax.io.long_names import describe_long_name

LOCK = ".lock"  # file of a run that the process which trains it has locked


def join_hosts(heartbeat: int) -> None:
    """Joins the other hosts of this job, as JAX finds them on TPU pods and in SLURM jobs.

    Elsewhere JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID name them (docs/distributed.md).

    Args:
      heartbeat: seconds of silence after which a host counts as lost.

    Raises:
      ConfigError: no other hosts are found.
    """
    # JAX itself reads the address from the environment, but not these two numbers.
    variables = {"num_processes": "JAX_NUM_PROCESSES", "process_id": "JAX_PROCESS_ID"}
    try:
        numbers = {name: int(os.environ[var]) for name, var in variables.items() if var in os.environ}
        jax.distributed.initialize(**numbers, heartbeat_timeout_seconds=heartbeat)
    except ValueError as error:
        raise ConfigError(f"--multihost: no other hosts found here ({error})") from error


def enable_compile_cache(folder=None) -> pathlib.Path | None:
    """Keeps compiled programs on disk, so that a restart is quick.

    Without a folder that this user alone can use there is no cache, and no error.

    Args:
      folder: where. By default the folder that JAX is configured with, as by JAX_COMPILATION_CACHE_DIR, which
        is left as it is; else `xla` in private_cache.find_user_cache().

    Returns:
      The folder, None without a cache.
    """
    cache = jax.config.jax_compilation_cache_dir
    if folder is not None or not cache:
        cache = private_cache.make_private_folder(
            pathlib.Path(folder or private_cache.find_user_cache() / "xla")
        )
        if cache is None:
            return None
        jax.config.update("jax_compilation_cache_dir", str(cache))
        # JAX's default of 1 s leaves out many programs of small models, which together take long.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
    warnings.showwarning = functools.partial(_repair_cache, pathlib.Path(cache), [], warnings.showwarning)
    return pathlib.Path(cache)


def _repair_cache(folder: pathlib.Path, warned: list, show, message, *location) -> None:
    """Shows a warning. Of those about the cache only the first is shown, and unreadable entries are removed.

    Args:
      folder: the cache.
      warned: is not empty once a warning about the cache was shown.
      show: what warnings.showwarning was before.
      message: of the warning.
      location: the other arguments of warnings.showwarning.
    """
    # JAX compiles what it cannot read, but does not replace the entry, and would warn at every start.
    error = re.search(r"Error (reading|writing) persistent compilation cache entry for '(\w+)'", str(message))
    if not error:
        return show(message, *location)
    if error[1] == "reading":
        for entry in folder.glob(f"{error[2]}-*"):
            entry.unlink(missing_ok=True)
    if not warned:
        warned.append(True)
        line = f"{folder}: error {error[1]} compiled programs; compiling again"
        show(SignjaxWarning(line), SignjaxWarning, *location[1:])


@contextlib.contextmanager
def lock_workdir(workdir):
    """Locks a workdir, made if missing, for this process.

    Raises:
      StorageError: another process has locked it, or the folder cannot be written.
    """
    path = pathlib.Path(workdir, LOCK)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+", opener=_open_without_links)  # noqa: SIM115  closed below
    except OSError as e:
        reason = describe_long_name(e) or e.strerror
        raise StorageError(f"{workdir}: cannot be written ({reason}); choose another --workdir") from e
    with file:
        # A lock of the system ends with the process, however that ends; the file itself may stay.
        try:
            _lock_patiently(file.fileno(), workdir)
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


def _lock_patiently(handle: int, workdir) -> None:
    # Whoever asks whether a training is at work here has the lock for a moment (signjax.io.locks.is_locked).
    for _ in range(5):
        with contextlib.suppress(BlockingIOError):
            locks.lock(handle, workdir, wait=False)
            return
        time.sleep(0.02)
    locks.lock(handle, workdir, wait=False)


def check_hosts(config, workdir, start: int) -> None:
    """Raises if the hosts of a job are not about to do the same.

    Args:
      config: of the run.
      workdir: of the run, for the message.
      start: step to resume from.

    Raises:
      ConfigError: on all hosts, if they differ in the config or in `start`.
    """
    # A sum of the config, as only arrays of one shape can be gathered.
    local = np.array([start, zlib.crc32(config.to_json(sort_keys=True).encode())], np.uint32)
    starts, configs = multihost_utils.process_allgather(local).T.tolist()
    if len(set(configs)) > 1:
        raise ConfigError("the hosts of this run were started with different configs; start them all alike")
    if len(set(starts)) > 1:
        raise ConfigError(
            f"{workdir}: the hosts of this run see different checkpoints in it, of steps {starts}; "
            "give a --workdir on a disk that they share"
        )


def _open_without_links(path, flags: int) -> int:
    # The lock file is truncated and written. Through a link that would be any file; a pipe would block.
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)


class StopSignal:
    """Whether the user or the machine asked this process to stop.

    Attributes:
      signal: number of the signal, None if there was none.
    """

    def __init__(self):
        self.signal = None
        self._queries, self._agreed = 0, False

    def __bool__(self):
        return self.signal is not None

    def is_agreed(self) -> bool:
        """Whether to stop now. All hosts get the same answer, provided that all call this equally often."""
        if jax.process_count() == 1:
            return bool(self)
        # Hosts agree on a number that none of them has passed. They count calls and not training steps: for a
        # signal before the first call JAX chooses 1, and a resumed run would never come to step 1.
        self._queries += 1
        self._agreed = self._agreed or multihost_utils.reached_preemption_sync_point(self._queries)
        return self._agreed

    @property
    def exit_code(self) -> int:
        """130 after Ctrl-C, as shells expect; 0 after SIGTERM or SIGHUP: a preemption that went well."""
        return 130 if self.signal == signal.SIGINT else 0


@contextlib.contextmanager
def catch_stop_signals():
    """Yields a StopSignal that Ctrl-C, SIGTERM and SIGHUP set. A second Ctrl-C ends the process at once."""
    stop = StopSignal()
    # Python allows signal handlers in the main thread only.
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle_signal(number, _):
        if stop.signal == number == signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        first, stop.signal = stop.signal is None, stop.signal or number
        if number == signal.SIGINT:
            # os.write, as print may have been interrupted by this very signal and is not reentrant. Standard
            # error may be closed or full, which must not raise here, in the middle of a step.
            with contextlib.suppress(OSError):
                os.write(2, b"\nStopping after this step and saving; Ctrl-C again stops at once.\n")
        if first and jax.process_count() > 1:
            os.kill(os.getpid(), signal.SIGTERM)

    # With several hosts SIGTERM is left to JAX, whose preemption service makes them agree on when to stop.
    numbers = [signal.SIGINT] if jax.process_count() > 1 else [signal.SIGINT, signal.SIGTERM]
    # nohup ignores SIGHUP, so that training goes on without its terminal.
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    previous = {n: signal.signal(n, handle_signal) for n in numbers}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
