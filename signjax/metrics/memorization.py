"""Whether clips were made or copied: how near each lies to its nearest training clip."""

import numpy as np

from signjax.metrics import dtw_distances
from signjax.metrics.base import Score, mean_score, signature
from signjax.pose.clip import Clip

FRAMES = 24  # clips are resampled to as many to find candidates
CANDIDATES = 5  # of a clip are compared exactly
QUANTILE = 0.05  # of the recorded clips are as near to a training clip as what counts as a copy


def nearest(clips: list[Clip], train: list[Clip]) -> np.ndarray:
    """DTW-MJE [n] of each clip to the nearest of its most similar training clips."""
    x, y = _resampled(clips), _resampled(train)  # [n, F], [m, F]
    squares = (x**2).sum(1)[:, None] + (y**2).sum(1) - 2 * x @ y.T
    count = min(CANDIDATES, len(train))
    found = np.argsort(squares, axis=1, kind="stable")[:, :count]
    pairs = [(i, j) for i, row in enumerate(found) for j in row]
    errors = dtw_distances.dtw_mje([train[j] for _, j in pairs], [clips[i] for i, _ in pairs]).statistics
    return (errors[:, 0] / errors[:, 1]).reshape(len(clips), count).min(1)


def copies(near, recorded_near) -> Score:
    """Percent of clips as near to a training clip as 1 in 20 recorded clips is or nearer; 5 is no copying.

    Args:
      near: [n] of the clips, see `nearest`.
      recorded_near: [n] of the recorded clips of the same split.
    """
    named = signature("copies", distance="DTW-MJE", candidates=CANDIDATES, threshold=f"recorded q{QUANTILE}")
    return mean_score(named, 100.0 * (np.asarray(near) <= np.quantile(recorded_near, QUANTILE)))


def _resampled(clips: list[Clip]) -> np.ndarray:
    """Clips as FRAMES poses evenly spaced in time, missing joints at the neck, [n, FRAMES * 150]."""
    rows = []
    for clip in clips:
        body = clip.without_face()
        at = np.linspace(0, len(body) - 1, FRAMES).round().astype(int)
        rows.append((body.canonical()[at] * body.valid[at, :, None]).reshape(-1))
    return np.array(rows, np.float32)
