"""Letters that a run has never seen: told, and refused where nothing else is left."""

import warnings

import pytest

from signjax.errors import DataError, SignjaxWarning
from signjax.text import tokenizer, unknown_letters

VOCABULARY = tokenizer.fit_tokenizer(["hello how are you"], 1)


def test_unknown_letters_are_counted():
    assert VOCABULARY.find_unknown("hello") == ("", 0, 5)
    assert VOCABULARY.find_unknown("hello zoë zz") == ("zë", 4, 10)
    # A known word needs no letters, and a mark that nobody signs is no letter.
    assert VOCABULARY.find_unknown("how ♪") == ("", 0, 3)


def test_some_are_warned_of_once_a_text():
    with pytest.warns(SignjaxWarning) as caught:
        unknown_letters.check_letters(VOCABULARY, ["grün", "hello", "grün"])
    # g, n and ü
    assert [str(w.message) for w in caught] == [
        "3 of 4 letters of 'grün' are unknown to this run: gün; they are signed by guess"
    ]


def test_nothing_known_is_refused():
    with pytest.raises(DataError, match="6 of 6 letters of 'привет' are unknown"):
        unknown_letters.check_letters(VOCABULARY, ["hello", "привет"])


def test_known_texts_are_silent():
    with warnings.catch_warnings(action="error"):
        unknown_letters.check_letters(VOCABULARY, ["hello you", "Hello, YOU!"[:9]])
