"""The text tokenizer: frequent words as one token, all others letter by letter.

Signers spell what has no sign, so a model must see the letters of rare words; a subword vocabulary would hide
them in pieces. The vocabulary is fitted on the training texts and saved with the run.
"""

import collections
import functools
import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from signjax.errors import DataError, StorageError
from signjax.io import atomic, machine_errors, safe_read
from signjax.models.special_ids import END, PAD, SPELL, UNKNOWN
from signjax.text.conditions import NAMES, UNSPECIFIED, Condition, Conditions
from signjax.text.words import CASES, KINDS, SENTENCE, TextRules, join_words, split_words

SPECIAL = ("<pad>", "<null>", "<unknown>", "<spell>", "<end>")
VERSION = 2  # of the file; in version 1 letters stood among the words as "+a", and there were no rules
CONDITIONED = 3  # the version of files with conditions, which older versions of signjax must not read
OLD_RULES = SENTENCE._replace(accents=False)


class UnknownLetters(NamedTuple):
    """What a run does not know of a text."""

    letters: str  # the letters that it has never seen, each once, in order
    count: int  # how often they occur
    total: int  # letters of the text


class TextTokenizer(NamedTuple):
    """A vocabulary of words and of letters. Ids are those of SPECIAL, then of the words, then of the letters,
    then of the conditions: for each of them one that leaves it unspecified, and one for each value.

    A letter is a character of Unicode: a vowel sign of Hindi or Thai is one, too.
    """

    words: tuple[str, ...]
    letters: tuple[str, ...]
    rules: TextRules = SENTENCE
    conditions: tuple[Condition, ...] = ()

    @property
    def size(self) -> int:
        """Number of ids."""
        return self._first_condition + sum(count for _, count in self.condition_spans)

    @property
    def entries(self) -> tuple[str, ...]:
        """The token of each id, a letter as "+a", and conditions with a space, which no word has."""
        texts = (*SPECIAL, *self.words, *(f"+{letter}" for letter in self.letters))
        values = (
            entry
            for name, values in self.conditions
            for entry in (f"<any {name}>", *(f"<{name} {value}>" for value in values))
        )
        return (*texts, *values)

    @property
    def condition_spans(self) -> tuple[tuple[int, int], ...]:
        """The first id of each condition, which leaves it unspecified, and the number of its ids."""
        spans, first = [], self._first_condition
        for _, values in self.conditions:
            spans.append((first, 1 + len(values)))
            first += 1 + len(values)
        return tuple(spans)

    @property
    def _first_condition(self) -> int:
        return len(SPECIAL) + len(self.words) + len(self.letters)

    def encode(self, text: str, conditions: Conditions = UNSPECIFIED) -> list[int]:
        """A text to ids: one of each condition, then those of the words, then END.

        A value without an entry leaves its condition unspecified.

        Raises:
          DataError: the text has no letter, digit or mark in it.
        """
        word_ids, letter_ids = _map_ids(self.words, self.letters)
        ids = []
        for word in split_words(text, self.rules):
            if word in word_ids:
                ids.append(word_ids[word])
            else:
                # SPELL keeps two spelled words apart, and tells a letter of a word from a word of one letter.
                ids += [SPELL, *(letter_ids.get(letter, UNKNOWN) for letter in word)]
        if not ids:
            raise DataError(f"text {text[:40]!r}: nothing to sign in it; give some words")
        return [*self._encode_conditions(conditions), *ids, END]

    def encode_all(self, texts, conditions: Sequence[Conditions] = ()) -> list[list[int]]:
        """`encode` of each text, with the conditions of each if there are any."""
        conditions = conditions or [UNSPECIFIED] * len(texts)
        return [self.encode(text, about) for text, about in zip(texts, conditions, strict=True)]

    def _encode_conditions(self, conditions: Conditions) -> list[int]:
        value_ids = _map_values(self._first_condition, self.conditions)
        return [ids.get(getattr(conditions, name), ids[None]) for name, ids in value_ids.items()]

    def find_unknown(self, text: str) -> UnknownLetters:
        """The letters of a text that `encode` has to make UNKNOWN."""
        word_ids, letter_ids = _map_ids(self.words, self.letters)
        words = split_words(text, self.rules)
        unknown = [c for word in words if word not in word_ids for c in word if c not in letter_ids]
        return UnknownLetters("".join(dict.fromkeys(unknown)), len(unknown), sum(map(len, words)))

    def decode(self, ids) -> str:
        """Ids to a text: `encode` undone, but for case and what `split_words` drops.

        A letter is added to the word of the SPELL or letter before it; without one it is a word of its own.
        Other special ids, and those of conditions, add nothing.
        """
        words, spelled = [], False
        first_letter, first_condition = len(SPECIAL) + len(self.words), self._first_condition
        # A model may give ids in any order, also letters without SPELL, so no order is an error.
        for i in ids:
            if i >= first_condition:
                continue
            if i == SPELL:
                words.append("")
            elif i >= first_letter and spelled:
                words[-1] += self.letters[i - first_letter]
            elif i >= first_letter:
                words.append(self.letters[i - first_letter])
            elif i >= len(SPECIAL):
                words.append(self.words[i - len(SPECIAL)])
            spelled = i == SPELL or i >= first_letter or (spelled and i == UNKNOWN)
        return join_words(filter(None, words), self.rules)

    def save(self, path) -> None:
        """Writes the vocabulary as JSON, with its checksum."""
        content = {
            "version": CONDITIONED if self.conditions else VERSION,
            "sha256": _hash_vocabulary(self),
            "rules": self.rules._asdict(),
            "words": self.words,
            "letters": self.letters,
        }
        content |= {"conditions": dict(self.conditions)} if self.conditions else {}
        atomic.write_file(path, (json.dumps(content, ensure_ascii=False) + "\n").encode())


