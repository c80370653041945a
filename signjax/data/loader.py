"""Batches: endless and seeded for training, whole and padded for evaluation, always of static shapes.

Examples come from a source (signjax.data.sources). In training, the batch of a step is a function of
(source, seed, step) alone, so neither the number of workers nor the number of hosts changes what is
trained on, and a run resumes from its step without any saved state. grain runs that function in threads
and processes; its own shuffling and batching cost more than making the examples.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from signjax.data import sources
from signjax.data.packed_dataset import PackedDataset
from signjax.errors import ConfigError, DataError
from signjax.io.processes import die_with_parent
from signjax.seeds import make_rng

LAST_STEP = 1 << 40  # grain's ranges need an end; no training comes so far
Batch = dict[str, np.ndarray]


def iterate_shuffled(
    source,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    hosts: int = 1,
    host: int = 0,
    workers: int = 0,
    transforms: Sequence[Callable] = (),
    multiple: int = 1,
) -> Iterator[Batch]:
    """Endless shuffled training batches; each epoch shows every example once.

    Args:
      source: sources.Crops, sources.ArrayRows or alike.
      batch_size: B, examples of a step over all hosts.
      seed: decides the order and every random choice.
      start_step: the step whose batch comes first; a run resumes with the step it stopped at.
      hosts: number of processes that share each batch in equal parts.
      host: number of this process, which gets that part; the parts in order are the batch.
      workers: processes that make the batches; 0 makes them in a thread of this one. They start anew, so
        a program that wants them needs `if __name__ == "__main__":`.
      transforms: functions (example, rng) -> example, applied in order, that keep shapes.
      multiple: rows of zeros fill a batch up to a multiple of this, for sources of which such rows count
        nowhere. So the same examples make a step, however many devices share it.

    Returns:
      An iterator of {name: [rows / hosts, ...]}, of B rows and those that fill it up; `close()` ends its
      workers.

    Raises:
      DataError: the source is empty.
      ConfigError: the rows are not a multiple of hosts, or there is no such host.
    """
    # This is no generator itself, so that mistakes are raised here and not with the first batch.
    rows = _count_rows(batch_size, multiple, hosts, host)
    if not len(source):
        raise DataError("there is nothing to train on: the source has no examples")
    import grain  # a second, and only training needs it

    make = functools.partial(_make_batch, source, batch_size, seed, host * rows, rows, tuple(transforms))
    # The work is Python's and the data are mapped: more threads than one would wait for the first.
    options = grain.ReadOptions(num_threads=1, prefetch_buffer_size=4)
    batches = grain.MapDataset.range(start_step, LAST_STEP).map(make).to_iter_dataset(options)
    if workers:
        # grain asks for absl flags, and raises an error in programs that do not start with absl.app.run.
        from absl import flags

        if not flags.FLAGS.is_parsed():
            flags.FLAGS.mark_as_parsed()
        processes = grain.MultiprocessingOptions(num_workers=workers, per_worker_buffer_size=2)
        batches = batches.mp_prefetch(processes, worker_init_fn=die_with_parent)
    return _iterate_and_close(batches)


def _iterate_and_close(batches: Iterable[Batch]) -> Iterator[Batch]:
    # A generator, so that close() and the garbage collector end grain's workers, too.
    iterator: Any = iter(batches)
    try:
        yield from iterator
    finally:
        iterator.close()


def _make_batch(
    source, batch_size: int, seed: int, first: int, rows: int, transforms: tuple[Callable, ...], step: int
) -> Batch:
    """Rows first:first + rows of a step's batch, zeros after its `batch_size` examples."""

    def make_example(position: int) -> dict[str, np.ndarray]:
        epoch, k = divmod(position, len(source))
        # Of the position and not of the step: another batch size shows the same examples in the same order.
        rng = make_rng(seed, 1, position)
        example = source.make_example(int(_shuffle_epoch(seed, epoch, len(source))[k]), rng)
        for transform in transforms:
            example = transform(example, rng)
        return example

    # A block of the batch for each host, not every second row: so the global batch, and the random numbers
    # that a step draws for its rows, are the same for any number of hosts.
    numbers, start = range(first, min(first + rows, batch_size)), step * batch_size
    if not numbers:
        # Of an example only to know the shapes.
        return {name: np.zeros_like(x) for name, x in _stack_examples([make_example(start)], rows).items()}
    return _stack_examples((make_example(start + number) for number in numbers), rows)


