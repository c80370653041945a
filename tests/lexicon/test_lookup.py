"""Texts looked up in a dictionary: the longest phrase wins, no letter is lost, what is missing is named."""

import numpy as np
import pytest

from signjax.errors import ConfigError, DataError
from signjax.lexicon import lookup, vocabulary
from signjax.pose.clip import Clip
from signjax.text.words import COMMA, QUESTION, STOP


def make_vocabulary(names, language=None, table=None, glosses=None):
    glosses = glosses or [""] * len(names)
    clips = [Clip(np.zeros((1, 50, 3)), text=n, gloss=g) for n, g in zip(names, glosses, strict=True)]
    return vocabulary.build_vocabulary(clips, language, table)


def cover(text, *names, **options):
    return lookup.cover_text(text, make_vocabulary(names, **options))


def kinds(coverage):
    return [(piece.kind, piece.text, piece.keys) for piece in coverage.pieces]


def test_the_longest_phrase_wins():
    found = cover("Thank you, thank her", "thank", "you", "thank you", "thank you very much", "her")
    assert [(p.kind, p.text) for p in found.pieces] == [
        ("phrase", "thank you"),
        ("word", "thank"),
        ("word", "her"),
    ]


def test_a_phrase_ends_at_a_mark():
    assert [p.text for p in cover("thank. You", "thank", "you", "thank you").pieces] == ["thank", "you"]


@pytest.mark.parametrize(
    ("word", "base"),
    [("dogs", "dog"), ("stopped", "stop"), ("making", "make"), ("babies", "baby"), ("went", "go"),
     ("bigger", "big"), ("boxes", "box"), ("running", "run"), ("Ada's", "ada")],
)  # fmt: skip
def test_other_forms_of_a_word(word, base):
    assert kinds(cover(word, base, "d", language="en")) == [("inflection", word.lower(), (base,))]
    # An exact entry comes first, and without a language no form but the exact one counts.
    assert kinds(cover(word, base, word, language="en"))[0][0] == "word"
    assert cover(word, base).missing == (word.lower(),)


def test_no_letter_is_lost():
    letters = "abcdefghijklmnopqrstuvwxyz"
    found = cover("Zoë O'Connor-Anna.", *letters)
    assert kinds(found) == [
        ("spelled", "zoë", tuple("zoe")),
        ("spelled", "o'connor", tuple("oconnor")),
        ("spelled", "anna", tuple("anna")),
    ]
    # Half a name is another name: without one letter none is spelled.
    assert cover("zoë", *letters.replace("o", "")).missing == ("zoë",)


def test_letters_of_their_own_are_for_spelling_alone():
    found = cover("I, Ivi", "i", "fs-i", "fs-v")
    assert [piece.keys for piece in found.pieces] == [("i",), ("fs-i", "fs-v", "fs-i")]


def test_marks_are_pauses_and_never_spelled():
    found = cover("no... yes, no?! 3.5", *["no", "yes", "a", ".", ",", "?", "!"], "3.5")
    assert [(p.text, p.mark) for p in found.pieces] == [
        ("no", STOP),
        ("yes", COMMA),
        ("no", QUESTION),
        ("3.5", STOP),
    ]


def test_case_and_accents_are_those_of_words():
    assert cover("ÉTÉ", "été").share == 1
    assert cover("ete", "été").missing == ("ete",)
    # Turkish texts have two letters i.
    assert cover("ILIK", "ılık", "ilik").pieces[0].keys == ("ılık",)


def test_glosses_and_variants_name_the_same_word():
    found = make_vocabulary(["lamp1", "lamp2", "x"], glosses=["", "LAMP-3", "THANK-YOU"]).entries
    assert found["lamp"] == (0, 1)
    assert found["thank you"] == (2,) and found["lamp1"] == (0,)


def test_sentences_of_a_corpus_are_no_signs():
    corpus = make_vocabulary(["how are you", "i am fine", "are you well", "you"])
    assert set(corpus.entries) == {"you"}


def test_a_table_adds_words(tmp_path):
    table = tmp_path / "words.csv"
    table.write_text("word,gloss\npurchase,buy\nthe car,car\n")
    found = cover("purchases the car", "buy", "car", language="en", table=table)
    assert kinds(found) == [("inflection", "purchases", ("buy",)), ("phrase", "the car", ("car",))]
    table.write_text("word,gloss\npurchase,bye\n")
    with pytest.raises(DataError, match=r"words.csv: line 2: no clip of the lexicon is 'bye'"):
        cover("x", "buy", table=table)
    table.write_text("from,to\na,b\n")
    with pytest.raises(DataError, match="no column word"):
        cover("x", "buy", table=table)


def test_an_unknown_language_is_named():
    with pytest.raises(ConfigError, match="rules for en, de, fr, es"):
        cover("x", "x", language="klingon")


def test_the_report_is_one_line_with_every_word():
    found = cover("Thank you dogs, ab zz!", "thank you", "dog", "a", "b", language="en")
    line = "phrase: thank you; inflection: dogs (dog); spelled: ab; missing: zz"
    assert found.describe() == line
    assert found.missing == ("zz",) and found.share == pytest.approx(4 / 5)
