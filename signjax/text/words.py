"""Words of texts in any script, by the word boundaries of Unicode (UAX #29), and of glosses.

Scripts that put no spaces between words, such as Chinese, Japanese and Thai, give characters: a character
with all marks on it is a word.
"""

import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

import regex

from signjax.errors import ConfigError, did_you_mean

# One mark, written differently by keyboards and scripts.
EQUAL_MARKS = str.maketrans({"’": "'", "ʼ": "'", "؟": "?", "՞": "?", "՜": "!"})
# Latin letters, marks and Katakana in other widths, as Chinese and Japanese keyboards write them.
WIDE = regex.compile(r"[\uFF01-\uFF9F]+")
# Directions of writing and places where a line may break: they show nothing, and copied texts are full of
# them. The joiners of Persian and Hindi (U+200C, U+200D) are no such: they change what is read.
INVISIBLE = regex.compile(r"[\u00AD\u061C\u200B\u200E\u200F\u202A-\u202E\u2060\u2066-\u2069\uFEFF]+")
BOUNDARY = regex.compile(r"\b", flags=regex.WORD | regex.V1)
# A letter, a digit, or a mark that the face shows. A sign such as "♪" or "..." cannot be signed.
SIGNED = regex.compile(r"[\p{L}\p{N}]|[?!]", flags=regex.V1)
SPACELESS = regex.compile(
    r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Bopomofo}\p{Script=Thai}\p{Script=Lao}"
    r"\p{Script=Khmer}\p{Script=Myanmar}\p{Script=Tibetan}]",
    flags=regex.V1,
)
# Marks at which one pauses: briefly, or as at the end of a sentence.
PAUSES = regex.compile(r"[,;:\u2013\u2014、，；：،؛]", flags=regex.V1)
STOPS = regex.compile(r"\p{Sentence_Terminal}|…", flags=regex.V1)
KINDS = ("sentence", "gloss")
CASES = ("lower", "turkish", "keep")
AUTO = "auto"  # in a config: chosen by what the texts are
# Turkish, Azerbaijani and others have an i without a dot, whose capital is I; İ is the capital of i.
TURKISH = str.maketrans({"I": "ı", "İ": "i"})


class TextRules(NamedTuple):
    """How a text becomes words.

    Attributes:
      kind: "sentence", or "gloss": signs with spaces between, in which every mark counts (IX-1, HOUSE+).
      case: "lower"; "turkish", lower case with ı and i apart; or "keep".
      accents: False only in runs of signjax 0.1, which took accents and vowel signs off their letters.
    """

    kind: str = "sentence"
    case: str = "lower"
    accents: bool = True


SENTENCE = TextRules()


COMMA, STOP, QUESTION = ",", ".", "?"  # what a clause ends with, whatever mark a script has for it
MARK_ORDER = ("", COMMA, STOP, QUESTION)


class Clause(NamedTuple):
    """Words between two marks at which one pauses, and COMMA, STOP or QUESTION."""

    words: list[str]
    mark: str


def choose_rules(
    texts: Iterable[str], kind: str = AUTO, case: str = AUTO, texts_are: str = "sentence"
) -> TextRules:
    """The rules for a set of texts, from the fields text.kind and text.case of a config.

    Args:
      texts: of the training clips; with case "auto" the letters ı and İ in them say that they are Turkish.
      kind, case: see TextRules, or AUTO.
      texts_are: the kind of the texts where `kind` is AUTO: the field data.text.

    Raises:
      ConfigError: there is no such kind or case.
    """
    for field, value, known in (("text.kind", kind, KINDS), ("text.case", case, CASES)):
        if value not in (AUTO, *known):
            suggestion = did_you_mean(str(value), known, f"it may be {', '.join((AUTO, *known))}")
            raise ConfigError(f"{field} is {value!r}{suggestion}")
    if case == AUTO:
        # Only alphabets with both letters write them, and in those alone "I" is not the capital of "i".
        dotless = any("ı" in text or "İ" in text for text in map(_compose, texts))
        case = "turkish" if dotless else "lower"
    return TextRules(texts_are if kind == AUTO else kind, case)


def split_words(text: str, rules: TextRules = SENTENCE) -> list[str]:
    """The words of a text, of which ? and ! are two; spaces and all other punctuation are left out.

    Texts that Unicode holds to be the same (NFC) give the same words. A gloss keeps every mark in it.
    """
    if not rules.accents:
        return regex.findall(r"[^\W_]+(?:'[^\W_]+)*|[?!]", _remove_accents(text))
    text = _fold_case(_compose(text), rules.case)
    if rules.kind == "gloss":
        return text.split()
    segments = BOUNDARY.split(text.translate(EQUAL_MARKS))
    # "?!" is one segment, but two words.
    words = (word for segment in segments for word in regex.findall(r"[?!]|[^?!]+", segment))
    return [word for word in words if SIGNED.search(word)]


def split_clauses(text: str, rules: TextRules = SENTENCE) -> list[Clause]:
    """The words of a text clause by clause, without any marks. A gloss is one clause."""
    if rules.kind == "gloss":
        return [Clause(split_words(text, rules), STOP)]
    clauses, current = [], []
    # The marks in "3.5" and "don't" are inside of a word for Unicode, and no pause.
    for segment in BOUNDARY.split(_compose(text).translate(EQUAL_MARKS)):
        spoken = [word for word in split_words(segment, rules) if word not in "?!"]
        current += spoken
        mark = "" if spoken else _read_mark(segment)
        if mark and current:
            clauses.append(Clause(current, mark))
            current = []
        # Of several marks in a row the strongest counts, as in ‘,"’ before a full stop.
        elif clauses and not current and MARK_ORDER.index(mark) > MARK_ORDER.index(clauses[-1].mark):
            clauses[-1] = clauses[-1]._replace(mark=mark)
    return [*clauses, Clause(current, STOP)] if current else clauses


def _read_mark(segment: str) -> str:
    if "?" in segment:
        return QUESTION
    return STOP if STOPS.search(segment) else COMMA if PAUSES.search(segment) else ""


def join_words(words: Iterable[str], rules: TextRules = SENTENCE) -> str:
    """A text of words: with spaces between, but for scripts that have none.

    `split_words` of it gives the words again.
    """
    text, last = "", ""
    for word in words:
        glued = last and rules.kind == "sentence" and rules.accents and _stand_together(last, word, rules)
        text += word if glued or not text else f" {word}"
        last = word
    return text


def _stand_together(first: str, second: str, rules: TextRules) -> bool:
    """Whether two words are written without a space, and are still two."""
    if not (SPACELESS.match(first[0]) and SPACELESS.match(second[0])):
        return False
    # Two words of Katakana would become one.
    return split_words(first + second, rules) == [first, second]


def _compose(text: str) -> str:
    same_width = WIDE.sub(lambda match: unicodedata.normalize("NFKC", match[0]), INVISIBLE.sub("", text))
    return unicodedata.normalize("NFC", same_width)


def _fold_case(text: str, case: str) -> str:
    if case == "keep":
        return text
    lowered = (text.translate(TURKISH) if case == "turkish" else text).lower()
    # "İ".lower() is an i with a dot of its own, which composes with nothing.
    return unicodedata.normalize("NFC", lowered.replace("i̇", "i"))


def _remove_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.replace("’", "'")).lower()
    return "".join(c for c in decomposed if not unicodedata.combining(c))
