"""A text as pieces that a dictionary can sign: words and phrases, letters, pauses; and what is missing."""

import unicodedata
from typing import NamedTuple

from signjax.lexicon.vocabulary import LETTER, Vocabulary
from signjax.text import words

WORD, PHRASE, INFLECTION, SPELLED, MISSING = "word", "phrase", "inflection", "spelled", "missing"
KINDS = (WORD, PHRASE, INFLECTION, SPELLED, MISSING)


class Piece(NamedTuple):
    """Some words of a text.

    Attributes:
      kind: one of KINDS.
      text: the words.
      keys: entries that sign it, one after the other: one, a letter each if it is spelled, none if missing.
      mark: what follows it in the text: words.COMMA, STOP, QUESTION, or "".
    """

    kind: str
    text: str
    keys: tuple[str, ...]
    mark: str = ""


class Coverage(NamedTuple):
    """What a dictionary has of a text.

    Attributes:
      text: the text.
      pieces: of the text, in order.
    """

    text: str
    pieces: tuple[Piece, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The words that cannot be signed."""
        return tuple(piece.text for piece in self.pieces if piece.kind == MISSING)

    @property
    def share(self) -> float:
        """The share of the text's words that have a sign or are spelled, 0 to 1."""
        counts = [(len(piece.text.split()), piece.kind != MISSING) for piece in self.pieces]
        total = sum(count for count, _ in counts)
        return sum(count for count, signed in counts if signed) / total if total else 0.0

    def describe(self) -> str:
        """The pieces by kind, in one line."""
        parts = []
        for kind in KINDS:
            texts = [_describe_piece(piece) for piece in self.pieces if piece.kind == kind]
            if texts:
                parts.append(f"{kind}: {', '.join(texts)}")
        return "; ".join(parts) or "no words"


def _describe_piece(piece: Piece) -> str:
    return f"{piece.text} ({piece.keys[0]})" if piece.kind == INFLECTION else piece.text


def cover_text(text: str, vocabulary: Vocabulary) -> Coverage:
    """Looks a text up: the longest phrase first, then base forms, then letters."""
    pieces: list[Piece] = []
    for clause in words.split_clauses(text, vocabulary.rules):
        start = len(pieces)
        pieces += _cover_clause(clause.words, vocabulary)
        # A pause belongs to what stands before it; what is missing has none of its own.
        if len(pieces) > start:
            pieces[-1] = pieces[-1]._replace(mark=clause.mark)
    return Coverage(text, tuple(pieces))


def _cover_clause(clause: list[str], vocabulary: Vocabulary) -> list[Piece]:
    pieces, start = [], 0
    while start < len(clause):
        piece, used = _find_longest(clause[start:], vocabulary)
        pieces.append(piece)
        start += used
    return pieces


def _find_longest(clause: list[str], vocabulary: Vocabulary) -> tuple[Piece, int]:
    """The piece that a clause begins with, and the number of its words."""
    for count in range(min(vocabulary.longest, len(clause)), 0, -1):
        phrase = " ".join(clause[:count])
        if entry := vocabulary.find_entry(phrase):
            key, inflected = entry
            return Piece(INFLECTION if inflected else WORD if count == 1 else PHRASE, phrase, (key,)), count
    letters = _spell_word(clause[0], vocabulary)
    return Piece(SPELLED if letters else MISSING, clause[0], letters), 1


def _spell_word(word: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The letters of a word; none if one of them has no sign, as half a name is another name."""
    letters = []
    for letter in unicodedata.normalize("NFC", word):
        if not letter.isalnum():
            continue  # an apostrophe, or a mark that composes with nothing
        plain = unicodedata.normalize("NFKD", letter)[0]
        names = (f"{LETTER}{letter}", f"{LETTER}{plain}", letter, plain)
        found = next((key for key in names if key in vocabulary.entries), None)
        if found is None:
            return ()
        letters.append(found)
    return tuple(letters)
