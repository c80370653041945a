"""What the tests of several hosts share: jobs of processes on this machine, looked at from outside."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import engine_toy
import numpy as np
from paths import ROOT

from signjax.training import saved_steps

TOY = (engine_toy.__file__, f"--config={engine_toy.__file__}")
MAIN = ("-m", "signjax.main")
PATIENCE = 300  # seconds, for a machine that has other things to do
_STARTED: list[subprocess.Popen] = []


def environment(home, devices: int = 1) -> dict:
    """That of a process with so many simulated devices, and a compile cache below `home`."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    return {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home), "XLA_FLAGS": flags}


def spawn(log, arguments, **variables):
    """Starts a Python with its output in a file."""
    command, env = [sys.executable, *map(str, arguments)], environment(log.parent) | variables
    with open(log, "a") as out:
        _STARTED.append(subprocess.Popen(command, env=env, stdout=out, stderr=out))
    return _STARTED[-1]


def end_all() -> None:
    """Kills what a failed test has left running."""
    for job in _STARTED:
        for child in children(job.pid) if job.poll() is None else ():
            os.kill(child, signal.SIGKILL)
        job.kill()
        job.wait()
    _STARTED.clear()


def supervised(log, *program, **variables):
    """A job of two hosts under one supervisor."""
    command = ("-m", "signjax.tools.supervise", "--processes=2", sys.executable)
    return spawn(log, [*command, *program, "--multihost", f"--heartbeat={PATIENCE}"], **variables)


def alone(folder, programs, heartbeat: int = PATIENCE, **variables):
    """The hosts of one job without a supervisor, one for each program."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        address = f"localhost:{probe.getsockname()[1]}"
    job = {"JAX_COORDINATOR_ADDRESS": address, "JAX_NUM_PROCESSES": str(len(programs))}
    last = ["--multihost", f"--heartbeat={heartbeat}"]
    return [
        spawn(folder / f"{rank}.log", [*program, *last], **variables | job | {"JAX_PROCESS_ID": str(rank)})
        for rank, program in enumerate(programs)
    ]


def until(condition, what: str):
    """Waits for a condition; returns its value."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE} s for {what}"
        time.sleep(0.05)
    return value


def saved(workdir) -> bool:
    """Whether there is a checkpoint to go on from."""
    return saved_steps.find_last_step(workdir, "latest") is not None


def reached(workdir, step: int) -> bool:
    """Whether metrics.jsonl has come to a step."""
    path = workdir / "metrics.jsonl"
    lines = path.read_text().splitlines()[-1:] if path.exists() else []
    return bool(lines) and lines[0].endswith("}") and json.loads(lines[0])["step"] >= step


def children(pid: int) -> list[int]:
    """The processes that a process has started and that live."""
    pids = []
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = status.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            pids.append(int(status.parent.name))
    return sorted(pids)


def flags(**changes) -> list[str]:
    """Config fields as a command line gives them."""
    return [f"--config.{name}={value}" for name, value in changes.items()]


def numbers(workdir):
    """metrics.jsonl without its times: its names, and its numbers as an array."""
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    pairs = [pair for line in lines for pair in line.items() if pair[0] not in ("cpu_s", "wall_s")]
    return [name for name, _ in pairs], np.array([value for _, value in pairs], float)


def assert_same_training(one, other):
    """Two runs have the same numbers up to rounding, at every step that was logged."""
    (names, values), (same, others) = numbers(one), numbers(other)
    assert names == same and len(names) > 20
    np.testing.assert_allclose(values, others, rtol=1e-5, atol=1e-6)
