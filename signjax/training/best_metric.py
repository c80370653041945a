"""Which of two scores of a metric is better: errors should be small, shares of correct results large."""

import re

# By the words of a metric's name, of which the first that is known decides: "pck_05", "usage/book_arm_0".
HIGHER = {"pck", "right", "usage", "perplexity", "bleu", "chrf", "rouge", "accuracy", "recall", "precision"}
LOWER = {"mpjpe", "error", "errors", "loss", "code", "end", "flow", "length", "ctc", "text", "energy", "dtw"}
LOWER |= {"wer", "score", "fgd", "mae", "mse", "rmse", "distance", "bones", "velocity"}


class BestScore:
    """The score of the best checkpoint of a run that is trained.

    In memory: reading it from the disk compares the checkpoint with its checksums, gigabytes at every save.

    Args:
      metric: what decides, `best` of the config.
      value: the score on disk when the training begins, None for none.

    Attributes:
      value: the best score so far.
    """

    def __init__(self, metric: str, value: float | None):
        self.metric, self.value = metric, value

    def improve(self, score: float) -> bool:
        """Whether a score is better than the best one so far, which it then becomes."""
        better = is_better(self.metric, score, self.value)
        self.value = score if better else self.value
        return better


def is_better(metric: str, score: float, best: float | None) -> bool:
    """Whether a score is better than the best one so far, None for none; a score that is NaN never is."""
    if best is None:
        return abs(score) < float("inf")
    return score > best if _find_direction(metric) == "larger" else score < best


def describe_guess(metric: str) -> str:
    """A line for the user if nothing says whether this metric should be small or large, else ""."""
    if _find_direction(metric):
        return ""
    return f"best is {metric!r}, not known to be better when larger; the checkpoint with the smallest is kept"


def _find_direction(metric: str) -> str:
    for word in re.split(r"[^a-z]+", metric.lower()):
        if word in HIGHER or word in LOWER:
            return "larger" if word in HIGHER else "smaller"
    return ""
