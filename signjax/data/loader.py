"""Batches: endless and seeded for training, whole and padded for evaluation, of static shapes always.

Examples come from a source (signjax.data.sources). In a stream, the batch of a step is a function of
(source, seed, step) alone, so neither the number of workers nor the number of hosts changes what is
trained on, and a run resumes from its step without any saved state. grain runs that function in threads
and processes; its own shuffling and batching cost more than making the examples.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence

import grain
import numpy as np
from absl import flags

from signjax.data import sources
from signjax.data.packed_dataset import Pack
from signjax.errors import ConfigError, DataError
from signjax.io.processes import die_with_parent

NEVER = 1 << 40  # the step at which an endless stream ends


def stream(
    source,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    hosts: int = 1,
    host: int = 0,
    workers: int = 0,
    transforms: Sequence[Callable] = (),
) -> Iterator[dict[str, np.ndarray]]:
    """Endless shuffled training batches; each epoch shows every example once.

    Args:
      source: sources.Crops, sources.Rows or alike.
      batch_size: B, examples of a step over all hosts.
      seed: decides the order and every random choice.
      start_step: the step whose batch comes first; a run resumes with the step it stopped at.
      hosts: number of processes that share each batch in equal parts.
      host: number of this process, which gets that part; the parts in order are the batch.
      workers: processes that make the batches; 0 makes them in a thread of this one. They start anew, so
        a program that wants them needs `if __name__ == "__main__":`.
      transforms: functions (example, rng) -> example, applied in order, that keep shapes.

    Returns:
      An iterator of {name: [B / hosts, ...]}; `close()` ends its workers.

    Raises:
      DataError: the source is empty.
      ConfigError: batch_size is not a multiple of hosts, or there is no such host.
    """
    _check(batch_size, hosts, host)
    if not len(source):
        raise DataError("there is nothing to train on: the source has no examples")
    make = functools.partial(_batch, source, batch_size, seed, hosts, host, tuple(transforms))
    # The work is Python's and the data are mapped: more threads than one would wait for the first.
    options = grain.ReadOptions(num_threads=1, prefetch_buffer_size=4)
    batches = grain.MapDataset.range(start_step, NEVER).map(make).to_iter_dataset(options)
    if workers:
        if not flags.FLAGS.is_parsed():  # grain asks for flags that only absl.app.run parses
            flags.FLAGS.mark_as_parsed()
        processes = grain.MultiprocessingOptions(num_workers=workers, per_worker_buffer_size=2)
        batches = batches.mp_prefetch(processes, worker_init_fn=die_with_parent)
    return _iterate(batches)


def _iterate(batches: grain.IterDataset) -> Iterator[dict[str, np.ndarray]]:
    iterator = iter(batches)
    try:
        yield from iterator
    finally:
        iterator.close()


def _batch(
    source, batch_size: int, seed: int, hosts: int, host: int, transforms: tuple[Callable, ...], step: int
) -> dict[str, np.ndarray]:
    """A host's rows of a step's batch."""

    def example(position: int) -> dict[str, np.ndarray]:
        epoch, k = divmod(position, len(source))
        rng = np.random.default_rng((seed, 1, position))
        result = source.draw(int(_order(seed, epoch, len(source))[k]), rng)
        for transform in transforms:
            result = transform(result, rng)
        return result

    rows = batch_size // hosts
    first = step * batch_size + host * rows
    return _stack(map(example, range(first, first + rows)), rows)


@functools.lru_cache(maxsize=4)  # a batch lies in two epochs at most, unless an epoch is short
def _order(seed: int, epoch: int, count: int) -> np.ndarray:
    return np.random.default_rng((seed, 0, epoch)).permutation(count)


def _stack(examples: Iterable[dict[str, np.ndarray]], count: int) -> dict[str, np.ndarray]:
    """One array per name; each example is copied and let go, since fresh memory costs more than the copy."""
    batch = {}
    for row, example in enumerate(examples):
        for name, value in example.items():
            value = np.asarray(value)
            if name not in batch:
                batch[name] = np.empty((count, *value.shape), value.dtype)
            batch[name][row] = value
    return batch


def once(source, batch_size: int, hosts: int = 1, host: int = 0) -> Iterator[dict[str, np.ndarray]]:
    """Evaluation batches: every example once and in order, the last batch filled up.

    Returns:
      An iterator of {name: [B / hosts, ...]} with "index" int32, the example's number, and "weight"
      float32: 1, or 0 for the rows that fill the last batch, which repeat the last example.

    Raises:
      ConfigError: as for stream.
    """
    _check(batch_size, hosts, host)
    rows = batch_size // hosts
    for start in range(host * rows, len(source) + host * rows, batch_size):
        numbers = np.arange(start, start + rows)
        index = np.minimum(numbers, len(source) - 1)
        batch = _stack(map(source.draw, index.tolist()), len(index))
        weight = (numbers < len(source)).astype(np.float32)
        yield batch | {"index": index.astype(np.int32), "weight": weight}


def clips(
    pack: Pack, batch_size: int, buckets: Sequence[int] = sources.BUCKETS, hosts: int = 1, host: int = 0
) -> Iterator[dict[str, np.ndarray]]:
    """Evaluation batches of whole clips in canonical space, grouped so that few shapes occur.

    Args:
      pack: the clips.
      batch_size: B over all hosts.
      buckets: lengths a clip may be padded to; longer clips go to the next power of two.
      hosts: as for stream.
      host: as for stream.

    Returns:
      An iterator of {"pose" [B, L, 50, 3], "mask" [B, L], "index" [B] into the pack, "weight" [B]}, and
      "valid" [B, L, 50] if the pack has missing joints; L is one of the buckets, shortest first.

    Raises:
      ConfigError: as for stream.
    """
    lengths = np.array([sources.bucket(int(n), buckets) for n in pack.lengths])
    for length in np.unique(lengths):
        members = np.flatnonzero(lengths == length)
        for batch in once(sources.Whole(pack, members, int(length)), batch_size, hosts, host):
            yield batch | {"index": members[batch["index"]].astype(np.int32)}


def _check(batch_size: int, hosts: int, host: int) -> None:
    if batch_size < 1 or hosts < 1 or batch_size % hosts:
        raise ConfigError(f"batch_size is {batch_size}; make it a multiple of the number of hosts, {hosts}")
    if not 0 <= host < hosts:
        raise ConfigError(f"host is {host}, but hosts are numbered 0 to {hosts - 1}")
