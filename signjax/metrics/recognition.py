"""Whether clips of single signs are recognised: by the probabilities that a recogniser gives their words."""

import numpy as np

from signjax.metrics.score import Score, format_signature, make_mean_score

TOP = 5
FLOOR = 1e-4  # the least probability that counts: one clip must not decide over a mean of logarithms


def score_recognition(probabilities, labels, digest: str) -> dict[str, Score]:
    """Scores clips by a recogniser: {"recognised", "recognised top-5" in percent, "log-likelihood" in nats}.

    Args:
      probabilities: [n, W + 1] of each word, and last of none of them.
      labels: [n] the word of each clip; W, for a word that the recogniser does not know, is never right.
      digest: of the recogniser; scores by different ones cannot be compared.
    """
    probabilities, labels = np.asarray(probabilities, np.float64), np.asarray(labels)
    words = probabilities.shape[1] - 1
    known = labels < words
    own = np.where(known, probabilities[np.arange(len(labels)), labels], 0.0)
    # How many are likelier: with equal probabilities the clip gets the benefit of none.
    rank = (probabilities >= own[:, None]).sum(1)
    signature = {"recognizer": digest, "words": words}
    return {
        "recognised": make_mean_score(
            format_signature("recognised", **signature), 100.0 * (known & (rank <= 1))
        ),
        "recognised top-5": make_mean_score(
            format_signature("recognised-top", k=TOP, **signature), 100.0 * (known & (rank <= TOP))
        ),
        "log-likelihood": make_mean_score(
            format_signature("log-likelihood", floor=FLOOR, **signature), np.log(np.maximum(own, FLOOR))
        ),
    }


def count_confusions(probabilities, labels, words: int) -> np.ndarray:
    """How often clips of each word are taken for each word or none, [W, W + 1]; other words are left out."""
    table = np.zeros((words, words + 1), int)
    likeliest = np.argmax(probabilities, axis=1)
    for label, guess in zip(labels, likeliest, strict=True):
        if label < words:
            table[label, guess] += 1
    return table
