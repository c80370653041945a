"""The model families that can be trained, by the `task` of a config.

To add one, write a module in this package with `make_task(config, workdir) -> Task` and a line in this table.
"""

from collections.abc import Callable

from signjax.errors import ConfigError, did_you_mean
from signjax.tasks import ae2d, backtranslate, flow, gpt, masked, motion_encoder, recognizer, seed_gpt, vqvae
from signjax.training import config_rules
from signjax.training.task import Task

FAMILIES: dict[str, Callable[..., Task]] = {
    "ae2d": ae2d.make_task,
    "backtranslate": backtranslate.make_task,
    "flow": flow.make_task,
    "gpt": gpt.make_task,
    "masked": masked.make_task,
    "motion_encoder": motion_encoder.make_task,
    "recognizer": recognizer.make_task,
    "seed_gpt": seed_gpt.make_task,
    "vqvae": vqvae.make_task,
}


def make_task(config, workdir) -> Task:
    """Makes the task that `config.task` names.

    Args:
      config: of the run.
      workdir: of the run; files that it needs later, such as its vocabulary, are saved there.

    Raises:
      ConfigError: there is no such task, or the config contradicts itself.
      DataError: its data cannot be used.
    """
    if config.task not in FAMILIES:
        names = f"signjax/tasks has only: {', '.join(sorted(FAMILIES))}"
        raise ConfigError(f"task is {config.task!r}{did_you_mean(config.task, sorted(FAMILIES), names)}")
    config_rules.check_fields(config)
    return FAMILIES[config.task](config, workdir)
