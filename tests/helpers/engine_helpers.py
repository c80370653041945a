"""What the engine's tests share: toy configs, runs in a process of their own, states and logs compared."""

import json
import os
import pathlib
import subprocess
import sys

import engine_toy
import jax
import numpy as np
from paths import ROOT

from signjax.training import checkpoint, saved_steps, sharding, train_step

engine_toy.install()
TOY = str(pathlib.Path(engine_toy.__file__))


def toy(variant="", **changes):
    c = engine_toy.get_config(variant)
    c.update_from_flattened_dict(changes)
    return c


def spawn(*args, home="/tmp", **environment):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home)}
    env |= environment
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, *args], env=env, text=True, **pipes)


def start(workdir, *more):
    """The main command with the toy task."""
    command = (TOY, f"--config={TOY}", f"--workdir={workdir}", "--config.nap=0.02")
    return spawn(*command, *more, home=workdir.parent)


def compiled(c):
    """The toy's mesh and compiled steps."""
    mesh = sharding.make_mesh(c.mesh)
    batch = sharding.make_global_batch(engine_toy.batch_of(0, c.batch_size), mesh)
    return mesh, batch, *train_step.compile_steps(c, engine_toy.make_toy_task(c, ""), mesh, batch)


def plain(state):
    """A state's leaves as numpy arrays by path."""
    state = state.replace(rng=jax.random.key_data(state.rng))
    leaves = jax.tree_util.tree_leaves_with_path(jax.device_get(state))
    return {jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(x) for path, x in leaves}


def saved_state(c, workdir):
    *_, abstract = compiled(c)
    return plain(
        checkpoint.restore_checkpoint(workdir, saved_steps.find_last_step(workdir, "latest"), abstract)
    )


def rows(workdir):
    """metrics.jsonl without its times, numbers as hex: equal only if every bit is."""
    lines = [json.loads(line) for line in (pathlib.Path(workdir) / "metrics.jsonl").read_text().splitlines()]
    assert all({"cpu_s", "wall_s"} <= line.keys() for line in lines)
    return [{k: float(v).hex() for k, v in line.items() if k not in ("cpu_s", "wall_s")} for line in lines]


def same_bits(a, b):
    return a.keys() == b.keys() and all(a[k].tobytes() == b[k].tobytes() for k in a)


def run_script(path, spec: dict, **environment) -> list[dict]:
    """Runs a script of tests/ with a JSON argument; its JSON lines."""
    process = spawn(path, json.dumps(spec), **environment)
    out, err = process.communicate(timeout=3000)
    assert process.returncode == 0, err[-3000:]
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]
