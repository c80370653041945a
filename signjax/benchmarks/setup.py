"""Set-up of benchmarks: demo data in a folder of their own, and a task's compiled training step."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator

from signjax import demo
from signjax.tasks.registry import make_task
from signjax.training import loop, sharding
from signjax.training.configs import get_config
from signjax.training.random_key import make_key
from signjax.training.train_step import compile_steps


@contextlib.contextmanager
def make_home(sizes: tuple[int, int, int]) -> Iterator[str]:
    """A folder for data and runs with the demo set of this many clips in train, dev and test."""
    # Never the user's own datasets/ and runs/: a benchmark trains, and must overwrite nothing there.
    with tempfile.TemporaryDirectory(prefix="signjax-bench-") as folder:
        demo.write_dataset(f"{folder}/datasets", sizes=sizes)
        yield folder


def make_environment(home: str) -> dict[str, str]:
    """The environment of a command whose caches are in the folder `home`, so that the user's stay."""
    return os.environ | {"HOME": home, "XDG_CACHE_HOME": f"{home}/.cache"}


def make_config(name: str, folder: str, changes: dict | None = None):
    """The config `name`, such as "vqvae:seed", on the folder's data and one device, with changes by field."""
    c = get_config(name)
    c.update_from_flattened_dict({"data.root": f"{folder}/datasets", "mesh.shape": (1,)} | (changes or {}))
    return c


def train_run(c, folder: str) -> str:
    """Trains a config in a folder; returns the folder."""
    loop.train(c, folder, make_task)
    return folder


def make_stepper(c, workdir: str) -> tuple[Callable[[], dict], dict]:
    """(a function that makes a training step of a task, always on the same batch; that batch)."""
    os.makedirs(workdir, exist_ok=True)
    task = make_task(c, workdir)
    # One batch again and again: what is timed is the step, and reading data has a benchmark of its own.
    batch = next(iter(task.batches(0)))
    return make_step_call(c, task, batch)[0], batch


def make_step_call(c, task, batch: dict) -> tuple[Callable[[], dict], list]:
    """(a function that makes a training step on a batch; a list of the state, which it replaces)."""
    mesh = sharding.make_mesh(c.mesh)
    example = sharding.make_global_batch(batch, mesh)
    init, step, _, _ = compile_steps(c, task, mesh, example)
    # The step donates the buffers of its state, so each call must go on from the state of the last one.
    state = [init(make_key(c.seed), example)]

    def make_step() -> dict:
        state[0], metrics = step(state[0], example)
        return metrics

    return make_step, state
