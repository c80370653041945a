"""The time that training waits for a save, and the time from a restart to the first step."""

import os
import signal
import subprocess
import sys
import time

import jax

from signjax.benchmarks import setup, timing
from signjax.errors import SignjaxError
from signjax.tasks.registry import make_task
from signjax.training import checkpoint, state_hash

REPEATS = 5  # of saves and of restarts


def measure_save_stall(config: str, changes: dict, folder: str) -> timing.Measurement:
    """For how long training waits when its state is saved; the files are written in the background."""
    c, workdir, seconds = setup.make_config(config, folder, changes), f"{folder}/runs/saves", []
    os.makedirs(workdir)
    task = make_task(c, workdir)
    make_step, state = setup.make_step_call(c, task, next(iter(task.batches(0))))
    checkpoints = checkpoint.open_checkpoints(workdir)
    for step in range(REPEATS + 1):
        jax.block_until_ready(make_step())
        start = time.perf_counter()
        # What the run does not wait for, the writing of the files, goes on behind this call.
        checkpoint.save_checkpoint(
            checkpoints.latest, step, state[0], c, {"fingerprint": state_hash.hash_state(state[0])}
        )
        seconds.append(time.perf_counter() - start)
        # A save that begins while another is written waits for it; runs save far less often than that.
        checkpoint.wait_until_saved(checkpoints.latest)
    checkpoint.close_checkpoints(checkpoints)
    goal = timing.Goal("s", 0.2, 0.1, lambda seconds: seconds)
    # Without the first, which compiles the state hash.
    return timing.Measurement("training waits for a save", tuple(seconds[1:]), goal=goal)


def measure_restart(config: str, changes: dict, folder: str) -> timing.Measurement:
    """From the command line to the first step of a run that goes on, with kept compiled programs."""
    name, _, variant = config.partition(":")
    # -u: lines that Python keeps in a buffer would be timed too late.
    command = [sys.executable, "-u", "-m", "signjax.main", f"--workdir={folder}/runs/gpt"]
    command += [f"--config=configs/{name}.py:{variant}", *(f"--config.{k}={v}" for k, v in changes.items())]
    seconds = [time_first_step(command, folder, step) for step in range(2, REPEATS + 3)]
    goal = timing.Goal("s", 10, 5, lambda seconds: seconds)
    # Without the first, which fills the cache of compiled programs.
    return timing.Measurement("restart to the first step", tuple(seconds[1:]), goal=goal)


def time_first_step(command: list[str], home: str, step: int) -> float:
    """Seconds until a run makes step number `step`; then it is stopped, and saves."""
    start, line = time.perf_counter(), ""
    with subprocess.Popen(
        [*command, f"--config.num_steps={step}"],
        env=setup.make_environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        for line in run.stdout:
            if line.startswith(f"step {step}/"):
                seconds = time.perf_counter() - start
                run.send_signal(signal.SIGTERM)
                # A pipe that nobody reads would fill and stop the run before it has saved.
                run.communicate()
                return seconds
    raise SignjaxError(f"{' '.join(command)} made no step: {line.strip() or 'no message'}")
