"""Training of a config: the engine with the task that the config names."""

from typing import TextIO

from signjax.tasks.registry import make_task
from signjax.training import loop
from signjax.training.loop import TrainResult


def train(
    config, workdir, *, out: TextIO | None = None, command: str = "", wandb_project: str | None = None
) -> TrainResult:
    """Trains a model and saves it in a folder, the run; continues where an earlier call stopped.

    Ctrl-C, SIGTERM and SIGHUP save and end the training after the current step. The run has the config,
    the checkpoints, and the metrics in metrics.jsonl.

    Args:
      config: see `signjax.get_config`.
      workdir: folder of the run, created if missing.
      out: where progress is shown, such as sys.stdout; None shows nothing.
      command: the user's command, for messages that say how to continue.
      wandb_project: project of Weights & Biases that gets the metrics, too.

    Raises:
      ConfigError: the config contradicts itself or the run in `workdir`.
      StorageError: `workdir` is in use, or cannot be read or written.
      DataError: the data cannot be used.
      NumericsError: too many updates in a row were not finite.
    """
    return loop.train(config, workdir, make_task, out=out, command=command, wandb_project=wandb_project)
