"""Threads and memory that JAX needs are asked for before it starts: its C++ would end the process."""

import _thread
import functools
import resource
import threading

import pytest

from signjax.cli import command, startup
from signjax.errors import MachineError
from signjax.io import machine_limits


@pytest.fixture
def few_threads(monkeypatch):
    """No more than three threads can be started."""
    start, started = _thread.start_new_thread, []

    def start_or_fail(*args):
        if len(started) == 3:
            raise RuntimeError("can't start new thread")
        started.append(start(*args))
        return started[-1]

    monkeypatch.setattr(threading, "_start_new_thread", start_or_fail)


@pytest.fixture
def few_addresses(monkeypatch):
    """As if `ulimit -v` were 100 MB, with stacks of 8 MB; mmap itself is not limited."""
    limits = {resource.RLIMIT_AS: 100 << 20, resource.RLIMIT_STACK: 8 << 20}
    monkeypatch.setattr(resource, "getrlimit", lambda which: (limits[which], -1))
    monkeypatch.setattr(machine_limits, "_can_reserve", lambda size: size <= 100 << 20)


def test_what_is_there_is_given_back():
    before = threading.active_count()
    machine_limits.check_limits(20, 1 << 20, "JAX")
    assert threading.active_count() == before


def test_too_few_threads_are_one_line(few_threads):
    machine_limits.check_limits(3, 0, "JAX")
    with pytest.raises(MachineError, match=r"no more than 0 threads .* JAX needs 4; .*ulimit -u"):
        machine_limits.check_limits(4, 0, "JAX")
    assert not [
        thread for thread in threading.enumerate() if thread.name.startswith("Thread-") and not thread.daemon
    ]


def test_too_little_memory_is_one_line(few_addresses):
    machine_limits.check_limits(2, 84 << 20, "JAX")
    with pytest.raises(
        MachineError, match=r"not enough memory: JAX needs 108 MB more, .* 100 MB in all .*ulimit -v"
    ):
        machine_limits.check_limits(3, 84 << 20, "JAX")


def test_a_command_that_has_jax_is_checked(monkeypatch, capsys):
    def refuse():
        raise MachineError("no more than 3 threads can be started")

    monkeypatch.setattr(machine_limits, "check_jax", refuse)
    assert command.run_as_command(lambda: 0)() == 1
    assert capsys.readouterr().err == "error: no more than 3 threads can be started\n"


def test_imports_that_fail_for_memory_are_one_line(monkeypatch, capsys):
    codes, shown = [], []
    monkeypatch.setattr(startup.os, "_exit", codes.append)
    end = functools.partial(startup._end_command, lambda *error: shown.append(error))
    end(ImportError, ImportError("libx.so: failed to map segment from shared object"), None)
    assert codes == [1] and not shown
    assert capsys.readouterr().err.startswith("error: this machine has not enough memory (ulimit -v")
    end(KeyError, KeyError("a bug"), None)
    assert codes == [1] and len(shown) == 1
    end(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert codes == [1, 130] and capsys.readouterr().err.startswith("\nStopped by Ctrl-C")


def test_other_programs_keep_their_hook(monkeypatch):
    hook = startup.sys.excepthook
    startup.prepare_imports()
    assert startup.sys.excepthook is hook
