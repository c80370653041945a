"""Finds texts that a program may have damaged; the import keeps them and warns."""

import re

from signjax.pose.clip import ClipWarning

# As pandas, spreadsheets and scripts write a cell that has nothing in it. In sentences they have company.
EMPTY_CELLS = {"nan", "NaN", "<NA>", "None", "null", "NULL", "N/A", "#N/A", "#NAME?", "#VALUE!", "#REF!"}
# Of web pages and subtitles.
MARKUP = re.compile(
    r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,6}|#x[0-9a-f]{1,6});|</?(?:i|b|u|br|p|c|v|font|span)\b[^<>]{0,40}>"
    r"|\{\\an?\d+\}",
    re.IGNORECASE,
)
# Letters and signs of UTF-8 that was taken for Windows-1252 or Latin-1.
MISREAD = ("cp1252", "latin-1")
LOST = "\N{REPLACEMENT CHARACTER}"
SHOWN = 30  # letters of a text that are quoted

LOOKS_NUMBERED = "the text is a number (is it the number of a class?)"
LOOKS_EMPTY = "the text is what programs write for an empty cell"
HAS_MARKUP = "the text has markup of web pages or subtitles, which is read as words"
LOOKS_MISREAD = "the text looks like UTF-8 that was read as another encoding"
HAS_LOST_LETTERS = "the text has letters that an earlier program lost"


def find_doubts(text: str) -> tuple[ClipWarning, ...]:
    """What looks spoiled in a text; empty if nothing does."""
    kinds = (
        (LOOKS_NUMBERED, text.strip().isdecimal()),
        (LOOKS_EMPTY, text.strip() in EMPTY_CELLS),
        (HAS_MARKUP, bool(MARKUP.search(text))),
        (LOOKS_MISREAD, _looks_misread(text)),
        (HAS_LOST_LETTERS, LOST in text),
    )
    return tuple(ClipWarning(kind, repr(text[:SHOWN])) for kind, is_so in kinds if is_so)


def _looks_misread(text: str) -> bool:
    if text.isascii():
        return False
    for encoding in MISREAD:
        try:
            # Other texts hardly ever make valid UTF-8.
            return text.encode(encoding).decode() != text
        except UnicodeError:
            continue
    return False
