"""Batches and means of losses, shared by several tasks."""

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from signjax.data import loader, sources
from signjax.data.packed_dataset import PackedDataset
from signjax.errors import SignjaxWarning
from signjax.pose.missing_joints import fill_missing_joints
from signjax.training import sharding

MAX_WORKERS = 8  # each holds up to three batches
SPARED_CORES = 2  # for the process that trains, and for what else a machine does
SAMPLE = 2048  # windows from which initial parameters are computed


def host_share() -> dict[str, int]:
    """The part of each batch that this process loads, as arguments of signjax.data.loader."""
    return {"hosts": jax.process_count(), "host": jax.process_index()}


def count_workers() -> int:
    """How many processes make the batches of this one: none where they would take its cores from training.

    Nor in a program of somebody else: a process that is started imports the main module again, and does all
    that is not below `if __name__ == "__main__":`.
    """
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if jax.default_backend() == "cpu" or spec is None or not spec.name.startswith("signjax."):
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(0, min(MAX_WORKERS, cores - SPARED_CORES))


def filled_share(config) -> dict[str, int]:
    """As `host_share`, of batches that are filled up until all devices have equally many rows."""
    return host_share() | {"multiple": sharding.count_batch_parts(sharding.make_mesh(config.mesh))}


def stream_windows(source, config, transforms=()) -> Callable[[int], Iterator[dict]]:
    """`Task.batches` of examples of a source, `config.batch_size` at a time."""

    def stream_batches(start):
        options = host_share() | {"workers": count_workers()}
        return loader.iterate_shuffled(
            source, config.batch_size, config.seed, start, transforms=transforms, **options
        )

    return stream_batches


def iterate_dev_clips(dev: PackedDataset, config) -> Callable[[], Iterable[dict]]:
    """`Task.eval_batches` of whole clips, with "scale" [B]: the canonical unit in the unit of the data."""

    # Poses are in canonical space, but errors are reported in the units of the data.
    def iterate_batches():
        for batch in loader.iterate_clips(dev, config.eval_batch_size, **filled_share(config)):
            yield batch | {"scale": dev.placements.scale[batch["index"]]}

    return iterate_batches


def stream_rows(config, rows) -> Callable[[int], Iterator[dict]]:
    """`Task.batches` of packed rows, `config.batch_tokens` positions at a time."""
    return stream_filled_rows(config, rows, "batch_tokens", rows.tokens)


def stream_filled_rows(
    config, source, field: str, length: int, workers: int = 0
) -> Callable[[int], Iterator[dict]]:
    """`Task.batches` of rows that hold several clips, of which rows of zeros count nowhere.

    A step is the same on any number of devices: those that its rows do not reach get rows of zeros, and a
    warning says how many more positions would use them.

    Args:
      config: reads `seed`, `mesh` and `field`.
      source: of the rows.
      field: of the config, the positions of a step.
      length: of a row.
      workers: processes that make the batches; each gets a copy of what the source has in memory.
    """
    # Rows are as long as the longest clip needs; so all data sets have batches of about the same size.
    size = max(1, config[field] // length)
    parts = filled_share(config)["multiple"]
    # Once a job, and not where a task is only looked at.
    if size % parts and jax.process_index() == 0:
        rows = -(-size // parts) * parts
        made = f"{field}={config[field]} makes {size:,} rows of {length:,} positions for {parts:,} devices"
        advice = f"{field}={rows * length}, in a new --workdir, fills them"
        line = f"{made}; {rows - size:,} empty rows are added to each step, and {advice}"
        warnings.warn(line, SignjaxWarning, stacklevel=3)

    def stream_batches(start):
        options = filled_share(config) | {"workers": workers}
        return loader.iterate_shuffled(source, size, config.seed, start, **options)

    return stream_batches


def iterate_dev_rows(config, rows) -> Callable[[], Iterable[dict]]:
    """`Task.eval_batches` of packed rows, or of other examples with static shapes."""
    return lambda: loader.iterate_once(rows, config.eval_batch_size, **filled_share(config))


def sample_full_windows(crops: sources.Crops) -> np.ndarray:
    """Evenly spaced windows [n, W, J, 3] of the training split: full ones, or all if none is full."""
    # Frames of zeros after a short clip would be a principal component of the data.
    numbers = np.unique(np.linspace(0, len(crops) - 1, SAMPLE).astype(int))
    windows = [crops.make_example(int(i)) for i in numbers]
    full = [window for window in windows if window["mask"].all()] or windows
    return np.asarray(fill_missing_joints({name: np.stack([w[name] for w in full]) for name in full[0]}))


def mean_terms(terms: dict) -> dict:
    """{name: mean} of {name: (sum, count)}; the mean is 0 where the count is 0."""
    return {name: total / jnp.maximum(count, 1) for name, (total, count) in terms.items()}
