"""Words of command lines in any environment: read as UTF-8, or guessed with a warning, never with a hole."""

import os
import warnings

import pytest

from signjax.errors import DataError, SignjaxWarning
from signjax.text.recover_text import recover_text, refuse_undecoded


def type_word(monkeypatch, encoded: bytes, encoding: str) -> str:
    """A word of sys.argv in an environment of this encoding."""
    monkeypatch.setattr(os, "fsencode", lambda text: text.encode(encoding, "surrogateescape"))
    return encoded.decode(encoding, "surrogateescape")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", "koi8-r", "cp1252"])
@pytest.mark.parametrize("text", ["hello", "Größe", "你好 👋", "où est-ce"])
def test_utf8_is_read_in_every_environment(monkeypatch, text, encoding):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert recover_text(type_word(monkeypatch, text.encode(), encoding)) == text


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_other_bytes_are_guessed_with_a_warning(monkeypatch, encoding):
    with pytest.warns(SignjaxWarning, match=r"^'Größe 你好': the text was not UTF-8"):
        word = type_word(monkeypatch, "Größe".encode("latin-1") + " 你好".encode(), encoding)
        assert recover_text(word) == "Größe 你好"


def test_words_of_the_environments_own_encoding_stay(monkeypatch):
    assert recover_text(type_word(monkeypatch, "Größe".encode("latin-1"), "latin-1")) == "Größe"
    assert recover_text("\ud800") == "\ud800", "which no bytes give"


@pytest.mark.parametrize("text", ["gr\udcf6\udcdfe", "\ud800"])
def test_undecoded_texts_are_refused(text):
    with pytest.raises(DataError, match="has bytes that were not decoded"):
        refuse_undecoded(text)
    refuse_undecoded("größe 👋")
