"""The tokenizer.json of a stranger's encoder: what it can describe is bounded."""

import json

import pytest
from paths import ASSETS

from signjax.io.safe_read import InvalidFileError
from signjax.text import encoder_tokenizer

FILE = ASSETS / "encoders/bert/tokenizer.json"
BERT = json.loads(FILE.read_text())
SIZE = len(BERT["model"]["vocab"])


def parse(**parts):
    return encoder_tokenizer.parse_tokenizer(json.dumps(BERT | parts).encode(), 32, SIZE)


def replace(pattern, content):
    return {"type": "Replace", "pattern": pattern, "content": content}


TOO_LONG = [replace({"String": "a"}, "aa" * 100)] * 4
VOCABULARY = BERT["model"]["vocab"]
SEPARATOR = {"type": "BertProcessing", "sep": ["[SEP]", 2**32 - 1], "cls": ["[CLS]", 2]}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"normalizer": {"type": "Sequence", "normalizers": TOO_LONG}}, "replaces by a longer text"),
        ({"normalizer": replace({"Regex": "(a+)+$"}, "")}, "or a regular expression"),
        ({"normalizer": replace({"String": ""}, "")}, "replaces by"),
        ({"normalizer": {"type": "Prepend", "prepend": "x" * 10**6}}, 'normalizer "Prepend" is not known'),
        (
            {"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFD"}] * 99}},
            "normalizer has 99 parts",
        ),
        ({"normalizer": [1]}, "normalizer null is not known"),
        ({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(a|aa)+$"}}}, 'pre_tokenizer "Split"'),
        ({"post_processor": SEPARATOR}, "has the id 4294967295, and config.json says"),
        ({"model": BERT["model"] | {"vocab": VOCABULARY | {"hello": 10**9}}}, "has the id 1000000000"),
        ({"model": BERT["model"] | {"vocab": VOCABULARY | {"hello": -1}}}, "invalid value"),
        ({"model": {"type": "Shell"}}, 'model "Shell" is not known'),
        ({"model": None}, "model null is not known"),
    ],
)
def test_what_could_do_anything_is_refused(parts, message):
    with pytest.raises(InvalidFileError) as error:
        parse(**parts)
    assert message in str(error.value)


def test_the_parts_of_known_encoders_are_read():
    expected = parse().encode("hello how are you").ids
    assert max(expected) < SIZE
    spaces = {"type": "Sequence", "normalizers": [BERT["normalizer"], replace({"Regex": " {2,}"}, " ")]}
    assert parse(normalizer=spaces).encode("hello  how are you").ids == expected
    assert (
        parse(normalizer={"type": "Lowercase"}, truncation=None).encode("hello").ids
        == expected[:2] + expected[-1:]
    )
