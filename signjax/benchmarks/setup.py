"""What subjects need to run models: demo data in a folder of their own, and a task's compiled step."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator

import jax

from signjax import demo
from signjax.benchmarks import smoke_runs
from signjax.training import loop, sharding
from signjax.training.task import make_task
from signjax.training.train_step import compile_steps


@contextlib.contextmanager
def home(sizes: tuple[int, int, int]) -> Iterator[str]:
    """A folder for data and runs with the demo set of this many clips in train, dev and test."""
    with tempfile.TemporaryDirectory(prefix="signjax-bench-") as folder:
        demo.write_dataset(f"{folder}/datasets", sizes=sizes)
        yield folder


def config(name: str, folder: str, changes: dict | None = None):
    """The config `name`, as "vqvae:seed", on the folder's data and one device, with changes by field."""
    c = smoke_runs.configured(name)
    c.update_from_flattened_dict({"data.root": f"{folder}/datasets", "mesh.shape": (1,)} | (changes or {}))
    return c


def trained(c, folder: str) -> str:
    """Trains without a word; returns the folder."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        loop.train(c, folder)
    return folder


def stepper(c, workdir: str) -> tuple[Callable[[], dict], dict]:
    """(a function that makes a training step of a task, always on the same batch; that batch)."""
    os.makedirs(workdir, exist_ok=True)
    task = make_task(c, workdir)
    batch = next(iter(task.batches(0)))
    return steps(c, task, batch)[0], batch


def steps(c, task, batch: dict) -> tuple[Callable[[], dict], list]:
    """(a function that makes a training step on a batch; a list of the state, which it changes)."""
    mesh = sharding.make_mesh(c.mesh)
    example = sharding.to_global(batch, mesh)
    init, step, _, _ = compile_steps(c, task, mesh, example)
    state = [init(jax.random.key(c.seed), example)]

    def call() -> dict:
        state[0], metrics = step(state[0], example)
        return metrics

    return call, state
