"""Runs as training leaves them, written at once: for tests of what is done with a run, not of training."""

import jax

from signjax.tasks.registry import make_task
from signjax.training import checkpoint, run_config


def write_untrained_run(folder, c) -> None:
    """Writes a run of a config with the variables that training begins with."""
    folder.mkdir(parents=True, exist_ok=True)
    task = make_task(c, folder)
    # Compiled as one program: by itself each of its hundreds of operations is compiled.
    write_run(folder, c, jax.jit(task.init)(jax.random.key(0), next(iter(task.batches(0)))))


def write_run(folder, c, variables) -> None:
    """Writes a run of a config and these variables."""
    state = {"params": variables.pop("params"), "extra": variables}
    folder.mkdir(parents=True, exist_ok=True)
    writers = checkpoint.open_checkpoints(folder)
    checkpoint.save_checkpoint(writers.latest, 1, state, c, {"step": 1, "best": None, "fingerprint": {}})
    checkpoint.close_checkpoints(writers)
    run_config.save_config(folder / "config.json", c)
