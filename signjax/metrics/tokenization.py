"""How scores of texts divide them: signjax's words, or a tokenization of sacrebleu (Post 2018) by its name.

BLEU of different tokenizations cannot be compared, so its name is in every signature.
"""

from collections.abc import Callable

import regex

from signjax.errors import ConfigError, did_you_mean
from signjax.text import words

GLOSS = words.TextRules(kind="gloss")
ENTITIES = (
    ("<skipped>", ""),
    ("-\n", ""),
    ("\n", " "),
    ("&quot;", '"'),
    ("&amp;", "&"),
    ("&lt;", "<"),
    ("&gt;", ">"),
)
# Of mteval-v13a: all ASCII punctuation but ' , - . stands alone; . and , do unless between digits; and - does
# behind a digit.
PUNCTUATION = (
    (regex.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])"), r" \1 "),
    (regex.compile(r"([^0-9])([\.,])"), r"\1 \2 "),
    (regex.compile(r"([\.,])([^0-9])"), r" \1 \2"),
    (regex.compile(r"([0-9])(-)"), r"\1 \2 "),
)
# What sacrebleu holds to be Chinese, to the letter: marks such as the ellipsis (U+2026) are among it, and the
# rare ideographs beyond U+FFFF are not.
CHINESE = regex.compile(
    r"([\u2001-\u2A6D\u2E80-\u2FDF\u2FF0-\u303F\u3100-\u312F\u31A0-\u31BF\u31C0-\u31EF\u3200-\u4DB5"
    r"\u4E00-\u9FBB\uF900-\uFA2D\uFA30-\uFA6A\uFA70-\uFAD9\uFE10-\uFE1F\uFE30-\uFE4F\uFF00-\uFFEF])"
)


def split_text_words(text: str) -> list[str]:
    """Words in lower case and question marks; nothing signed tells an exclamation mark from a full stop."""
    # A face or a head shows a question; a full stop is shown by nothing.
    return [word for word in words.split_words(text) if word != "!"]


def split_glosses(text: str) -> list[str]:
    """Glosses between spaces, in lower case, with all marks in them."""
    return words.split_words(text, GLOSS)


def split_13a(text: str) -> list[str]:
    """Tokens of mteval-v13a, for languages with spaces; case is kept."""
    for entity, character in ENTITIES:
        text = text.replace(entity, character)
    return _split_punctuation(f" {text} ")


def split_chinese(text: str) -> list[str]:
    """Each Chinese character, and the rest as `split_13a`; case is kept."""
    return _split_punctuation(CHINESE.sub(r" \1 ", text.strip()))


def split_characters(text: str) -> list[str]:
    """Each character but spaces; case is kept."""
    return [character for character in text if not character.isspace()]


def _split_punctuation(text: str) -> list[str]:
    for pattern, replacement in PUNCTUATION:
        text = pattern.sub(replacement, text)
    return text.split()


TOKENIZATIONS: dict[str, Callable[[str], list[str]]] = {
    "words": split_text_words,
    "gloss": split_glosses,
    "13a": split_13a,
    "zh": split_chinese,
    "char": split_characters,
}
# What a signature says; words of signjax 0.1 had no accents, and scores of them no version.
SIGNATURES = {name: name for name in TOKENIZATIONS} | {"words": "words-2"}


def choose_tokenization(text_kind: str) -> str:
    """The tokenization of scores where none is asked for: by what the texts are, "sentence" or "gloss"."""
    return "gloss" if text_kind == "gloss" else "words"


def split_by_name(name: str, text: str) -> list[str]:
    """The tokens of a text by a tokenization of TOKENIZATIONS.

    Raises:
      ConfigError: there is none of this name.
    """
    if name not in TOKENIZATIONS:
        suggestion = did_you_mean(name, TOKENIZATIONS, f"it may be {', '.join(TOKENIZATIONS)}")
        raise ConfigError(f"tokenization is {name!r}{suggestion}")
    return TOKENIZATIONS[name](text)