# A batch lies in two epochs at most, unless epochs are shorter than a batch.
@functools.lru_cache(maxsize=4)
def _shuffle_epoch(seed: int, epoch: int, count: int) -> np.ndarray:
    return make_rng(seed, 0, epoch).permutation(count)


def _stack_examples(examples: Iterable[dict[str, np.ndarray]], count: int) -> Batch:
    """One array per name, zeros after the last example.

    Each example is copied and let go, since fresh memory costs more than the copy.
    """
    batch = {}
    for row, example in enumerate(examples):
        for name, value in example.items():
            value = np.asarray(value)
            if name not in batch:
                batch[name] = np.zeros((count, *value.shape), value.dtype)
            batch[name][row] = value
    return batch


def iterate_once(
    source, batch_size: int, hosts: int = 1, host: int = 0, multiple: int = 1
) -> Iterator[Batch]:
    """Evaluation batches: every example once and in order, each batch filled up.

    Args:
      source: as for `iterate_shuffled`.
      batch_size: B, examples of a batch over all hosts.
      hosts, host: as for `iterate_shuffled`.
      multiple: the rows of a batch are filled up to a multiple of this.

    Returns:
      An iterator of {name: [rows / hosts, ...]} with "index" int32, the example's number, and "weight"
      float32: 1, or 0 for the rows that fill a batch, which repeat its last example.

    Raises:
      ConfigError: as for `iterate_shuffled`.
    """
    rows = _count_rows(batch_size, multiple, hosts, host)
    # All hosts get equally many batches, some perhaps of weight 0 alone: they compute each together.
    for start in range(0, len(source), batch_size):
        end = min(start + batch_size, len(source))
        numbers = start + host * rows + np.arange(rows)
        index = np.minimum(numbers, end - 1)
        batch = _stack_examples(map(source.make_example, index.tolist()), rows)
        weight = (numbers < end).astype(np.float32)
        yield batch | {"index": index.astype(np.int32), "weight": weight}


def iterate_clips(
    dataset: PackedDataset,
    batch_size: int,
    buckets: Sequence[int] = sources.BUCKETS,
    hosts: int = 1,
    host: int = 0,
    multiple: int = 1,
) -> Iterator[Batch]:
    """Evaluation batches of whole clips in canonical space, grouped so that few shapes occur.

    Args:
      dataset: the clips.
      batch_size: B over all hosts.
      buckets: lengths in frames that a clip may be padded to; longer clips go to the next power of two.
      hosts, host, multiple: as for `iterate_once`.

    Returns:
      An iterator of {"pose" [B, L, J, 3] float32, "mask" [B, L] bool, "index" [B] int32 into the data set,
      "weight" [B] float32}, and "valid" [B, L, J] bool if the data set has missing joints; L is one of the
      buckets, shortest first.

    Raises:
      ConfigError: as for `iterate_shuffled`.
    """
    lengths = np.array([sources.choose_bucket(int(n), buckets) for n in dataset.lengths])
    for length in np.unique(lengths):
        members = np.flatnonzero(lengths == length)
        clips = sources.WholeClips(dataset, members, int(length))
        for batch in iterate_once(clips, batch_size, hosts, host, multiple):
            yield batch | {"index": members[batch["index"]].astype(np.int32)}


def _count_rows(batch_size: int, multiple: int, hosts: int, host: int) -> int:
    """Rows of a host's part of a batch that is filled up to a multiple."""
    rows = -(-batch_size // multiple) * multiple
    if batch_size < 1 or hosts < 1 or rows % hosts:
        raise ConfigError(f"batch_size is {batch_size}; make it a multiple of the number of hosts, {hosts}")
    if not 0 <= host < hosts:
        raise ConfigError(f"host is {host}, but hosts are numbered 0 to {hosts - 1}")
    return rows // hosts
