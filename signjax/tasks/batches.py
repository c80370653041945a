"""Batches and means of losses, shared by several tasks."""

from collections.abc import Callable, Iterable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from signjax.data import loader, sources
from signjax.data.packed_dataset import PackedDataset
from signjax.pose.missing_joints import fill_missing_joints

SAMPLE = 2048  # windows from which initial parameters are computed


def host_share() -> dict[str, int]:
    """The part of each batch that this process loads, as arguments of signjax.data.loader."""
    return {"hosts": jax.process_count(), "host": jax.process_index()}


def stream_windows(source, config, transforms=()) -> Callable[[int], Iterator[dict]]:
    """`Task.batches` of examples of a source, `config.batch_size` at a time."""

    def stream_batches(start):
        return loader.iterate_shuffled(
            source, config.batch_size, config.seed, start, transforms=transforms, **host_share()
        )

    return stream_batches


def iterate_dev_clips(dev: PackedDataset, config) -> Callable[[], Iterable[dict]]:
    """`Task.eval_batches` of whole clips, with "scale" [B]: the canonical unit in the unit of the data."""

    # Poses are in canonical space, but errors are reported in the units of the data.
    def iterate_batches():
        for batch in loader.iterate_clips(dev, config.eval_batch_size, **host_share()):
            yield batch | {"scale": dev.placements.scale[batch["index"]]}

    return iterate_batches


def stream_rows(config, rows) -> Callable[[int], Iterator[dict]]:
    """`Task.batches` of packed rows, `config.batch_tokens` positions at a time."""

    def stream_batches(start):
        # Rows are as long as the longest clip needs; so all data sets have batches of about the same size.
        size = max(1, config.batch_tokens // rows.tokens)
        return loader.iterate_shuffled(rows, size, config.seed, start, **host_share())

    return stream_batches


def iterate_dev_rows(config, rows) -> Callable[[], Iterable[dict]]:
    """`Task.eval_batches` of packed rows."""
    return lambda: loader.iterate_once(rows, config.eval_batch_size, **host_share())


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
