"""The text tokenizer: frequent words whole, all others letter by letter.

Signing spells what has no sign of its own, so a model has to see the letters of rare words; a subword
vocabulary would hide them in pieces. Fitted on the training texts and saved with the run.
"""

import collections
import functools
import hashlib
import json
import re
import unicodedata
from typing import NamedTuple

import numpy as np

from signjax.errors import DataError, StorageError
from signjax.io import atomic, safe_read
from signjax.models.special_ids import END, PAD, SPELL, UNKNOWN

SPECIAL = ("<pad>", "<null>", "<unknown>", "<spell>", "<end>")


class TextTokenizer(NamedTuple):
    """A vocabulary; `entries[i]` is the token with id i."""

    entries: tuple[str, ...]

    @property
    def size(self) -> int:
        """Number of ids."""
        return len(self.entries)

    def encode(self, text: str) -> list[int]:
        """The ids of a text, END last.

        Raises:
          DataError: the text has no letter, digit or mark in it.
        """
        index, ids = _map_entries(self.entries), []
        for word in split_words(text):
            if word in index:
                ids.append(index[word])
            else:
                ids += [SPELL, *(index.get(f"+{letter}", UNKNOWN) for letter in word)]
        if not ids:
            raise DataError(f"text {text[:40]!r}: nothing to sign in it; give some words")
        return [*ids, END]

    def encode_all(self, texts) -> list[list[int]]:
        """`encode` of each text."""
        return [self.encode(text) for text in texts]

    def decode(self, ids) -> str:
        """The words of ids with spaces between: `encode` undone, but for case and what `split_words` drops.

        Letters make a word of their own with what SPELL or letters stand before them; other special ids
        say nothing.
        """
        words, spelled = [], False
        for i in ids:
            letter = self.entries[i].startswith("+") and i >= len(SPECIAL)
            if i == SPELL:
                words.append("")
            elif letter and spelled:
                words[-1] += self.entries[i][1:]
            elif i >= len(SPECIAL):
                words.append(self.entries[i].removeprefix("+"))
            spelled = i == SPELL or letter or (spelled and i == UNKNOWN)
        return " ".join(filter(None, words))

    def save(self, path) -> None:
        """Writes the vocabulary as JSON, with its checksum."""
        content = {"sha256": _hash_entries(self.entries), "entries": self.entries}
        atomic.write_file(path, (json.dumps(content, ensure_ascii=False) + "\n").encode())


@functools.cache
def _map_entries(entries: tuple[str, ...]) -> dict[str, int]:
    return {entry: i for i, entry in enumerate(entries)}


def _hash_entries(entries) -> str:
    return hashlib.sha256(json.dumps(entries).encode()).hexdigest()


def fit_tokenizer(texts, min_count: int) -> TextTokenizer:
    """Fits a vocabulary: words that occur `min_count` times or more, and every letter of the texts."""
    counts = collections.Counter(word for text in texts for word in split_words(text))
    words = sorted(word for word, count in counts.items() if count >= min_count)
    letters = sorted({f"+{letter}" for word in counts for letter in word})
    return TextTokenizer((*SPECIAL, *words, *letters))


def load_tokenizer(path) -> TextTokenizer:
    """Reads what `save` wrote.

    Raises:
      StorageError: the file is missing or damaged.
    """
    try:
        saved = safe_read.read_json(path)
        entries = saved.get("entries")
        if not (isinstance(entries, list) and all(type(entry) is str for entry in entries)):
            raise safe_read.InvalidFileError('has no list "entries" of text')
        if tuple(entries[: len(SPECIAL)]) != SPECIAL or len(set(entries)) != len(entries) or "" in entries:
            raise safe_read.InvalidFileError(
                f"its entries do not begin with {', '.join(SPECIAL)}, or have one twice"
            )
        if saved.get("sha256") != _hash_entries(entries):
            raise safe_read.InvalidFileError("its entries are not those of its checksum")
    except safe_read.InvalidFileError as error:
        advice = "train the run again"
        raise StorageError(f"{path}: cannot be read as a text tokenizer ({error}); {advice}") from None
    return TextTokenizer(tuple(entries))


def split_words(text: str) -> list[str]:
    """Lower-case words, apostrophes within them kept, and each of the marks ? and ! as a word of its own."""
    folded = unicodedata.normalize("NFKD", text.replace("’", "'")).lower()
    plain = "".join(c for c in folded if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*|[?!]", plain)


def pad_texts(sequences, multiple: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Ragged texts to one array and its mask [B, L] bool; L is a multiple of `multiple`: few shapes.

    Ids [n] give int32 [B, L], features [n, F] float16 [B, L, F].
    """
    longest = max(map(len, sequences))
    length = -(-longest // multiple) * multiple
    ids, mask = make_padding(sequences, len(sequences), length), np.zeros((len(sequences), length), bool)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)], mask[row, : len(sequence)] = sequence, True
    return ids, mask


def make_padding(sequences, *shape: int) -> np.ndarray:
    """Padding [*shape] of ids or [*shape, F] of features, whichever the sequences are."""
    features = np.shape(sequences[0])[1:]
    return np.full((*shape, *features), PAD, np.float16 if features else np.int32)
