"""The words that a recogniser tells apart, and their file in its run."""

import json
from collections.abc import Iterable
from pathlib import Path

from signjax.errors import StorageError
from signjax.io import atomic, machine_errors, safe_read
from signjax.text.words import choose_rules, join_words, split_words

FILE = "words.json"
# Case and marks of punctuation tell no signs apart; marks of glosses do.
_KIND = "gloss"


def normalize_word(text: str) -> str:
    """What of a text names its sign: without case and outer spaces."""
    rules = choose_rules([text], _KIND, "lower")
    return join_words(split_words(text, rules), rules)


def make_word_list(texts: Iterable[str], unique: bool = True) -> tuple[str, ...]:
    """The words of texts; with `unique` each once, in order."""
    words = [normalize_word(text) for text in texts]
    return tuple(sorted(set(words)) if unique else words)


def save_words(workdir, words: tuple[str, ...]) -> None:
    """Writes the words of a run."""
    content = json.dumps({"words": words}, ensure_ascii=False, indent=0)
    atomic.write_file(Path(workdir, FILE), f"{content}\n".encode())


def load_words(workdir) -> tuple[str, ...]:
    """Reads the words of a run.

    Raises:
      StorageError: the file is missing or damaged.
    """
    path = Path(workdir, FILE)
    try:
        words = safe_read.read_json(path).get("words")
        if not (isinstance(words, list) and words and all(type(word) is str and word for word in words)):
            raise safe_read.InvalidFileError('has no list "words"')
        if len(set(words)) != len(words):
            raise safe_read.InvalidFileError("one of its words stands there twice")
    except safe_read.InvalidFileError as error:
        advice = machine_errors.choose_advice(error, "restore the file from a backup")
        raise StorageError(f"{path}: cannot be read as a recogniser's words ({error}); {advice}") from None
    return tuple(words)
