"""Scores of texts: BLEU, chrF, ROUGE-L and word error rate, each from statistics that add up over clips.

Texts are divided by signjax.metrics.tokenization, whose name is in the signature. A system's texts are called
hypotheses, as everywhere in machine translation.
"""

import collections

import numpy as np

from signjax import demo
from signjax.metrics.score import Score, format_signature, make_mean_score
from signjax.metrics.tokenization import SIGNATURES, split_by_name

ORDERS = 4  # of BLEU
CHARACTERS = 6  # order of chrF
RECALL = 2.0  # weight of chrF's recall
ROUGE_RECALL = 1.2  # weight of ROUGE-L's recall, as in the field's captioning tools


def score_texts(hypotheses, references, tokenize: str = "words") -> dict[str, Score]:
    """Every score of this file for n texts: {"BLEU-1", ..., "BLEU-4", "chrF", "ROUGE-L", "WER"}.

    Args:
      hypotheses: n texts.
      references: n texts.
      tokenize: name of a tokenization, see signjax.metrics.tokenization.

    Raises:
      ConfigError: there is no such tokenization.
    """
    hypothesis_words, reference_words = (
        [split_by_name(tokenize, text) for text in side] for side in (hypotheses, references)
    )
    unit = SIGNATURES[tokenize]
    scores = {
        f"BLEU-{order}": score_bleu(hypothesis_words, reference_words, order, unit)
        for order in range(1, ORDERS + 1)
    }
    return scores | {
        "chrF": score_chrf(hypothesis_words, reference_words, unit),
        "ROUGE-L": score_rouge_l(hypothesis_words, reference_words, unit),
        "WER": score_word_errors(hypothesis_words, reference_words, reader="none", tokens=unit),
    }


def score_bleu(hypotheses, references, order: int, unit: str) -> Score:
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
    for words, target in zip(hypotheses, references, strict=True):
        row = [len(words), len(target)]
        # Clipped counts: a word that is repeated matches as often as the reference has it.
        for n in range(1, order + 1):
            grams, target_grams = _count_ngrams(words, n), _count_ngrams(target, n)
            row += [(grams & target_grams).total(), grams.total()]
        rows.append(row)
    statistics = np.array(rows, np.float64).reshape(len(rows), 2 + 2 * order)
    signature = format_signature(f"BLEU-{order}", tokens=unit, clipped="yes", smooth="none", refs=1)
    return Score(signature, statistics, _compute_bleu)


def _compute_bleu(sums):
    """BLEU [...] of (length, reference's length, matches and n-grams of each order) [..., 2 + 2 order]."""
    length, target_length = sums[..., 0], sums[..., 1]
    # The logarithm of a precision of 0 is minus infinity, and its exponential the 0 that is meant.
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(sums[..., 3::2] > 0, sums[..., 2::2] / sums[..., 3::2], 0.0)  # [..., order]
        brevity = np.minimum(0.0, 1 - target_length / length)
        bleu = 100 * np.exp(brevity + np.log(precision).mean(-1))
    return np.where(length > 0, bleu, np.where(target_length > 0, 0.0, np.nan))


def score_chrf(hypotheses, references, tokens: str) -> Score:
    """chrF (Popovic 2015), 0 to 100: F of characters' n-grams up to 6, white space left out, recall twice.

    Precision and recall are pooled over the corpus and averaged over the orders that both sides have.

    Args:
      hypotheses: n lists of words.
      references: n lists of words.
      tokens: what the words are, for the signature.
    """
    rows = []
    for words, target in zip(hypotheses, references, strict=True):
        row = []
        for n in range(1, CHARACTERS + 1):
            grams, target_grams = _count_ngrams("".join(words), n), _count_ngrams("".join(target), n)
            row += [(grams & target_grams).total(), grams.total(), target_grams.total()]
        rows.append(row)
    statistics = np.array(rows, np.float64).reshape(len(rows), 3 * CHARACTERS)
    signature = format_signature("chrF", tokens=tokens, characters=CHARACTERS, words=0, recall=RECALL)
    return Score(signature, statistics, _compute_chrf)


def _compute_chrf(sums):
    """chrF [...] of (matches, n-grams, the reference's n-grams) of each order [..., 3 orders]."""
    matches, grams, target_grams = (sums[..., k::3] for k in range(3))  # [..., orders]
    # A short text has no n-grams of the high orders.
    both = (grams > 0) & (target_grams > 0)
    orders = np.maximum(both.sum(-1), 1)
    precision = np.where(both, matches / np.maximum(grams, 1e-9), 0.0).sum(-1) / orders
    recall = np.where(both, matches / np.maximum(target_grams, 1e-9), 0.0).sum(-1) / orders
    total = RECALL**2 * precision + recall
    return 100 * (1 + RECALL**2) * precision * recall / np.where(total > 0, total, 1.0)


def score_rouge_l(hypotheses, references, tokens: str) -> Score:
    """ROUGE-L (Lin 2004), 0 to 100: mean over clips of the F of the longest common subsequence.

    Args:
      hypotheses: n lists of words.
      references: n lists of words.
      tokens: what the words are, for the signature.
    """
    values = []
    for words, target in zip(hypotheses, references, strict=True):
        common = _common_length(words, target)
        precision, recall = common / max(len(words), 1), common / max(len(target), 1)
        total = recall + ROUGE_RECALL**2 * precision
        values.append(100 * (1 + ROUGE_RECALL**2) * precision * recall / total if common else 0.0)
    return make_mean_score(
        format_signature("ROUGE-L", tokens=tokens, recall=ROUGE_RECALL, mean="clips"), values
    )


def score_word_errors(hypotheses, references, reader: str, tokens: str) -> Score:
    """Word error rate in percent: insertions, deletions and substitutions over words of the references.

    Args:
      hypotheses: n lists of words.
      references: n lists of words.
      reader: what made the hypotheses of clips, for the signature.
      tokens: what the words are, for the signature.
    """
    # Over the words of the corpus, not a mean of rates: short sentences would decide it.
    pairs = [
        demo.count_word_errors(target, words) for words, target in zip(hypotheses, references, strict=True)
    ]
    errors, lengths = np.array(pairs, np.float64).reshape(len(pairs), 2).T
    return make_mean_score(
        format_signature("WER", tokens=tokens, reader=reader, unit="percent"), 100 * errors, lengths
    )


def _count_ngrams(tokens, n: int) -> collections.Counter:
    return collections.Counter(tuple(tokens[k : k + n]) for k in range(len(tokens) - n + 1))


def _common_length(a, b) -> int:
    """Length of the longest common subsequence of a and b."""
    # Of the part of a that was read and each beginning of b: one row of the table is all that is needed.
    best = [0] * (len(b) + 1)
    for x in a:
        diagonal = 0
        for k, y in enumerate(b, 1):
            diagonal, best[k] = best[k], diagonal + 1 if x == y else max(best[k], best[k - 1])
    return best[-1]
