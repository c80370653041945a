"""Scores of texts: BLEU, chrF, ROUGE-L and word error rate, each from statistics that add up over clips.

Texts are compared as `tokens` gives them: lower case, no accents, the question mark as a word of its own.
"""

import collections

import numpy as np

from signjax import demo
from signjax.metrics.base import Score, mean_score, signature
from signjax.text import tokenizer

ORDERS = 4  # of BLEU
CHARACTERS = 6  # order of chrF
RECALL = 2.0  # weight of chrF's recall
ROUGE_RECALL = 1.2  # weight of ROUGE-L's recall, as in the field's captioning tools


def texts(hypotheses, references) -> dict[str, Score]:
    """Every score of this file for texts: {"BLEU-1", ..., "BLEU-4", "chrF", "ROUGE-L", "WER"}."""
    said, meant = ([tokens(t) for t in side] for side in (hypotheses, references))
    scores = {f"BLEU-{n}": bleu(said, meant, n, unit="words") for n in range(1, ORDERS + 1)}
    others = {"chrF": chrf(said, meant), "ROUGE-L": rouge(said, meant), "WER": wer(said, meant, "none")}
    return scores | others


def tokens(line: str) -> list[str]:
    """Words and question marks of a text; nothing signed tells an exclamation mark from a full stop."""
    return [word for word in tokenizer.split_words(line) if word != "!"]


def bleu(hypotheses, references, order: int, unit: str) -> Score:
    """Corpus BLEU of one reference each (Papineni et al. 2002), 0 to 100, no smoothing.

    Matches of n-grams are clipped to their count in the reference and pooled over the corpus, as are
    lengths for the brevity penalty. Any order without a match gives 0. Sequences shorter than n have no
    n-gram and count by their length alone.

    Args:
      hypotheses: n sequences of tokens, of the length the system chose.
      references: n sequences of tokens.
      order: n-grams of 1 to `order`, of equal weight.
      unit: what the tokens are, for the signature.
    """
    rows = []
    for said, meant in zip(hypotheses, references, strict=True):
        row = [len(said), len(meant)]
        for n in range(1, order + 1):
            grams, known = _grams(said, n), _grams(meant, n)
            row += [(grams & known).total(), grams.total()]
        rows.append(row)
    statistics = np.array(rows, np.float64).reshape(len(rows), 2 + 2 * order)
    named = signature(f"BLEU-{order}", tokens=unit, clipped="yes", smooth="none", refs=1)
    return Score(named, statistics, _bleu)


def _bleu(sums):
    said, meant = sums[..., 0], sums[..., 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(sums[..., 3::2] > 0, sums[..., 2::2] / sums[..., 3::2], 0.0)  # [..., order]
        brevity = np.minimum(0.0, 1 - meant / said)
        result = 100 * np.exp(brevity + np.log(precision).mean(-1))
    return np.where(said > 0, result, np.where(meant > 0, 0.0, np.nan))


def chrf(hypotheses, references) -> Score:
    """chrF (Popovic 2015), 0 to 100: F of characters' n-grams up to 6, white space left out, recall twice.

    Precision and recall are pooled over the corpus and averaged over the orders that both sides have.
    """
    rows = []
    for said, meant in zip(hypotheses, references, strict=True):
        row = []
        for n in range(1, CHARACTERS + 1):
            grams, known = _grams("".join(said), n), _grams("".join(meant), n)
            row += [(grams & known).total(), grams.total(), known.total()]
        rows.append(row)
    statistics = np.array(rows, np.float64).reshape(len(rows), 3 * CHARACTERS)
    return Score(signature("chrF", characters=CHARACTERS, words=0, recall=RECALL), statistics, _chrf)


def _chrf(sums):
    matches, said, meant = (sums[..., k::3] for k in range(3))  # [..., orders]
    both = (said > 0) & (meant > 0)
    orders = np.maximum(both.sum(-1), 1)
    precision = np.where(both, matches / np.maximum(said, 1e-9), 0.0).sum(-1) / orders
    recall = np.where(both, matches / np.maximum(meant, 1e-9), 0.0).sum(-1) / orders
    total = RECALL**2 * precision + recall
    return 100 * (1 + RECALL**2) * precision * recall / np.where(total > 0, total, 1.0)


def rouge(hypotheses, references) -> Score:
    """ROUGE-L (Lin 2004), 0 to 100: mean over clips of the F of the longest common subsequence."""
    values = []
    for said, meant in zip(hypotheses, references, strict=True):
        common = _common(said, meant)
        precision, recall = common / max(len(said), 1), common / max(len(meant), 1)
        total = recall + ROUGE_RECALL**2 * precision
        values.append(100 * (1 + ROUGE_RECALL**2) * precision * recall / total if common else 0.0)
    return mean_score(signature("ROUGE-L", recall=ROUGE_RECALL, mean="clips"), values)


def wer(hypotheses, references, reader: str) -> Score:
    """Word error rate in percent: insertions, deletions and substitutions over words of the references.

    Args:
      hypotheses: n lists of words.
      references: n lists of words.
      reader: what made the hypotheses of clips, for the signature.
    """
    pairs = [demo.count_word_errors(meant, said) for said, meant in zip(hypotheses, references, strict=True)]
    errors, lengths = np.array(pairs, np.float64).reshape(len(pairs), 2).T
    named = signature("WER", reader=reader, unit="percent")
    return mean_score(named, 100 * errors, lengths)


def _grams(tokens, n: int) -> collections.Counter:
    return collections.Counter(tuple(tokens[k : k + n]) for k in range(len(tokens) - n + 1))


def _common(a, b) -> int:
    """Length of the longest common subsequence."""
    best = [0] * (len(b) + 1)
    for x in a:
        before = 0
        for k, y in enumerate(b, 1):
            before, best[k] = best[k], before + 1 if x == y else max(best[k], best[k - 1])
    return best[-1]
