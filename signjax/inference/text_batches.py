"""Texts to sign, in batches of about one length: little padding, few shapes, first clips early."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import jax
import numpy as np

from signjax.text import tokenizer

LONGEST_TEXT = 1000  # characters of a text from outside


class TextBatch(NamedTuple):
    """Some of the texts."""

    places: np.ndarray  # [n] in the list of all
    ids: np.ndarray  # [rows, L], features [rows, L, F]; rows is n, or more, and those repeat the last text
    mask: np.ndarray  # [rows, L] bool
    keys: jax.Array  # [rows] random keys, each of its text's place


def batch_texts(words, texts, seed: int, size: int) -> Iterator[TextBatch]:
    """Yields the texts in batches, the short ones first.

    Args:
      words: reads them, see signjax.training.text_encoder.
      texts: n texts.
      seed: of the keys.
      size: of the largest batch.

    Raises:
      DataError: a text has nothing to sign in it; at once, whichever it is.
    """
    keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), np.arange(len(texts)))
    encoded = words.encode_all(texts)
    order = sorted(range(len(texts)), key=lambda k: len(encoded[k]))
    for start in range(0, len(order), size):
        places = order[start : start + size]
        rows = min(size, 1 << (len(places) - 1).bit_length())  # few batch shapes, few compilations
        index = places + places[-1:] * (rows - len(places))
        ids, mask = tokenizer.pad_texts([encoded[k] for k in index])
        yield TextBatch(np.array(places), ids, mask, keys[np.array(index)])


def gather_by_place(found: Iterable[tuple[np.ndarray, list]], count: int) -> list:
    """What was yielded as (places, one thing for each), as a list by place."""
    things = {k: thing for places, some in found for k, thing in zip(places, some, strict=True)}
    return [things[k] for k in range(count)]
