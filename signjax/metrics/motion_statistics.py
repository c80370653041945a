"""Statistics that distances miss: whether a clip moves as much, as fast and as long as a recorded one.

A clip that stands still scores well on DTW; these numbers reveal it. Each is a ratio to the reference, 1 at
best.
"""

from collections.abc import Callable

import numpy as np

from signjax.metrics.score import Score, divide_sums, format_signature, make_mean_score
from signjax.pose import skeleton
from signjax.pose.clip import Clip

HANDS = slice(skeleton.RIGHT.start, skeleton.LEFT.stop)
WRISTS = (skeleton.L_WRIST, skeleton.R_WRIST)
OTHER_HANDS = 0.2  # of the share of hands that recordings show: more of a difference is told
STILL = 0.5  # of the recorded travel or deviation: less than that stands still


def score_motion(references: list[Clip], predictions: list[Clip]) -> dict[str, Score]:
    """Every ratio of this file between n pairs of clips of any lengths: {name: Score}.

    Args:
      references: n clips.
      predictions: n clips.

    Returns:
      "hand travel": the total distance of the SLRTP 2025 challenge, the mean path of a wrist over the mean
      path in the references, mean of both wrists; "deviation": of the standard deviation of joints over time;
      "speed": of the mean speed of joints; "jitter": of the mean third difference over the mean first one;
      "length": mean of frames over the reference's frames; "hands": of the share of hand joints that are
      shown, since a hand that is left out cannot be wrong.
    """
    # In canonical space, where a signer who sits nearer to the camera does not move more.
    sides = [[clip.without_face().move_to() for clip in side] for side in (predictions, references)]
    lengths = [len(p) / len(r) for r, p in zip(references, predictions, strict=True)]
    return {
        "hand travel": Score(
            format_signature("hand-travel", joints="wrists", mean="clips, hands"),
            _measure_sides(_measure_travel, sides),
            _average_travel_ratios,
        ),
        "deviation": Score(
            format_signature("deviation", joints="all"),
            _measure_sides(_measure_deviation, sides),
            _divide_means,
        ),
        "speed": Score(
            format_signature("speed", joints="all"), _measure_sides(_measure_speed, sides), _divide_means
        ),
        "jitter": Score(
            format_signature("jitter", difference="third over first"),
            _measure_sides(_measure_jitter, sides),
            _divide_jitters,
        ),
        "hands": Score(
            format_signature("hands-shown", joints="hands"),
            _measure_sides(_count_hands, sides),
            _divide_means,
        ),
        "length": make_mean_score(format_signature("length", mean="clips"), lengths),
    }


def list_warnings(values: dict[str, float]) -> list[str]:
    """What the values of `score_motion` give reason to warn of, a line each."""
    lines = []
    if abs(values["hands"] - 1) > OTHER_HANDS:
        lines.append(f"shows {values['hands']:.2f} times as much of the hands as the recordings")
    # Distances like a clip that stands still in the middle of everything: a reader must know of it.
    still = [f"{name} {values[name]:.2f}" for name in ("hand travel", "deviation") if values[name] < STILL]
    if still:
        lines.append(
            f"moves much less than the recordings ({', '.join(still)}): no distance is to be trusted"
        )
    return lines


def _measure_sides(measure: Callable, sides: list[list[Clip]]) -> np.ndarray:
    """What a measure says of each prediction, then of its reference, as statistics of the pair [n, S]."""
    return np.concatenate([[measure(clip) for clip in side] for side in sides], axis=1)


def _divide_means(sums):
    """Mean of the predictions over the mean of the references: (sum, count, sum, count) [..., 4] -> [...]."""
    return divide_sums(sums[..., :2]) / divide_sums(sums[..., 2:])


def _average_travel_ratios(sums):
    # As the challenge has it: a ratio of means for each wrist, then their mean; not a mean of clips' ratios.
    return (divide_sums(sums[..., [0, 2]]) + divide_sums(sums[..., [1, 3]])) / 2


def _divide_jitters(sums):
    third, first = sums[..., [0, 1, 4, 5]], sums[..., [2, 3, 6, 7]]
    # A ratio of ratios: as much smoother or shakier than the recordings as its speed does not explain.
    return divide_sums(np.stack([_divide_means(third), _divide_means(first)], axis=-1))


def _count_hands(clip: Clip) -> tuple[int, int]:
    """(hand joints that are shown, all of them)."""
    hands = clip.valid[:, HANDS]
    return int(hands.sum()), hands.size


def _measure_travel(clip: Clip) -> tuple[float, float]:
    """The paths of both wrists."""
    left, right = (_measure_difference(clip, 1, [wrist])[0] for wrist in WRISTS)
    return left, right


def _measure_speed(clip: Clip) -> tuple[float, int]:
    return _measure_difference(clip, 1)


def _measure_jitter(clip: Clip) -> tuple[float, int, float, int]:
    # A third difference alone would call every fast clip shaky.
    return (*_measure_difference(clip, 3), *_measure_difference(clip, 1))


def _measure_deviation(clip: Clip) -> tuple[float, int]:
    """(sum, count) over joints of the standard deviation over time."""
    # Over the frames that show a joint: what is missing has no position to deviate from.
    frames = clip.valid.sum(0)  # [50]
    weight = clip.valid[..., None] / np.maximum(frames, 1)[:, None]
    mean = (clip.points * weight).sum(0)
    deviation = np.sqrt((((clip.points - mean) ** 2) * weight).sum((0, 2)))
    return float(deviation[frames > 0].sum()), int((frames > 0).sum())


def _measure_difference(clip: Clip, order: int, joints: slice | list[int] = slice(None)) -> tuple[float, int]:
    """(sum, count) of the lengths of differences of successive frames, of order 1 or 3."""
    points, valid = clip.points[:, joints], clip.valid[:, joints]
    # Too short for any difference: it neither moves nor counts.
    if len(points) <= order:
        return 0.0, 0
    # A difference exists where all the frames that it is made of show the joint.
    seen = np.logical_and.reduce([valid[k : len(valid) - order + k] for k in range(order + 1)])
    lengths = np.linalg.norm(np.diff(points.astype(np.float64), order, axis=0), axis=-1)
    return float((lengths * seen).sum()), int(seen.sum())
