"""Runs that are killed again and again: python tests/helpers/crash_run.py '{"kind": "toy", "kills": 5, ...}'.

Every attempt is a fork of one process that has imported everything: a restart takes no seconds.
"""

import json
import os
import pathlib
import random
import signal
import sys
import time
import traceback

import engine_helpers
import gpt_run
import jax

from signjax.io import checksums
from signjax.tasks.registry import make_task
from signjax.training import loop, saved_steps

TOY = {"log_every": 1, "eval_every": 7, "save_every": 3, "nap": 0.01, "mesh.shape": (1,)}
MORE = {"log_every": 1, "eval_every": 9, "save_every": 2}


def config_of(kind: str, fields: dict, steps: int):
    """The toy, or a config of this name with changes."""
    if kind == "toy":
        return engine_helpers.toy(**TOY, num_steps=steps)
    return gpt_run.get_config(kind, **fields | MORE | {"num_steps": steps})


def begin(config, workdir) -> int:
    """Forks a process that trains; returns its id."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    os.dup2(os.open(f"{workdir}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
    code = 99
    try:
        code = loop.train(config, workdir, make_task, out=sys.stdout).exit_code
    except Exception:
        traceback.print_exc()
    os._exit(code)


def look(workdir) -> list:
    """Names and sizes of all files of a run, to see that something happens."""
    files = []
    for folder, _, names in os.walk(workdir):
        for name in names:
            try:
                files.append((folder, name, os.stat(os.path.join(folder, name)).st_size))
            except FileNotFoundError:
                continue
    return sorted(files)


def kill(child: int, workdir, changes: int) -> dict | None:
    """Kills a training run after it has changed its files so many times; None if it ended before."""
    start = before = look(workdir)
    while changes:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0, pathlib.Path(f"{workdir}.log").read_text()
            return None
        now = look(workdir)
        changes -= now != before
        before = now
        # Seconds pass until a start changes anything: looking as often then would slow it down.
        time.sleep(0.02 if now == start else 0.0005)
    whole = saved_steps.find_last_step(workdir, "latest")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    folder = saved_steps.get_checkpoint_folder(workdir, "latest")
    step, faults = checksums.find_newest_intact(folder)
    saving = any(p.name.endswith("-tmp") for p in folder.iterdir()) if folder.is_dir() else False
    return {"whole": whole, "left": step, "faults": faults, "saving": saving}


def main(spec: dict) -> None:
    """Prints what each kill left; then trains to the end, and another run without any kill."""
    root = pathlib.Path(spec["root"])
    jax.config.update("jax_compilation_cache_dir", str(root / "xla"))  # a kill may leave half a file there
    rng, config = random.Random(spec["seed"]), config_of(spec["kind"], spec["fields"], spec["steps"])
    for _ in range(spec["kills"]):
        child, changes = begin(config, root / "killed"), rng.randint(1, spec["changes"])
        print(json.dumps(kill(child, root / "killed", changes)))
    for name in ("killed", "whole"):
        _, status = os.waitpid(begin(config, root / name), 0)
        print(json.dumps({"name": name, "code": os.waitstatus_to_exitcode(status)}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
