"""Words and phrases in the texts of a data set, whatever its language."""

import re
from collections.abc import Callable
from typing import NamedTuple

import ml_collections

from signjax import demo
from signjax.data import load
from signjax.data.packed_dataset import PackedDataset


class Language(NamedTuple):
    """How to read a data set's language."""

    tokenize: Callable[[str], list[str]]  # the words of a text, in one spelling
    # (pose, valid) -> [(word, first frame, last + 1)]; None if nothing can tell signs of a sentence apart
    locate_signs: Callable | None


def tokenize_plain(text: str) -> list[str]:
    """The words of a text in any language: letters and digits in lower case, apostrophes left out."""
    # An apostrophe would cut "don't" into two words, and a search for "dont" is meant for it, too.
    return re.findall(r"\w+", re.sub("['’ʼ`]", "", text.casefold()))


def _tokenize_demo(text: str) -> list[str]:
    # The head asks during the whole sentence, so a question mark has no frames of its own to be found in.
    return [token for token in demo.normalize_text(text) if token != "?"]


def choose_language(is_demo: bool) -> Language:
    """The demo language, whose reader finds signs in sentences, or any other."""
    return Language(_tokenize_demo, demo.locate_words) if is_demo else Language(tokenize_plain, None)


def load_searchable_split(root, name: str, split: str, face: bool = False) -> tuple[PackedDataset, Language]:
    """Loads a split and chooses the language of its texts.

    Args:
      root: folder that holds data sets.
      name: folder of this one.
      split: "train", "dev" or "test".
      face: keeps the face of data that have one.

    Raises:
      DataError: the split cannot be used.
    """
    config = ml_collections.ConfigDict({"root": str(root), "name": name})
    dataset = load.load_configured_split(config, split, face)
    return dataset, choose_language(load.is_demo_data(config))


def find_phrase(tokens: list[str], phrase: list[str]) -> list[int]:
    """The positions at which a phrase begins among tokens; occurrences do not overlap."""
    positions, k = [], 0
    while phrase and k + len(phrase) <= len(tokens):
        matches = tokens[k : k + len(phrase)] == phrase
        positions += [k] * matches
        k += len(phrase) if matches else 1
    return positions


def slugify_word(word: str) -> str:
    """A word as a part of a file name."""
    # 60 characters: a phrase may be a whole sentence, and file systems allow 255 bytes for the whole name.
    return re.sub(r"[\W_]+", "-", word).strip("-")[:60] or "word"
