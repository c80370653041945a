"""The contract between the engine and a model family: a few pure functions, nothing else."""

from collections.abc import Callable
from typing import NamedTuple


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


MakeTask = Callable[..., Task]  # (config, workdir) -> Task; files that a run needs later it keeps in workdir
