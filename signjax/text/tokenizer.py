"""The text tokenizer: frequent words as one token, all others letter by letter.

Signers spell what has no sign, so a model must see the letters of rare words; a subword vocabulary would hide
them in pieces. The vocabulary is fitted on the training texts and saved with the run.
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

# In the order of signjax.models.special_ids. The brackets keep them apart from words, which have only letters
# and digits.
SPECIAL = ("<pad>", "<null>", "<unknown>", "<spell>", "<end>")


class TextTokenizer(NamedTuple):
    """A vocabulary; `entries[i]` is the token of id i. Entries of letters begin with "+", as in "+a"."""

    entries: tuple[str, ...]

    @property
    def size(self) -> int:
        """Number of ids."""
        return len(self.entries)

    def encode(self, text: str) -> list[int]:
        """A text to ids, of which the last is END.

        Raises:
          DataError: the text has no letter, digit or mark in it.
        """
        entry_ids, ids = _map_entries(self.entries), []
        for word in split_words(text):
            if word in entry_ids:
                ids.append(entry_ids[word])
            else:
                # SPELL keeps two spelled words apart, and tells a letter of a word from a word of one letter.
                ids += [SPELL, *(entry_ids.get(f"+{letter}", UNKNOWN) for letter in word)]
        if not ids:
            raise DataError(f"text {text[:40]!r}: nothing to sign in it; give some words")
        return [*ids, END]

    def encode_all(self, texts) -> list[list[int]]:
        """`encode` of each text."""
        return [self.encode(text) for text in texts]

    def decode(self, ids) -> str:
        """Ids to words with spaces between: `encode` undone, but for case and what `split_words` drops.

        A letter is added to the word of the SPELL or letter before it; without one it is a word of its own.
        Other special ids add nothing.
        """
        words, spelled = [], False
        # A model may give ids in any order, also letters without SPELL, so no order is an error.
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
    # Outside the class, as a NamedTuple cannot keep what it computes; and a vocabulary is used for many
    # texts.
    return {entry: i for i, entry in enumerate(entries)}


def _hash_entries(entries) -> str:
    # Of the entries and not of the file, which is written with the letters of its script and not as ASCII.
    return hashlib.sha256(json.dumps(entries).encode()).hexdigest()


def fit_tokenizer(texts, min_count: int) -> TextTokenizer:
    """A vocabulary of the words that occur `min_count` times or more, and of every letter of the texts."""
    counts = collections.Counter(word for text in texts for word in split_words(text))
    # Sorted, so that the order of the texts does not matter: ids are the same on every host.
    words = sorted(word for word, count in counts.items() if count >= min_count)
    # Of frequent words, too: a rare word in a later text may need any letter.
    letters = sorted({f"+{letter}" for word in counts for letter in word})
    return TextTokenizer((*SPECIAL, *words, *letters))


def load_tokenizer(path) -> TextTokenizer:
    """Loads a tokenizer that `TextTokenizer.save` wrote.

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
    """A text to words in lower case, without accents, with apostrophes inside; ? and ! are words, too."""
    # NFKD takes accents off their letters, so that all ways to write a letter give one word.
    folded = unicodedata.normalize("NFKD", text.replace("’", "'")).lower()
    plain = "".join(c for c in folded if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*|[?!]", plain)


def pad_texts(sequences, multiple: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Texts of different lengths to one array and its mask [B, L] bool.

    Args:
      sequences: B texts, as ids [n] or features [n, F].
      multiple: L is the smallest multiple of it that all texts fit in.

    Returns:
      ids int32 [B, L] or features float16 [B, L, F], and the mask.
    """
    longest = max(map(len, sequences))
    # A program is compiled for each shape: rounded up, lengths are few.
    length = -(-longest // multiple) * multiple
    padded, mask = make_padding(sequences, len(sequences), length), np.zeros((len(sequences), length), bool)
    for row, sequence in enumerate(sequences):
        padded[row, : len(sequence)], mask[row, : len(sequence)] = sequence, True
    return padded, mask


def make_padding(sequences, *shape: int) -> np.ndarray:
    """Padding for texts such as `sequences`: ids int32 [*shape], or features float16 [*shape, F]."""
    features = np.shape(sequences[0])[1:]
    return np.full((*shape, *features), PAD, np.float16 if features else np.int32)
