"""Text of the demo language: text to tokens, tokens to glosses and back, word errors.

A token is a word or "?", a gloss the name of one sign: a word, a capital letter, or a pause.
"""

import re
import unicodedata

from signjax.demo import lexicon
from signjax.errors import DataError

DIGIT_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# Letters that Unicode does not decompose into a Latin letter and an accent.
_LETTER_SPELLINGS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "ħ": "h"}
)


def list_words() -> tuple[str, ...]:
    """The words that have a sign; every other word is spelled letter by letter."""
    return tuple(lexicon.WORDS)


def normalize_text(text: str) -> list[str]:
    """Text to tokens: lower-case words without accents, digits as words, "?" at the end of a question.

    Raises:
      DataError: the text has no Latin letter and no digit.
    """
    # The head asks during a whole clip, so a question mark counts only at the end of the text.
    question = text.rstrip(" \t\r\n\"'”’)").endswith(("?", "？"))
    folded = unicodedata.normalize("NFKD", text).lower().translate(_LETTER_SPELLINGS)
    plain = "".join(c for c in folded if not unicodedata.combining(c))
    # Left out and not replaced by a space: "don't" must stay one word.
    plain = re.sub(r"['’ʼ`]", "", plain)
    spaced = re.sub(r"\d", lambda m: f" {DIGIT_WORDS[unicodedata.digit(m[0])]} ", plain)
    tokens = re.findall(r"[a-z]+", spaced)
    if not tokens:
        raise DataError(f"text {text[:40]!r} has no Latin letter or digit to sign: write it in Latin letters")
    return tokens + ["?"] * question


def tokens_to_glosses(tokens: list[str]) -> list[str]:
    """Tokens to glosses: a word with a sign, or capital letters. "?" has none: the head signs it."""
    glosses, previous_spelled = [], False
    for token in tokens:
        if token == "?":
            continue
        spelled = token not in lexicon.WORDS
        # Without a pause two spelled words would read as one, and a word signed twice as one held long.
        if (spelled and previous_spelled) or glosses[-1:] == [token]:
            glosses.append(lexicon.PAUSE)
        glosses += list(token.upper()) if spelled else [token]
        previous_spelled = spelled
    return glosses


def glosses_to_tokens(glosses: list[str], question: bool) -> list[str]:
    """Glosses to tokens, the inverse of `tokens_to_glosses`; without glosses there is no question either."""
    tokens, spelled = [], ""
    # A last pause, so that a spelled word at the end is not lost.
    for gloss in [*glosses, lexicon.PAUSE]:
        if gloss in lexicon.LETTERS:
            spelled += gloss.lower()
            continue
        tokens += [spelled] if spelled else []
        tokens += [gloss] if gloss in lexicon.WORDS else []
        spelled = ""
    return tokens + ["?"] * (question and bool(tokens))


def count_word_errors(reference: list[str], hypothesis: list[str]) -> tuple[int, int]:
    """(word errors, words of the reference): substitutions, deletions and insertions (Levenshtein 1966)."""
    # One row of the distance table at a time: row[j] is the distance of the words so far to hypothesis[:j].
    row = list(range(len(hypothesis) + 1))
    for i, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(hypothesis, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1], len(reference)
