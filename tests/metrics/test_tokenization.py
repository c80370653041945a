"""Tokenizations of texts against sacrebleu, and signjax's own words by hand."""

import random

import pytest
from sacrebleu.metrics.bleu import _get_tokenizer

from signjax import metrics
from signjax.errors import ConfigError
from signjax.metrics import tokenization

# Letters, marks and spaces of several scripts, and the beginnings of what mteval replaces.
ALPHABET = "ab 12.,-!?'\"()&;:/$%你好。，？Ａ１ äßß«»…ー한م\u3000\t<>"


@pytest.mark.parametrize("name", ["13a", "zh", "char"])
def test_tokens_are_those_of_sacrebleu(name):
    draws, theirs = random.Random(0), _get_tokenizer(name)()
    for _ in range(3000):
        text = "".join(draws.choice(ALPHABET) for _ in range(draws.randint(0, 14)))
        text += draws.choice(["", "&quot;", "&amp;lt;", "<skipped>"])
        assert tokenization.split_by_name(name, text) == theirs(text).split(), text


def test_words_and_glosses():
    assert tokenization.split_by_name("words", "Wie GEHT es, Zoë?!") == ["wie", "geht", "es", "zoë", "?"]
    assert tokenization.split_by_name("gloss", "IX-1 HOUSE+ $PROD") == ["ix-1", "house+", "$prod"]


def test_scores_take_a_tokenization_by_name():
    assert metrics.word_error_rate("你好世界", "你好地界", tokenize="char") == 25
    assert metrics.bleu("It's ok.", "it's ok.", order=1, tokenize="13a") < 100
    assert metrics.bleu("It's ok.", "it's ok.", order=1) == pytest.approx(100)
    with pytest.raises(ConfigError, match="did you mean '13a'"):
        metrics.chrf("a", "a", tokenize="13")
