"""Whether generated clips differ: among each other, and when one text is signed again and again.

Diversity and multimodality of Guo et al. 2022 (CVPR, "Generating Diverse and Natural 3D Human Motions from
Text"), on a clip's mean features. More is not better: recorded clips are the mark.
"""

import numpy as np

from signjax.errors import DataError
from signjax.metrics.frechet import format_encoder_signature
from signjax.metrics.score import Score, make_mean_score
from signjax.seeds import make_rng

# Pairs of clips for diversity, and of generations of one text for multimodality: as many as in the code that
# the field compares with, such as MoMask's.
PAIRS = 300
PAIRS_OF_TEXT = 10


def average_windows(features) -> np.ndarray:
    """The mean over windows of each clip's features: a list of [w, d] -> [n, d]."""
    # A long clip has more windows, and counts as one clip all the same.
    return np.stack([np.mean(clip, axis=0, dtype=np.float64) for clip in features])


def score_diversity(features, seed: int, digest: str) -> Score:
    """Mean Euclidean distance of PAIRS random pairs of different clips.

    Args:
      features: [n, d], of each clip (`average_windows`).
      seed: decides the pairs.
      digest: of the encoder.

    Returns:
      The score, in units of the features, with a statistic for each pair.

    Raises:
      DataError: fewer than two clips.
    """
    features = np.asarray(features, np.float64)
    count, size = features.shape
    if count < 2:
        raise DataError(f"diversity needs at least 2 clips; there is {count}: give more texts")
    # A number beside the seed, so that no two metrics draw the same pairs.
    rng = make_rng(seed, 12)
    one = rng.integers(count, size=PAIRS)
    # Never a clip with itself, whose distance of 0 would make small sets look alike.
    other = (one + rng.integers(1, count, size=PAIRS)) % count
    name = format_encoder_signature("Diversity", digest, size, pairs=PAIRS, seed=seed)
    return make_mean_score(name, _euclidean_distance(features[one], features[other]))


def score_multimodality(features, seed: int, digest: str) -> Score:
    """Mean Euclidean distance of generations of the same text.

    Of each text PAIRS_OF_TEXT different pairs are drawn, or all if there are no more.

    Args:
      features: [texts, repeats, d], of each generated clip (`average_windows`).
      seed: decides the pairs.
      digest: of the encoder.

    Returns:
      The score, in units of the features, with a statistic for each text.

    Raises:
      DataError: no text, or fewer than two generations of each.
    """
    features = np.asarray(features, np.float64)
    texts, repeats, size = features.shape
    # One generation of a text has nothing that it could differ from.
    if not texts or repeats < 2:
        raise DataError(
            f"multimodality needs at least 2 generations of at least 1 text; there are {repeats} of {texts}"
        )
    rng = make_rng(seed, 13)
    # Each text has pairs of its own: the same ones for all would compare the same draws of the sampler.
    pairs = np.transpose(np.triu_indices(repeats, 1))
    used = min(PAIRS_OF_TEXT, len(pairs))
    chosen = np.stack([pairs[rng.permutation(len(pairs))[:used]] for _ in range(texts)])  # [texts, used, 2]
    one, other = (np.take_along_axis(features, chosen[..., k, None], axis=1) for k in (0, 1))
    name = format_encoder_signature("MultiModality", digest, size, repeats=repeats, pairs=used, seed=seed)
    return make_mean_score(name, _euclidean_distance(one, other).mean(-1))


def _euclidean_distance(a, b) -> np.ndarray:
    return np.sqrt(((a - b) ** 2).sum(-1))
