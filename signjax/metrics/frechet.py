"""Fréchet gesture distance: whether generated motion, taken together, looks like recorded motion.

Heusel et al. 2017 (arXiv 1706.08500) on features of a motion auto-encoder, as Yoon et al. 2020
(arXiv 2009.02119) have it for gestures. Features are those of signjax.metrics.motion_features, one vector for
each window of a clip.

Of few windows it is too high, so only sets of equal size compare; `score_split_half` is what recorded motion
itself gets.
"""

import numpy as np

from signjax.errors import DataError
from signjax.metrics.score import Score, format_signature
from signjax.seeds import make_rng

WINDOW = 32  # frames of which the encoder makes one vector of features
HOP = 16  # frames from a window to the next


def split_windows(frames: int) -> np.ndarray:
    """Which frames of a clip each of its windows holds.

    Windows begin every HOP frames; the last one ends with the clip. A shorter clip has one window, in which
    its last frame is held.

    Args:
      frames: T of the clip, at least 1.

    Returns:
      [w, WINDOW] int.
    """
    # The last window ends with the clip, so that no frame is left out, whatever the length.
    starts = [*range(0, frames - WINDOW, HOP), max(frames - WINDOW, 0)]
    return np.minimum(np.array(starts)[:, None] + np.arange(WINDOW), frames - 1)


def score_fgd(reference, predicted, digest: str) -> Score:
    """Fréchet distance of Gaussians fitted to two sets of windows: ||m - n||² + tr(A + B - 2 (A B)^½).

    Args:
      reference: [w, d] features of each recorded clip's windows.
      predicted: the same of the clips generated in their place, in the same order; lengths may differ.
      digest: of the encoder.

    Returns:
      The score: squared units of the features, 0 at best; a clip and its counterpart are drawn together by
      the bootstrap. NaN with less than two windows.

    Raises:
      DataError: the numbers of clips or of features differ, or features are not finite.
    """
    return _score_features("FGD", reference, predicted, digest)


def score_split_half(features, digest: str, seed: int) -> Score:
    """FGD between halves of the recorded clips, drawn at random: the floor under every `score_fgd`.

    Each half has half the windows that `score_fgd` has, so it lies a little too high.

    Args:
      features: [w, d] of each clip.
      digest: of the encoder.
      seed: decides the halves; with an odd number one clip is left out.

    Raises:
      DataError: fewer than two clips, or as for `score_fgd`.
    """
    if len(features) < 2:
        raise DataError(f"FGD of two halves needs at least 2 recorded clips; there are {len(features)}")
    # Halves of equal size: the distance is biased by the number of windows.
    order, half = make_rng(seed, 11).permutation(len(features)), len(features) // 2
    one, other = ([features[i] for i in part] for part in (order[:half], order[half : 2 * half]))
    return _score_features("FGD-half", one, other, digest, seed=seed)


def format_encoder_signature(name: str, digest: str, features: int, **parameters) -> str:
    """The signature of a metric on features: with the encoder, its windows and d."""
    protocol = {"encoder": digest[:12], "window": WINDOW, "hop": HOP, "features": features}
    return format_signature(name, **protocol, **parameters)


def _score_features(name: str, reference, predicted, digest: str, **parameters) -> Score:
    if len(reference) != len(predicted) or not len(reference):
        raise DataError(
            f"{name} needs a generated clip for each recorded one, and at least one; "
            f"there are {len(reference)} and {len(predicted)}"
        )
    # In float64: covariances are differences of large sums.
    clips = [np.asarray(x, np.float64) for x in (*reference, *predicted)]
    size = clips[0].shape[-1]
    for number, clip in enumerate(clips):
        whose = ("recorded", "generated")[number // len(reference)]
        if clip.ndim != 2 or clip.shape[1] != size or not np.isfinite(clip).all():
            raise DataError(
                f"{name}: features of {whose} clip {number % len(reference)}, {clip.shape}, must be finite "
                f"and [windows, {size}]; take all features from one encoder"
            )
    sums = np.stack([_sum_windows(clip) for clip in clips]).reshape(2, len(reference), -1)
    return Score(
        format_encoder_signature(name, digest, size, **parameters),
        np.concatenate(sums, axis=-1),
        compute_frechet_distance,
    )


def _sum_windows(clip) -> np.ndarray:
    """Number of windows, their sum and the sum of their outer products, [1 + d + d²]."""
    # All that mean and covariance need, and all of it adds up over clips: so the bootstrap can draw clips.
    return np.concatenate([[len(clip)], clip.sum(0), (clip.T @ clip).ravel()])


def compute_frechet_distance(sums) -> np.ndarray:
    """Sums of both sides [..., 2 (1 + d + d²)] -> squared Fréchet distances [...]."""
    reference, predicted = np.split(np.asarray(sums, np.float64), 2, axis=-1)
    enough = np.minimum(reference[..., 0], predicted[..., 0]) >= 2
    (m, a), (n, b) = _fit_gaussian(reference), _fit_gaussian(predicted)
    # (A B)^½ has the trace of (A^½ B A^½)^½, which is symmetric: its eigenvalues are real.
    root = _matrix_root(a)
    power = np.linalg.eigvalsh(root @ b @ root)
    cross = np.sqrt(np.maximum(power, 0)).sum(-1)
    spread = np.trace(a, axis1=-2, axis2=-1) + np.trace(b, axis1=-2, axis2=-1) - 2 * cross
    # Rounding can go below 0 where both sides are the same.
    distance = np.maximum(((m - n) ** 2).sum(-1) + spread, 0)
    return np.where(enough, distance, np.nan)


def _fit_gaussian(sums):
    """Mean [..., d] and covariance [..., d, d] of the windows in sums [..., 1 + d + d²]."""
    size = int(np.sqrt(sums.shape[-1] - 1))  # d² < d + d² < (d + 1)²
    # With fewer windows the distance is NaN anyway; this keeps the division silent.
    count = np.maximum(sums[..., :1], 2)
    mean = sums[..., 1 : 1 + size] / count
    squares = sums[..., 1 + size :].reshape(*sums.shape[:-1], size, size)
    count = count[..., None]
    return mean, (squares - count * mean[..., :, None] * mean[..., None, :]) / (count - 1)


def _matrix_root(a):
    """The symmetric square roots of covariances [..., d, d]."""
    # Symmetric, so that eigh will do: a general square root of a nearly singular matrix fails or is complex.
    power, basis = np.linalg.eigh(a)
    return (basis * np.sqrt(np.maximum(power, 0))[..., None, :]) @ basis.swapaxes(-1, -2)
