"""Texts that a user brings: one by one, or a file with one text per line."""

import codecs
import re
from collections.abc import Sequence

from signjax.errors import DataError
from signjax.io import safe_read

MAX_BYTES = 1 << 20  # of a file
# Of a text, several times a long sentence: models are trained on clips of single sentences.
MAX_CHARACTERS = 1000


def collect_texts(texts: Sequence[str], file: str | None = None) -> list[str]:
    """Texts, then the lines of a file, without blank ones.

    Args:
      texts: given one by one.
      file: UTF-8, one text per line.

    Raises:
      DataError: there are none, one is too long, or the file cannot be read.
    """
    labelled = [("--text", text) for text in texts]
    if file:
        labelled += [(file, line) for line in _read_lines(file)]
    for label, text in labelled:
        if len(text) > MAX_CHARACTERS:
            size = f"{len(text):,} characters, more than {MAX_CHARACTERS:,}"
            raise DataError(f"{label}: the text {text[:40]!r}... has {size}; make it several texts")
    texts = [text.strip() for _, text in labelled if text.strip()]
    if not texts:
        raise DataError('nothing to sign; give --text "hello" or --file texts.txt with one text per line')
    return texts


def _read_lines(file: str) -> list[str]:
    try:
        content = safe_read.read_bytes(file, MAX_BYTES)
        # Some editors begin a file with a mark that is no letter of its first text; those of Windows write
        # UTF-16 with one.
        marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = content.decode("utf-16" if marked else "utf-8-sig")
    except (safe_read.InvalidFileError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read ({error}); give UTF-8 text, one per line") from None
    # Not str.splitlines, which also ends a line at U+2028 and others that texts from web pages have in them.
    return re.split(r"\r\n|\n|\r", text)
