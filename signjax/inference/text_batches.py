"""Texts in batches of similar length: little padding, few shapes, and the first clips are ready early."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import jax
import numpy as np

from signjax import limits, seeds
from signjax.errors import ConfigError
from signjax.inference.kept_programs import KeptProgram
from signjax.limits import check_number
from signjax.text import tokenizer
from signjax.text.conditions import Conditions
from signjax.training import random_key

Result = TypeVar("Result")


class TextBatch(NamedTuple):
    """A batch of n texts. Rows after the n-th repeat the last text and only fill the batch."""

    places: np.ndarray  # [n] in the list of all texts
    ids: np.ndarray  # [rows, L], or features [rows, L, F]
    mask: np.ndarray  # [rows, L] bool
    keys: jax.Array  # [rows] random keys, one for each place


def batch_texts(
    text_encoder, texts, seed: int, size: int, conditions: Sequence[Conditions] = ()
) -> Iterator[TextBatch]:
    """Yields the texts in batches, the short ones first.

    Args:
      text_encoder: turns them into ids or features, see signjax.training.text_encoder.
      texts: any number of texts.
      seed: of the keys.
      size: largest number of texts in a batch.
      conditions: of each text; empty if there are none.

    Raises:
      ConfigError: `size` is not in its range.
      DataError: a text has no words. All texts are encoded before the first batch is yielded.
    """
    check_number("batch_size", size, limits.BATCH_SIZE)
    words = np.array(seeds.split_seed(seed), np.uint32)
    # All before the first batch: a text that cannot be signed must not fail after an hour of sampling.
    encoded = text_encoder.encode_all(texts, *([conditions] if conditions else []))
    order = sorted(range(len(texts)), key=lambda k: len(encoded[k]))
    for start in range(0, len(order), size):
        places = order[start : start + size]
        # Powers of four: few numbers of rows to compile for, and a few clips more take little longer.
        rows = min(size, 4 ** (((len(places) - 1).bit_length() + 1) // 2))
        index = places + places[-1:] * (rows - len(places))
        ids, mask = tokenizer.pad_texts([encoded[k] for k in index])
        yield TextBatch(np.array(places), ids, mask, _FOLD_PLACES(words, np.array(index, np.int32)))


def fold_places(words, places) -> jax.Array:
    """Random keys [rows] of places [rows] and a seed, two words [2] uint32 of `seeds.split_seed`."""
    # The key of a place, not of a batch: a clip is the same in any batch.
    return jax.vmap(jax.random.fold_in, (None, 0))(random_key.key_of_words(words), places)


# Compiled once for a number of rows: one operation after another would be ten small programs.
_FOLD_PLACES = KeptProgram("fold_places", jax.jit(fold_places))


def repeat_texts(texts: str | Sequence[str], num: int) -> list[str]:
    """Each text `num` times: place // num is the number of a clip's text.

    Raises:
      ConfigError: that is more than a call can generate.
    """
    check_number("num", num, limits.CLIPS)
    # A str is a sequence, too: of its characters.
    count = 1 if isinstance(texts, str) else len(texts)
    if count * num > limits.ALL_CLIPS:
        raise ConfigError(
            f"num is {num}, for {count:,} texts; all texts together can have {limits.ALL_CLIPS:,} clips"
        )
    return [text for text in ([texts] if isinstance(texts, str) else texts) for _ in range(num)]


def gather_results(
    batches: Iterable[tuple[np.ndarray, list[Result]]], texts: str | Sequence[str], num: int
) -> Result | list[Result]:
    """Collects batches of (places in `repeat_texts`, a result for each place) in the order of places.

    Returns:
      One result if `texts` is a single text and num is 1; otherwise a list.
    """
    by_place = {
        place: result for places, results in batches for place, result in zip(places, results, strict=True)
    }
    in_order = [by_place[place] for place in range(len(repeat_texts(texts, num)))]
    return in_order[0] if isinstance(texts, str) and num == 1 else in_order
