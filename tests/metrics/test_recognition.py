"""Recognition scores: against slow counts, on words that the recogniser does not know, and with ties."""

import numpy as np
import pytest

from signjax.metrics import recognition
from signjax.metrics.score import compute_value


def slow_scores(probabilities, labels):
    first = best_five = total = 0
    for row, label in zip(probabilities, labels, strict=True):
        own = row[label] if label < len(row) - 1 else 0.0
        likelier = sum(other >= own for k, other in enumerate(row) if k != label)
        known = label < len(row) - 1
        first += known and likelier == 0
        best_five += known and likelier < 5
        total += np.log(max(own, recognition.FLOOR))
    return 100 * first / len(labels), 100 * best_five / len(labels), total / len(labels)


def test_scores_are_counts():
    rng = np.random.default_rng(3)
    probabilities = rng.dirichlet(np.ones(9), 40)
    labels = rng.integers(0, 9, 40)  # 8 is a word that the recogniser does not know
    scores = recognition.score_recognition(probabilities, labels, "abc")
    assert [compute_value(score) for score in scores.values()] == pytest.approx(
        slow_scores(probabilities, labels)
    )
    assert all("abc" in score.signature and "words:8" in score.signature for score in scores.values())


def test_a_recogniser_that_does_not_decide_recognises_nothing():
    """With equal probabilities the first word must not win by its place."""
    scores = recognition.score_recognition(np.full((5, 9), 1 / 9), np.arange(5), "abc")
    assert compute_value(scores["recognised"]) == compute_value(scores["recognised top-5"]) == 0


def test_confusions_count_every_known_clip():
    probabilities = np.eye(4)[[0, 1, 1, 3, 2]]
    table = recognition.count_confusions(probabilities, [0, 0, 1, 2, 3], 3)
    assert table.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
