"""What a metric returns: a statistic of every clip, and how their sum becomes one number.

Because statistics add up, the score of a corpus, the mean over clips and their bootstrap intervals are one
computation: sum the statistics of all clips, or of clips drawn with replacement, and make each sum a value.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from signjax.seeds import make_rng

RESAMPLES = 1000  # of the bootstrap


class Score(NamedTuple):
    """A metric's result over n clips.

    Attributes:
      signature: name, parameters and version of the metric, such as "BLEU-4|smooth:none|v:1". Two values
        may be compared only if their signatures are equal.
      statistics: [n, S] float64, what each clip contributes.
      value_of: sums of statistics [..., S] -> values [...].
    """

    signature: str
    statistics: np.ndarray
    value_of: Callable


def divide_sums(sums) -> np.ndarray:
    """First statistic over second, NaN where the second is 0: means are sum over count."""
    # NaN says "not defined": an error that nothing was measured of is not 0.
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[..., 0] / sums[..., 1]


def make_mean_score(signature: str, sums, counts=None) -> Score:
    """A mean of sums [n] over counts [n]; over clips if there are no counts."""
    sums = np.asarray(sums, np.float64)
    counts = np.ones_like(sums) if counts is None else np.asarray(counts, np.float64)
    return Score(signature, np.stack([sums, counts], axis=-1), divide_sums)


def compute_value(score: Score) -> float:
    """The score over all clips; NaN if it is not defined for them."""
    return float(score.value_of(score.statistics.sum(0)))


def compute_interval(score: Score, seed: int = 0, resamples: int = RESAMPLES) -> tuple[float, float]:
    """The 95 % bootstrap interval over clips (Efron 1979); NaN, NaN without clips.

    Percentiles, moved by the bias that the resamples show: a Fréchet distance is too large on any sample.
    """
    count = len(score.statistics)
    if not count:
        return float("nan"), float("nan")
    rng = make_rng(seed, 7)
    # How often each clip is drawn says as much as which clips are: a resample is one matrix product.
    weights = rng.multinomial(count, np.full(count, 1 / count), size=resamples)  # [R, n]
    values = score.value_of(weights @ score.statistics)
    # A resample may hold nothing that the metric is defined for.
    values = values[np.isfinite(values)]
    if not values.size:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [0.025, 0.975]) - (values.mean() - compute_value(score))
    return float(low), float(high)


def format_signature(name: str, version: int = 1, **parameters) -> str:
    """Name, parameters in the order they are passed, and version: "DTW-MJE|path:exact|v:1"."""
    # In sacreBLEU's manner: two numbers are comparable if these lines are equal, and only then.
    return "|".join([name, *(f"{key}:{value}" for key, value in parameters.items()), f"v:{version}"])