@functools.cache
def _map_ids(words: tuple[str, ...], letters: tuple[str, ...]) -> tuple[dict[str, int], dict[str, int]]:
    # Outside the class, as a NamedTuple cannot keep what it computes; and a vocabulary is used for many
    # texts.
    start = len(SPECIAL) + len(words)
    return (
        {word: i for i, word in enumerate(words, len(SPECIAL))},
        {letter: i for i, letter in enumerate(letters, start)},
    )


@functools.cache
def _map_values(first: int, conditions: tuple[Condition, ...]) -> dict[str, dict[str | None, int]]:
    """{name of a condition: {value, None where it is unspecified: id}}."""
    value_ids = {}
    for name, values in conditions:
        value_ids[name] = {value: first + k for k, value in enumerate((None, *values))}
        first += 1 + len(values)
    return value_ids


def _hash_vocabulary(tokenizer: TextTokenizer) -> str:
    content: list = [tokenizer.rules._asdict(), tokenizer.words, tokenizer.letters]
    content += [tokenizer.conditions] if tokenizer.conditions else []
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def fit_tokenizer(
    texts, min_count: int, rules: TextRules = SENTENCE, conditions: tuple[Condition, ...] = ()
) -> TextTokenizer:
    """A vocabulary of the words that occur `min_count` times or more, and of every letter of the texts.

    Args:
      texts: of the training clips.
      min_count: rarer words are spelled.
      rules: how texts become words, see signjax.text.words.choose_rules.
      conditions: see signjax.text.conditions.fit_conditions.
    """
    counts = collections.Counter(word for text in texts for word in split_words(text, rules))
    # Sorted, so that the order of the texts does not matter: ids are the same on every host.
    words = sorted(word for word, count in counts.items() if count >= min_count)
    letters = sorted({letter for word in counts for letter in word})
    return TextTokenizer(tuple(words), tuple(letters), rules, conditions)


def load_tokenizer(path) -> TextTokenizer:
    """Loads a tokenizer that `TextTokenizer.save` wrote, also that of an older version.

    Raises:
      StorageError: the file is missing or damaged.
    """
    try:
        saved = safe_read.read_json(path)
        return _parse_tokenizer(saved) if "version" in saved else _parse_old_tokenizer(saved)
    except safe_read.InvalidFileError as error:
        advice = machine_errors.choose_advice(error, "restore the file from a backup")
        raise StorageError(f"{path}: cannot be read as a text tokenizer ({error}); {advice}") from None


def _parse_tokenizer(saved: dict) -> TextTokenizer:
    if saved["version"] not in (VERSION, CONDITIONED):
        known = f"this signjax knows 1, {VERSION} and {CONDITIONED}"
        raise safe_read.InvalidFileError(f"its version is {saved['version']!r}; {known}")
    words, letters = (_parse_texts(saved, name) for name in ("words", "letters"))
    rules = saved.get("rules")
    valid = isinstance(rules, dict) and rules.keys() == set(TextRules._fields)
    if not (valid and rules["kind"] in KINDS and rules["case"] in CASES and type(rules["accents"]) is bool):
        raise safe_read.InvalidFileError('has no "rules" of splitting texts that are known')
    conditions = _parse_conditions(saved) if saved["version"] == CONDITIONED else ()
    tokenizer = TextTokenizer(words, letters, TextRules(**rules), conditions)
    if saved.get("sha256") != _hash_vocabulary(tokenizer):
        raise safe_read.InvalidFileError("its entries are not those of its checksum")
    return tokenizer


def _parse_conditions(saved: dict) -> tuple[Condition, ...]:
    values = saved.get("conditions")
    if not isinstance(values, dict) or not values or not values.keys() <= set(NAMES):
        raise safe_read.InvalidFileError('has no "conditions" that are known')
    return tuple(Condition(name, _parse_texts(values, name)) for name in NAMES if name in values)


def _parse_old_tokenizer(saved: dict) -> TextTokenizer:
    """The vocabulary of version 1: words, then letters as "+a"."""
    entries = _parse_texts(saved, "entries")
    if entries[: len(SPECIAL)] != SPECIAL:
        raise safe_read.InvalidFileError(f"its entries do not begin with {', '.join(SPECIAL)}")
    if saved.get("sha256") != hashlib.sha256(json.dumps(entries).encode()).hexdigest():
        raise safe_read.InvalidFileError("its entries are not those of its checksum")
    # Its words had letters, digits, apostrophes, ? and ! only, so what begins with + is a letter.
    words = tuple(entry for entry in entries[len(SPECIAL) :] if not entry.startswith("+"))
    letters = tuple(entry[1:] for entry in entries[len(SPECIAL) + len(words) :])
    return TextTokenizer(words, letters, OLD_RULES)


def _parse_texts(saved: dict, name: str) -> tuple[str, ...]:
    texts = saved.get(name)
    if not (isinstance(texts, list) and all(type(text) is str for text in texts)):
        raise safe_read.InvalidFileError(f'has no list "{name}" of text')
    if len(set(texts)) != len(texts) or "" in texts:
        raise safe_read.InvalidFileError(f"its {name} have one twice, or an empty one")
    return tuple(texts)


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
