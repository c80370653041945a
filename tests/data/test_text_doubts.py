"""Texts that a program spoiled are named, healthy ones in any script are not."""

import pytest

from signjax.data import text_doubts
from signjax.data.text_doubts import HAS_LOST_LETTERS, HAS_MARKUP, LOOKS_EMPTY, LOOKS_MISREAD, LOOKS_NUMBERED


@pytest.mark.parametrize("text, kind", [
    ("12", LOOKS_NUMBERED), ("nan", LOOKS_EMPTY), ("#N/A", LOOKS_EMPTY), ("None", LOOKS_EMPTY),
    ("Tom &amp; Jerry", HAS_MARKUP), ("<i>hello</i>", HAS_MARKUP), ("one<br/>two", HAS_MARKUP),
    ("It&#39;s", HAS_MARKUP), (r"{\an8}up there", HAS_MARKUP),
    ("schön".encode().decode("cp1252"), LOOKS_MISREAD), ("été".encode().decode("latin-1"), LOOKS_MISREAD),
    ("日本".encode().decode("latin-1"), LOOKS_MISREAD), ("sch\ufffdn", HAS_LOST_LETTERS),
])  # fmt: skip
def test_spoiled_texts_are_named(text, kind):
    assert [warning.kind for warning in text_doubts.find_doubts(text)] == [kind]


@pytest.mark.parametrize("text", [
    "none of them", "my nan is here", "NONE", "IX-1 <2> HOUSE", "a < b and c > d", "R&B; now", "schön",
    "Ünlü", "été", "naïve", "ÄÖÜß", "señor ¿qué?", "привет", "日本語", "ሰላም", "ខ្ញុំ", "မြန်မာ", "हिन्दी",
    "", "«où»",
])  # fmt: skip
def test_healthy_texts_are_not(text):
    assert not text_doubts.find_doubts(text)
