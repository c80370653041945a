"""Text of the demo language: normalisation to tokens, tokens to glosses and back, word errors."""

import re
import unicodedata

from signjax.demo import lexicon
from signjax.errors import DataError

DIGIT_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_LETTER_SPELLINGS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "ħ": "h"}
)


def list_words() -> tuple[str, ...]:
    """The words that have a sign of their own; every other word is spelled letter by letter."""
    return tuple(lexicon.WORDS)


def normalize_text(text: str) -> list[str]:
    """Lower-case words without accents, digits as words, and "?" at the end of a question.

    Raises:
      DataError: the text has no Latin letter and no digit.
    """
    question = text.rstrip(" \t\r\n\"'”’)").endswith(("?", "？"))
    folded = unicodedata.normalize("NFKD", text).lower().translate(_LETTER_SPELLINGS)
    plain = "".join(c for c in folded if not unicodedata.combining(c))
    plain = re.sub(r"['’ʼ`]", "", plain)
    spaced = re.sub(r"\d", lambda m: f" {DIGIT_WORDS[unicodedata.digit(m[0])]} ", plain)
    tokens = re.findall(r"[a-z]+", spaced)
    if not tokens:
        raise DataError(f"text {text[:40]!r} has no Latin letter or digit to sign: write it in Latin letters")
    return tokens + ["?"] * question


def tokens_to_glosses(tokens: list[str]) -> list[str]:
    """The glosses of tokens: a word's own sign or its capital letters; pauses where words would merge."""
    glosses, spelled = [], False
    for token in tokens:
        if token == "?":
            continue
        spell = token not in lexicon.WORDS
        if (spell and spelled) or glosses[-1:] == [token]:
            glosses.append(lexicon.PAUSE)
        glosses += list(token.upper()) if spell else [token]
        spelled = spell
    return glosses


def glosses_to_tokens(glosses: list[str], question: bool) -> list[str]:
    """Tokens of glosses, the inverse of `tokens_to_glosses`; a question only where something was said."""
    tokens, spelled = [], ""
    for gloss in [*glosses, lexicon.PAUSE]:
        if gloss in lexicon.LETTERS:
            spelled += gloss.lower()
            continue
        tokens += [spelled] if spelled else []
        tokens += [gloss] if gloss in lexicon.WORDS else []
        spelled = ""
    return tokens + ["?"] * (question and bool(tokens))


def count_word_errors(reference: list[str], hypothesis: list[str]) -> tuple[int, int]:
    """Word errors (Levenshtein: substitutions, deletions, insertions) and the reference's length."""
    row = list(range(len(hypothesis) + 1))
    for i, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(hypothesis, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1], len(reference)
