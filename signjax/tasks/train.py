"""Training a config: the engine with the task that the config names."""

from typing import TextIO

from signjax.tasks.registry import make_task
from signjax.training import loop
from signjax.training.loop import TrainResult


def train(
    config, workdir, *, out: TextIO | None = None, command: str = "", wandb_project: str | None = None
) -> TrainResult:
    """Trains a model and keeps it in a folder, the run; goes on where an earlier call stopped.

    Ctrl-C and SIGTERM end the training after the step under way, and save. The run has its config, its
    checkpoints, and its numbers in metrics.jsonl.

    Args:
      config: see `signjax.get_config`.
      workdir: folder of the run, made if missing.
      out: where progress is shown, such as sys.stdout; None shows nothing.
      command: how the user started this, to say how to go on.
      wandb_project: of wandb, to send or keep the numbers there, too.

    Raises:
      ConfigError: the config contradicts itself or the run in `workdir`.
      StorageError: `workdir` is in use, or cannot be read or written.
      DataError: the data cannot be used.
      NumericsError: too many updates in a row were not finite.
    """
    return loop.train(config, workdir, make_task, out=out, command=command, wandb_project=wandb_project)
