"""Whether clips were made or copied: how near each lies to its nearest training clip."""

import numpy as np

from signjax.metrics import dtw_distances
from signjax.metrics.score import Score, format_signature, make_mean_score
from signjax.pose.clip import Clip

FRAMES = 24  # clips are resampled to as many to find candidates
CANDIDATES = 5  # of a clip are compared exactly
# How near is too near depends on the data, whose recordings may repeat sentences: the nearest 5 % of recorded
# clips set the mark.
QUANTILE = 0.05


def find_nearest_distances(clips: list[Clip], train: list[Clip]) -> np.ndarray:
    """DTW-MJE [n] of each of n clips to the nearest of its most similar training clips."""
    # Warping every clip onto every training clip would take hours; few candidates hold the nearest.
    x, y = _resample_clips(clips), _resample_clips(train)  # [n, F], [m, F]
    squares = (x**2).sum(1)[:, None] + (y**2).sum(1) - 2 * x @ y.T
    count = min(CANDIDATES, len(train))
    candidates = np.argsort(squares, axis=1, kind="stable")[:, :count]
    pairs = [(i, j) for i, row in enumerate(candidates) for j in row]
    references, predictions = [train[j] for _, j in pairs], [clips[i] for i, _ in pairs]
    errors = dtw_distances.score_dtw_mje(references, predictions).statistics
    return (errors[:, 0] / errors[:, 1]).reshape(len(clips), count).min(1)


def score_copies(distances, recorded_distances) -> Score:
    """Percent of clips as near to a training clip as the nearest 5 % of recorded clips; 5 means no copying.

    Args:
      distances: [n] of the clips, see `find_nearest_distances`.
      recorded_distances: [n] of the recorded clips of the same split.
    """
    signature = format_signature(
        "copies", distance="DTW-MJE", candidates=CANDIDATES, threshold=f"recorded q{QUANTILE}"
    )
    is_near = np.asarray(distances) <= np.quantile(recorded_distances, QUANTILE)
    return make_mean_score(signature, 100.0 * is_near)


def _resample_clips(clips: list[Clip]) -> np.ndarray:
    """Clips as FRAMES poses evenly spaced in time, missing joints at the neck, [n, FRAMES * 150]."""
    rows = []
    for clip in clips:
        body = clip.without_face()
        frames = np.linspace(0, len(body) - 1, FRAMES).round().astype(int)
        # At the neck a missing joint is equally far from all candidates, about.
        rows.append((body.canonical()[frames] * body.valid[frames, :, None]).reshape(-1))
    return np.array(rows, np.float32)
