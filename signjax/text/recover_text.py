"""Texts from outside that the environment could not decode, such as a word of a command line under LANG=C."""

import os
import re
import warnings

from signjax.errors import DataError, SignjaxWarning

SURROGATE = re.compile("[\ud800-\udfff]")
SHOWN = 40  # characters of a text that a message quotes


def recover_text(text: str) -> str:
    """A word of a command line as it was typed, whatever encoding the environment has.

    Bytes that are UTF-8 are read as that. Others that Python could not decode are read as Windows-1252, of
    which Latin-1 is a part, with a SignjaxWarning: words would be split at them, "größe" signed as "gr e".
    """
    if text.isascii():
        return text
    try:
        encoded = os.fsencode(text)
    # Not of a command line: it has letters that the environment has no bytes for.
    except UnicodeEncodeError:
        return text
    try:
        return encoded.decode("utf-8")
    except UnicodeDecodeError:
        if not SURROGATE.search(text):
            return text
    # Byte by byte, as the rest may be UTF-8. Five bytes are no letter in Windows-1252.
    read = SURROGATE.sub(
        lambda match: os.fsencode(match[0]).decode("cp1252", "replace"),
        encoded.decode("utf-8", "surrogateescape"),
    )
    message = f"{read[:SHOWN]!r}: the text was not UTF-8 and is read as Latin-1; give UTF-8 if that is wrong"
    warnings.warn(message, SignjaxWarning, stacklevel=2)
    return read


def refuse_undecoded(text: str) -> None:
    """Raises DataError for a text with bytes that were never decoded."""
    if not text.isascii() and SURROGATE.search(text):
        raise DataError(f"text {text[:SHOWN]!r}: has bytes that were not decoded; decode them, as from UTF-8")
