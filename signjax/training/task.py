"""The contract between the training loop and a model family: a few pure functions."""

from collections.abc import Callable
from typing import NamedTuple


class Task(NamedTuple):
    """The functions of a model family that training calls.

    Batches are dicts of numpy arrays [B, ...], this host's part of them. Variables are those of flax,
    {"params": ..., **collections}; collections are state that is not trained by gradients, such as codebooks
    of moving averages.
    """

    init: Callable  # (rng, batch) -> variables
    loss: Callable  # (variables, batch, rng, step) -> (loss [], (metrics {name: []}, new collections))
    # Sums and counts, since the last batch is padded with rows of "weight" [B] 0, which count nothing.
    evaluate: Callable  # (variables, batch) -> {name: (sum [], count [])}
    # A function of the step alone, so that a resumed run sees the batches of an uninterrupted one.
    batches: Callable  # (start_step) -> iterator of training batches; batch number start_step comes first
    # Of few different shapes, as each is compiled for.
    eval_batches: Callable  # () -> iterable of evaluation batches
    finish: Callable | None = None  # (variables, {name: float}) -> {name: float}, on the host, after evaluate


MakeTask = Callable[
    ..., Task
]  # (config, workdir) -> Task; it writes the files that inference needs to workdir
