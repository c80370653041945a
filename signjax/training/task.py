"""The contract between the engine and a model family: a few pure functions, nothing else.

`signjax/tasks/<name>.py` has `make(config, workdir) -> Task`; files of its own that a run needs later
(a text tokenizer, say) it keeps in `workdir` itself.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable
from typing import NamedTuple

from signjax.errors import ConfigError, did_you_mean


class Task(NamedTuple):
    """What the engine trains. Batches are dicts of numpy arrays with leading axis [B], this host's part.

    A variables dict is flax's: {"params": ..., **collections}; collections are state that is not
    learned by gradient, such as EMA codebooks.
    """

    init: Callable  # (rng, batch) -> variables
    loss: Callable  # (variables, batch, rng, step) -> (loss [], (metrics {name: []}, new collections))
    evaluate: Callable  # (variables, batch) -> {name: (sum [], count [])}; rows of "weight" [B] 0 are padding
    batches: Callable  # (start_step) -> iterator of training batches; batch number start_step comes first
    eval_batches: Callable  # () -> iterable of evaluation batches, of few different shapes
    finish: Callable | None = None  # (variables, {name: float}) -> {name: float}, on the host, after evaluate


def find(name: str):
    """The module signjax.tasks.<name>, which makes a Task; raises ConfigError if there is none."""
    try:
        if re.fullmatch("[a-z0-9_]+", name):
            module = importlib.import_module(f"signjax.tasks.{name}")
            if hasattr(module, "make"):
                return module
    except ModuleNotFoundError as e:
        if e.name != f"signjax.tasks.{name}":
            raise
    folder = importlib.import_module("signjax.tasks").__path__
    known = sorted(m.name for m in pkgutil.iter_modules(folder))
    has = f"signjax/tasks has only: {', '.join(known)}"
    raise ConfigError(f"task is {name!r}{did_you_mean(name, known, has)}")


def make_task(config, workdir) -> Task:
    """Builds the task that `config.task` names; raises ConfigError if there is no such module."""
    return find(config.task).make(config, workdir)
