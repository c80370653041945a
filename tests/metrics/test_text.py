"""Scores of texts against sacrebleu, slow references written from the definitions, and cases by hand."""

import itertools
import math

import numpy as np
import pytest
import sacrebleu
from sacrebleu.metrics import CHRF

from signjax.metrics import text, tokenization
from signjax.metrics.score import compute_interval, compute_value

LINES = (
    ("the cat sat on the mat", "the cat is on the mat"),
    ("the the the the", "the cat"),
    ("", "my name is ada"),
    ("where do you live ?", "where do you live ?"),
    ("you live", "do you live in a big house"),
    ("one two three four five six seven eight", "one two three four five"),
    ("a", "b"),
)


def corpus(rng, count=60):
    """Random texts of few words, so that n-grams repeat."""
    vocabulary = np.array(["a", "b", "c", "dd", "ee", "fff", "?"])
    lines = [" ".join(rng.choice(vocabulary, rng.integers(1, 12))) for _ in range(count)]
    changed = [" ".join(w for w in line.split() if rng.random() < 0.8) for line in lines]
    return changed, lines


@pytest.fixture(scope="module", params=["by hand", "random"])
def sides(request):
    return tuple(zip(*LINES, strict=True)) if request.param == "by hand" else corpus(np.random.default_rng(0))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_bleu_equals_sacrebleu(sides, order):
    hypotheses, meant = sides
    ours = text.score_bleu([t.split() for t in hypotheses], [t.split() for t in meant], order, "words")
    theirs = sacrebleu.BLEU(tokenize="none", smooth_method="none", max_ngram_order=order)
    assert compute_value(ours) == pytest.approx(
        theirs.corpus_score(list(hypotheses), [list(meant)]).score, abs=1e-9
    )


def test_chrf_equals_sacrebleu(sides):
    hypotheses, meant = sides
    ours = text.score_chrf([t.split() for t in hypotheses], [t.split() for t in meant], "words")
    assert compute_value(ours) == pytest.approx(
        CHRF().corpus_score(list(hypotheses), [list(meant)]).score, abs=1e-9
    )


def test_bleu_by_hand():
    # Papineni et al. 2002: "the" x 7 against a reference that has it twice is 2 / 7, not 1
    bleu = text.score_bleu([["the"] * 7], [["the", "cat", "is", "on", "the", "mat"]], 1, "words")
    assert compute_value(bleu) == pytest.approx(100 * 2 / 7)
    # 3 of 4 words and 1 of 3 pairs right, one word short
    bleu = text.score_bleu([["a", "b", "x", "d"]], [["a", "b", "c", "d", "e"]], 2, "words")
    assert compute_value(bleu) == pytest.approx(100 * math.exp(1 - 5 / 4) * math.sqrt(3 / 4 * 1 / 3))


def test_a_perfect_sequence_scores_100_whatever_it_repeats():
    """The original BLEU counted every n-gram once: ten equal tokens scored 0.21 against themselves."""
    same = [(3, 1)] * 10
    assert compute_value(text.score_bleu([same], [same], 4, "codes")) == pytest.approx(100)


def test_length_is_the_systems_own():
    """Neither a short nor a long answer is cut or filled to the reference's length."""
    meant = [list("abcdefgh")]
    hypotheses = (*meant, "abcd", "abcdefghabcd")
    right, short, long = (compute_value(text.score_bleu([x], meant, 2, "letters")) for x in hypotheses)
    assert right == pytest.approx(100) and short < 50 and long < 75


def test_bleu_of_nothing():
    assert compute_value(text.score_bleu([[]], [["a"]], 4, "words")) == 0
    assert math.isnan(compute_value(text.score_bleu([], [], 4, "words")))


def slow_common(a, b):
    return max(
        len(x)
        for k in range(len(a) + 1)
        for x in itertools.combinations(a, k)
        if any(x == y for y in itertools.combinations(b, k))
    )


def test_rouge_equals_the_definition():
    rng = np.random.default_rng(1)
    pairs = [tuple("".join(rng.choice(list("abc"), rng.integers(1, 7))) for _ in range(2)) for _ in range(12)]
    values = []
    for hypothesis, meant in pairs:
        common = slow_common(hypothesis, meant)
        p, r = common / len(hypothesis), common / len(meant)
        values.append(100 * (1 + 1.2**2) * p * r / (r + 1.2**2 * p) if common else 0)
    assert compute_value(text.score_rouge_l(*zip(*pairs, strict=True), "letters")) == pytest.approx(
        np.mean(values), abs=1e-9
    )


def test_word_error_rate_is_pooled_over_words():
    wer = text.score_word_errors(
        [["a"], ["x", "y", "z"]], [["a"] + ["b"] * 3, ["x"]], reader="none", tokens="words"
    )
    assert compute_value(wer) == pytest.approx(100 * 5 / 5)


def test_the_tokenization_is_in_every_signature():
    for name in tokenization.TOKENIZATIONS:
        scores = text.score_texts(["Wie schön!"], ["Wie schon!"], name)
        mark = f"|tokens:{tokenization.SIGNATURES[name]}|"
        assert all(mark in score.signature for score in scores.values())
        assert compute_value(scores["WER"]) > 0, "an umlaut tells two words apart"


def test_intervals_hold_the_value_and_shrink_with_more_clips():
    rng = np.random.default_rng(2)
    widths = []
    for count in (30, 480):
        hypotheses, meant = corpus(rng, count)
        bleu = text.score_texts(hypotheses, meant)["BLEU-2"]
        low, high = compute_interval(bleu)
        assert low < compute_value(bleu) < high
        assert compute_interval(bleu) == (low, high), "seeded"
        widths.append(high - low)
    assert widths[1] < 0.5 * widths[0]


def test_the_interval_is_the_bootstrap():
    """Resampling clips and scoring each resample by itself gives the same interval, within its own chance."""
    hypotheses, meant = ([line.split() for line in side] for side in corpus(np.random.default_rng(3), 50))
    rng, values = np.random.default_rng(4), []
    for _ in range(1000):
        k = rng.integers(0, 50, 50)
        values.append(
            compute_value(
                text.score_word_errors([hypotheses[i] for i in k], [meant[i] for i in k], "none", "words")
            )
        )
    low, high = compute_interval(text.score_word_errors(hypotheses, meant, "none", "words"))
    np.testing.assert_allclose([low, high], np.quantile(values, [0.025, 0.975]), atol=0.15 * (high - low))
