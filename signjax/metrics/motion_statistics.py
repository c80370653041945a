"""What a distance does not see: whether a clip moves as much, as fast and as long as a recorded one.

Standing still scores well on DTW, and so does a copied training clip; these numbers tell. Each is a ratio
to the reference, 1 at best.
"""

import numpy as np

from signjax.metrics.base import Score, mean_score, ratio, signature
from signjax.pose import skeleton
from signjax.pose.clip import Clip

WRISTS = (skeleton.L_WRIST, skeleton.R_WRIST)
STILL = 0.5  # of the recorded travel or deviation: less than that stands still


def compare(references: list[Clip], predictions: list[Clip]) -> dict[str, Score]:
    """Every guard between n pairs of clips of any lengths: {name: Score}.

    "hand travel" is the total distance of the SLRTP 2025 challenge (mean path of a wrist over the mean path
    in the references, mean of both wrists), "deviation" the standard deviation of joints over time, "speed"
    the mean speed of joints, "jitter" the mean third difference over the mean first one, "length" the mean
    of frames over the reference's frames.
    """
    sides = [[clip.without_face().move_to() for clip in side] for side in (predictions, references)]

    def quotient(name: str, of, **parameters) -> Score:
        """Sums of `of` over the predictions divided by sums over the references, [n, 4] statistics."""
        values = np.concatenate([[of(m) for m in side] for side in sides], axis=1)
        return Score(signature(name, **parameters), values, _quotient)

    lengths = [len(p) / len(r) for r, p in zip(references, predictions, strict=True)]
    return {
        "hand travel": Score(
            signature("hand-travel", joints="wrists", mean="clips, hands"),
            np.concatenate([[_travel(m) for m in side] for side in sides], axis=1),
            lambda sums: (ratio(sums[..., [0, 2]]) + ratio(sums[..., [1, 3]])) / 2,
        ),
        "deviation": quotient("deviation", _deviation, joints="all"),
        "speed": quotient("speed", lambda m: _difference(m, 1), joints="all"),
        "jitter": Score(
            signature("jitter", difference="third over first"),
            np.concatenate([[(*_difference(m, 3), *_difference(m, 1)) for m in side] for side in sides], 1),
            lambda sums: ratio(
                np.stack([_quotient(sums[..., [0, 1, 4, 5]]), _quotient(sums[..., [2, 3, 6, 7]])], axis=-1)
            ),
        ),
        "length": mean_score(signature("length", mean="clips"), lengths),
    }


def warnings(scores: dict[str, float]) -> list[str]:
    """What the values of `compare` give reason to warn of, in words."""
    still = [f"{name} {scores[name]:.2f}" for name in ("hand travel", "deviation") if scores[name] < STILL]
    return [f"moves much less than the recordings ({', '.join(still)}): no distance is to be trusted"] * bool(
        still
    )


def _quotient(sums):
    return ratio(sums[..., :2]) / ratio(sums[..., 2:])


def _travel(clip: Clip) -> tuple[float, float]:
    """The paths of both wrists."""
    return tuple(_difference(clip, 1, [wrist])[0] for wrist in WRISTS)


def _deviation(clip: Clip) -> tuple[float, float]:
    """(sum, count) over joints of the standard deviation over time."""
    seen = clip.valid.sum(0)  # [50]
    weight = clip.valid[..., None] / np.maximum(seen, 1)[:, None]
    mean = (clip.points * weight).sum(0)
    spread = np.sqrt((((clip.points - mean) ** 2) * weight).sum((0, 2)))
    return float(spread[seen > 0].sum()), int((seen > 0).sum())


def _difference(clip: Clip, order: int, joints=slice(None)) -> tuple[float, int]:
    """(sum, count) of the lengths of differences of successive frames, of order 1 or 3."""
    points, valid = clip.points[:, joints], clip.valid[:, joints]
    if len(points) <= order:
        return 0.0, 0
    seen = np.logical_and.reduce([valid[k : len(valid) - order + k] for k in range(order + 1)])
    lengths = np.linalg.norm(np.diff(points.astype(np.float64), order, axis=0), axis=-1)
    return float((lengths * seen).sum()), int(seen.sum())
