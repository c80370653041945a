"""The text tokenizer: frequent words whole, rare ones as letters, one spelling of everything."""

import hashlib
import json

import numpy as np
import pytest

from signjax.errors import DataError, StorageError
from signjax.models import special_ids
from signjax.text import tokenizer as text

TEXTS = ["Hello, how are you?", "hello Zoë", "how are you", "HELLO! you're here", "hello how ARE you?"]


def words(min_count=2):
    return text.fit_tokenizer(TEXTS, min_count)


def read(tokenizer, ids):
    return [tokenizer.entries[i] for i in ids]


def test_frequent_words_are_one_id():
    ids = words().encode("How are you?")
    assert read(words(), ids) == ["how", "are", "you", "?", "<end>"]
    assert len(set(words().entries)) == words().size == len(words().entries)


def test_rare_words_are_spelled():
    t = words()
    assert read(t, t.encode("hello zoë")) == ["hello", "<spell>", "+z", "+o", "+ë", "<end>"]
    assert read(t, t.encode("you're")) == ["<spell>", *(f"+{c}" for c in "you're"), "<end>"]
    assert "zoë" in words(1).entries and "how" not in words(4).entries
    assert read(words(4), words(4).encode("how"))[0] == "<spell>"


def test_two_spelled_words_are_not_one():
    t = words()
    assert t.encode("zoë re") != t.encode("zoëre")


def test_letters_never_seen_are_unknown():
    t = words()
    assert read(t, t.encode("qы")) == ["<spell>", "<unknown>", "<unknown>", "<end>"]


@pytest.mark.parametrize("same", ["HELLO zoë", "hello ZOË", "  hello,\tzoë. ", "hello - zoë…", "ｈello zoë"])
def test_case_width_and_marks_are_folded(same):
    assert words().encode(same) == words().encode("hello zoë")


def test_accents_are_kept():
    assert words().encode("hello zoe") != words().encode("hello zoë")


def test_questions_and_apostrophes_are_kept():
    split = text.split_words("You’re here? 'Yes' - it's 5!")
    assert split == ["you're", "here", "?", "yes", "it's", "5", "!"]
    assert words().encode("how are you?") != words().encode("how are you")


def test_special_ids_come_from_no_text():
    """Words, not even these, never become <pad> or <null>, nor <end> before the end."""
    t = words()
    for tricky in ("<pad>", "<null> <spell>", "+h", "\x00 a"):
        assert not {special_ids.PAD, special_ids.NULL, special_ids.END} & set(t.encode(tricky)[:-1])
    assert t.encode("<spell>")[0] == special_ids.SPELL and len(t.encode("<spell>")) == 7


@pytest.mark.parametrize("nothing", ["", "  \n", "...", "👋", "_ - '"])
def test_a_text_without_words_is_refused(nothing):
    with pytest.raises(DataError, match="nothing to sign") as e:
        words().encode(nothing)
    assert "\n" not in str(e.value)


def test_save_and_load(tmp_path):
    words().save(tmp_path / "text.json")
    assert text.load_tokenizer(tmp_path / "text.json") == words()
    assert [p.name for p in tmp_path.iterdir()] == ["text.json"]


def test_a_vocabulary_of_version_1_splits_as_it_did(tmp_path):
    entries = [*text.SPECIAL, "?", "hello", "schon", "+e", "+h", "+l", "+o"]
    digest = hashlib.sha256(json.dumps(entries).encode()).hexdigest()
    (tmp_path / "text.json").write_text(json.dumps({"sha256": digest, "entries": entries}))
    old = text.load_tokenizer(tmp_path / "text.json")
    assert list(old.entries) == entries and old.size == len(entries)
    assert read(old, old.encode("Schön, héol?")) == ["schon", "<spell>", "+h", "+e", "+o", "+l", "?", "<end>"]
    assert old.decode(old.encode("schön héol?")) == "schon heol ?"


@pytest.mark.parametrize("field, value", [
    ("words", ["a", "a"]), ("words", [3]), ("letters", [""]), ("rules", {"kind": "song"}), ("version", 3),
    ("words", ["other"]),
])  # fmt: skip
def test_a_changed_file_is_named(tmp_path, field, value):
    words().save(tmp_path / "text.json")
    saved = json.loads((tmp_path / "text.json").read_text())
    (tmp_path / "text.json").write_text(json.dumps(saved | {field: value}))
    with pytest.raises(StorageError, match=r"text\.json.*restore the file"):
        text.load_tokenizer(tmp_path / "text.json")


@pytest.mark.parametrize("damage", [None, "", "[1]", "{}", '{"entries": 3}'])
def test_a_damaged_file_is_named(tmp_path, damage):
    path = tmp_path / "text.json"
    if damage is not None:
        path.write_text(damage)
    with pytest.raises(StorageError, match=r"text\.json.*restore the file"):
        text.load_tokenizer(path)


def test_fitting_does_not_depend_on_order():
    assert text.fit_tokenizer(TEXTS[::-1], 2) == words()


def test_batches_are_padded_to_few_lengths():
    t = words()
    ids, mask = text.pad_texts([t.encode("hello"), t.encode("how are you " * 6)])
    assert ids.shape == mask.shape == (2, 32) and ids.dtype == np.int32
    assert mask.sum(1).tolist() == [2, 19] and not ids[~mask].any()
    assert ids[1][mask[1]].tolist() == t.encode("how are you " * 6)
