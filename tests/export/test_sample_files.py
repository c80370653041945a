"""Names of files of texts: of any script, and never one name for two texts."""

import itertools
import os
import unicodedata

from signjax.export.sample_files import MAX_NAME_BYTES, OVERVIEW, name_files

TEXTS = [
    "hello", "Hello", "hello!", "hello?", " hello", "hel lo", "hel-lo", "schön", "schon", "你好", "你 好",
    "世界", "ฉันรักคุณ", "ฉนรกคณ", "مرحبا", "a_1", "a", "clips", "♪", "♪♪", "...", "con", "x" * 400, "x" * 401,
    "../../etc",
    "a/b", "a\\b", "hello-deadbeef", "IX-1 HOUSE+", "ix 1 house",
]  # fmt: skip


def test_plain_texts_are_their_names():
    assert name_files(["hello how are you", "schön", "你好世界", "мир"]) == [
        "hello-how-are-you", "schön", "你好世界", "мир",
    ]  # fmt: skip


def test_no_two_texts_share_a_name():
    names = name_files(TEXTS)
    # Some file systems hold names to be equal that differ in case, or in the encoding of accents.
    folded = {unicodedata.normalize("NFD", name.casefold()) for name in names}
    assert len(folded) == len(TEXTS) and OVERVIEW not in names
    numbered = {f"{name}_{k}" for name in names for k in (1, 2)}
    assert not numbered & set(names)
    for name in names:
        assert len(name.encode()) <= MAX_NAME_BYTES + 9 and not set("/\\ ._") & set(
            name.partition("_")[0][:1]
        )
        assert "/" not in name and "\\" not in name and name.isprintable()


def test_names_do_not_depend_on_other_texts():
    alone = dict(zip(TEXTS, name_files(TEXTS), strict=True))
    for pair in itertools.permutations(TEXTS[:12], 2):
        assert name_files(pair) == [alone[text] for text in pair]


def test_a_text_twice_has_two_names():
    first, second, third = name_files(["hello", "hello", "hello"])
    assert first == "hello" and len({first, second, third}) == 3


def test_names_in_an_environment_of_few_letters(monkeypatch):
    monkeypatch.setattr(os, "fsencode", lambda name: name.encode("ascii"))
    names = name_files(["hello", "grüße", "你好", "👋 hello"])
    assert names[0] == "hello" and len(set(names)) == 4 and all(name.isascii() for name in names)
    assert names[1].startswith("gr-xfc-xdfe-")
