"""The words and phrases that a dictionary has a sign for, and the user's table of further ones."""

import dataclasses
import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from signjax.data.formats import table_cells
from signjax.errors import DataError, SignjaxError
from signjax.io import safe_read
from signjax.lexicon import inflection
from signjax.pose.clip import Clip
from signjax.text import words
from signjax.text.words import TextRules

# Annotators number the variants of a sign: lamp1, HOUSE-2.
VARIANT = re.compile(r"(?<=[^\W\d_])[-_]?\d{1,2}$")
# As annotators write letters that are spelled, to tell the letter I from the word.
LETTER = "fs-"
TABLE_COLUMNS = ("word", "gloss")


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """What a dictionary can be asked for.

    Attributes:
      entries: {key: numbers of its clips}; a key is words in the spelling of the rules, joined by spaces.
      rules: how texts become words.
      table: {key in a text: key of `entries`} of a user.
      language: whose rules of inflection are used, None for none.
      longest: words of the longest key.
    """

    entries: dict[str, tuple[int, ...]]
    rules: TextRules
    table: dict[str, str]
    language: str | None
    longest: int

    def find_entry(self, phrase: str) -> tuple[str, bool] | None:
        """The key of some words of a text and whether it is another form of them; None if there is none."""
        if phrase in self.entries:
            return phrase, False
        if phrase in self.table:
            return self.table[phrase], False
        for base in inflection.list_base_forms(phrase, self.language):
            for key in (base, self.table.get(base, "")):
                if key in self.entries:
                    return key, True
        return None

    def keep_clips(self, numbers: Container[int]) -> "Vocabulary":
        """The vocabulary of some of the clips alone."""
        entries = {key: tuple(n for n in entry if n in numbers) for key, entry in self.entries.items()}
        entries = {key: entry for key, entry in entries.items() if entry}
        table = {word: key for word, key in self.table.items() if key in entries}
        return dataclasses.replace(self, entries=entries, table=table)


def make_key(text: str, rules: TextRules) -> str:
    """The words of a text as a key, without question and exclamation marks."""
    return " ".join(word for word in words.split_words(text, rules) if word not in "?!")


def build_vocabulary(
    clips: Sequence[Clip], language: str | None = None, table: str | Path | None = None
) -> Vocabulary:
    """The vocabulary of clips of single signs.

    The text of a clip is the word, and its gloss, if it has one, too. A number at the end of a gloss is a
    variant: lamp1 and lamp2 are both clips of "lamp". "fs-i" is the letter I where "i" is a word.
    Where most texts are sentences, only the clips of one word count: a whole sentence is no sign.

    Raises:
      ConfigError: there are no rules for the language.
      DataError: the table cannot be read, or names a gloss that no clip has.
    """
    inflection.check_language(language)
    rules = words.choose_rules([clip.text for clip in clips])
    names = [_list_keys(clip, rules) for clip in clips]
    is_corpus = sum(" " in keys[0] for keys in names) > len(clips) / 2
    entries: dict[str, list[int]] = {}
    for number, keys in enumerate(names):
        if not (is_corpus and " " in keys[0]):
            for key in filter(None, keys):
                entries.setdefault(key, []).append(number)
    extra = {} if table is None else _read_table(Path(table), rules, entries)
    longest = max((key.count(" ") + 1 for key in [*entries, *extra]), default=1)
    return Vocabulary({key: tuple(n) for key, n in entries.items()}, rules, extra, language, longest)


def _list_keys(clip: Clip, rules: TextRules) -> list[str]:
    """The keys of a clip: of its text, of its gloss, and of both without the number of a variant."""
    keys: dict[str, None] = {}
    for name in (clip.text.strip(), clip.gloss.strip()):
        if name.lower().startswith(LETTER) and len(name) == len(LETTER) + 1:
            # Of no word that a text can have: this letter is for spelling alone.
            return [name.lower()]
        keys |= dict.fromkeys((make_key(name, rules), make_key(VARIANT.sub("", name), rules)))
    return [key for key in keys if key] or [""]


def _read_table(path: Path, rules: TextRules, known: Iterable[str]) -> dict[str, str]:
    """The table word,gloss of a user as {key: key of an entry}."""
    try:
        rows = table_cells.read_rows(safe_read.read_bytes(path))
        header = [cell.strip().lower() for cell in next(rows).cells]
        if missing := [column for column in TABLE_COLUMNS if column not in header]:
            raise DataError(f"has no column {missing[0]}; its first line must be word,gloss")
        columns = [header.index(column) for column in TABLE_COLUMNS]
        table, known = {}, set(known)
        for row in rows:
            word, gloss = (make_key(row.cells[column], rules) for column in columns)
            if gloss not in known:
                raise DataError(f"line {row.number}: no clip of the lexicon is {gloss[:40]!r}")
            table[word] = gloss
    except SignjaxError as error:
        raise DataError(f"{path}: {error}") from None
    return table
