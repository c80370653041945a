"""Language and signer as tokens before a text: an id for each value, one for none, and none for a word."""

import json

import pytest

from signjax.errors import ConfigError, StorageError
from signjax.text import conditions as text_conditions
from signjax.text import tokenizer as text
from signjax.text.conditions import Condition, Conditions
from signjax.text.words import TextRules

TEXTS = ["hello how are you", "hello you", "<language ase> hello"]
CLIPS = [Conditions("ins", "2"), Conditions("ase", "1"), Conditions(), Conditions("ase", "Zoë K.")]
GLOSS = TextRules(kind="gloss", case="keep")  # in which every mark is a letter
KNOWN = (Condition("language", ("ase", "ins")), Condition("signer", ("1", "2", "Zoë K.")))


def fit(names=("language", "signer"), clips=CLIPS):
    return text.fit_tokenizer(TEXTS, 1, GLOSS, text_conditions.fit_conditions(names, clips))


def test_values_are_those_of_the_training_clips_in_any_order():
    assert fit().conditions == fit(("signer", "language"), CLIPS[::-1]).conditions == KNOWN
    assert fit(["signer"]).conditions == KNOWN[1:] and fit([]) == text.fit_tokenizer(TEXTS, 1, fit().rules)


def test_ids_of_a_text_are_those_without_conditions_behind_one_of_each():
    plain, known = fit([]), fit()
    assert known.entries[: plain.size] == plain.entries
    for about in CLIPS:
        ids = known.encode("hello you", about)
        assert ids[2:] == plain.encode("hello you") and known.decode(ids) == plain.decode(ids[2:])
        expected = [f"<any {name}>" if value is None else f"<{name} {value}>"
                    for name, value in about._asdict().items()]  # fmt: skip
        assert [known.entries[i] for i in ids[:2]] == expected
    assert known.encode_all(["you"] * 4, CLIPS) == [known.encode("you", about) for about in CLIPS]
    assert known.encode_all(["you"]) == [known.encode("you", Conditions())]


def test_every_value_has_an_id_of_its_own_and_no_word_has_it():
    known = fit()
    spans = [set(range(first, first + count)) for first, count in known.condition_spans]
    assert sorted(set.union(*spans)) == list(range(fit([]).size, known.size)) and not spans[0] & spans[1]
    assert len(set(known.entries)) == known.size
    for entry in known.entries[fit([]).size :]:
        assert not set(known.encode(f"{entry} <any> language ase")[2:]) & set.union(*spans)


def test_an_unknown_value_is_left_unspecified():
    known = fit()
    assert known.encode("you", Conditions("bfi", "1")) == known.encode("you", Conditions(None, "1"))
    kept = text_conditions.keep_known(known.conditions, Conditions("bfi", "1"))
    assert kept == Conditions(None, "1") and text_conditions.keep_known((), CLIPS[0]) == Conditions()


def test_saved_and_loaded(tmp_path):
    fit().save(tmp_path / "text.json")
    assert text.load_tokenizer(tmp_path / "text.json") == fit()
    saved = json.loads((tmp_path / "text.json").read_text())
    assert saved["version"] == 3 and saved["conditions"]["language"] == ["ase", "ins"]
    # Without conditions the file is the one that earlier versions wrote and read.
    fit([]).save(tmp_path / "plain.json")
    plain = json.loads((tmp_path / "plain.json").read_text())
    assert plain["version"] == 2 and plain.keys() == {"version", "sha256", "rules", "words", "letters"}


@pytest.mark.parametrize("changed", [
    None, {}, [], {"signer": ["1"]}, {"place": ["x"]}, {"language": "ase"}, {"language": ["ase", "ase"]},
    {"language": ["ase", "ins"], "signer": ["1", "2", ""]},
])  # fmt: skip
def test_a_changed_file_is_named(tmp_path, changed):
    path = tmp_path / "text.json"
    fit().save(path)
    saved = json.loads(path.read_text()) | {"conditions": changed}
    path.write_text(json.dumps(saved))
    with pytest.raises(StorageError, match=r"text\.json.*restore the file"):
        text.load_tokenizer(path)


def test_what_no_clip_says_is_refused():
    with pytest.raises(ConfigError, match=r"'signer', and no training clip says one; import .* signer"):
        fit(("language", "signer"), [Conditions("ase")] * 2)
