"""Errors of clips that follow their reference frame by frame: tokenizers and other auto-encoders.

Clips are compared with their necks at the origin and in the unit of the reference, whose data people know
(pixels, metres). Every frame of every clip counts alike; joints that either side misses do not count. The
face has an error of its own; all others are of the 50 joints of body and hands.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from signjax.errors import DataError
from signjax.metrics.score import Score, format_signature, make_mean_score
from signjax.pose import keypoints, skeleton
from signjax.pose.clip import Clip

HANDS = slice(skeleton.RIGHT.start, skeleton.LEFT.stop)
PCK_SHARES = (0.1, 0.2)  # of a shoulder width or a hand's box
PCK_PARTS = {"body": "shoulder width", "hands": "hand box"}  # and what a share of them is of


class Measure(NamedTuple):
    """How far a prediction is from its reference."""

    name: str  # in signatures
    # (reference [T, J, 3], prediction [T, J, 3], valid [T, J]) -> (values [T, k], weights [T, k])
    compute: Callable
    parameters: dict  # in signatures


def score_reconstruction(references: list[Clip], predictions: list[Clip]) -> dict[str, Score]:
    """Every error of this file between n pairs of clips of equal length: {name: Score}.

    Each clip is taken out of its own place and size first, so that neither is an error by itself.

    Args:
      references: n clips.
      predictions: n clips of the same numbers of frames.

    Raises:
      DataError: two clips differ in length, or one has no place in canonical space.
    """
    pairs = _pair_points(*_remove_faces(references, predictions))
    scores = {name: _score_pairs(measure, pairs) for name, measure in MEASURES.items()}
    signature = format_signature("seed-xy", sum="50 joints", mean="frames, clips")
    scores["seed xy"] = make_mean_score(signature, _sum_squared_xy(pairs))
    # Only where all have one: a mean over some of the clips would be of another corpus.
    if all(clip.has_face for clip in (*references, *predictions)):
        scores["MPJPE-face"] = _score_pairs(FACE_MEASURE, _pair_points(references, predictions))
    for share in PCK_SHARES:
        for part in PCK_PARTS:
            scores[f"PCK-{part}@{share}"] = _score_pairs(make_pck(part, share), pairs)
    return scores


def score_measure(measure: Measure, references: list[Clip], predictions: list[Clip]) -> Score:
    """One of MEASURES, FACE_MEASURE or those of `make_pck`, as `score_reconstruction` has it."""
    if measure is not FACE_MEASURE:
        references, predictions = _remove_faces(references, predictions)
    return _score_pairs(measure, _pair_points(references, predictions))


def make_pck(part: str, share: float) -> Measure:
    """Percentage of correct keypoints (Yang and Ramanan 2013) of "body" or "hands".

    A keypoint is correct if its error is below a share of the shoulder width of its frame, or of the longest
    side of the box around its own hand, both those of the reference.
    """
    compute = functools.partial(_find_correct_keypoints, part=part, share=share)
    return Measure(f"PCK-{part}@{share}", compute, {"share": f"{share} {PCK_PARTS[part]}", "unit": "percent"})


def _remove_faces(*sides: list[Clip]) -> list[list[Clip]]:
    return [[clip.without_face() for clip in side] for side in sides]


def _pair_points(references: list[Clip], predictions: list[Clip]) -> list[tuple]:
    """(reference, prediction, valid) of each pair, in the reference's unit, the necks at the origin."""
    pairs = []
    for reference, prediction in zip(references, predictions, strict=True):
        if len(reference) != len(prediction):
            raise DataError(
                f"clips of {len(reference)} and {len(prediction)} frames cannot be compared frame by frame; "
                "cut them to one length, or take a distance after warping such as dtw_mje"
            )
        # The reference's unit for both: the prediction's size is its reconstruction of the reference's.
        scale = reference.find_placement().scale
        points = [clip.canonical().astype(np.float64) * scale for clip in (reference, prediction)]
        pairs.append((*points, reference.valid & prediction.valid))
    return pairs


def _score_pairs(measure: Measure, pairs: list[tuple]) -> Score:
    """The weighted mean of what a measure says of all pairs."""
    results = [measure.compute(*pair) for pair in pairs]
    # Weighted by what is there, so that a clip that shows little counts little.
    sums = [(values * weights).sum() for values, weights in results]
    counts = [weights.sum() for _, weights in results]
    return make_mean_score(format_signature(measure.name, **measure.parameters), sums, counts)


def _measure_joints(x, y, valid, part: slice = slice(None)):
    """Euclidean errors of the joints of a part."""
    return np.linalg.norm(x - y, axis=-1)[:, part], valid[:, part]


def _measure_relative_hands(x, y, valid):
    """Errors of both hands, each relative to its own wrist."""
    errors, weights = [], []
    for joints, wrist in skeleton.HANDS:
        errors.append(np.linalg.norm((x - x[:, [wrist]] - y + y[:, [wrist]])[:, joints], axis=-1))
        weights.append(valid[:, joints] & valid[:, [wrist]])
    return np.concatenate(errors, 1), np.concatenate(weights, 1)


def _measure_relative_face(x, y, valid):
    """Errors of the face relative to the nose."""
    face, nose = skeleton.FACE, [skeleton.NOSE]
    errors = np.linalg.norm((x - x[:, nose] - y + y[:, nose])[:, face], axis=-1)
    return errors, valid[:, face] & valid[:, nose]


def _measure_differences(x, y, valid, order: int):
    """Errors of the first or second differences of successive frames; a clip may be too short for any."""
    seen = np.logical_and.reduce([valid[k : len(valid) - order + k] for k in range(order + 1)])
    return np.linalg.norm(np.diff(x - y, order, axis=0), axis=-1), seen


def _measure_bones(x, y, valid):
    """How much longer or shorter each bone is."""
    child, parent = skeleton.BONES.T
    return abs(skeleton.bone_lengths(x) - skeleton.bone_lengths(y)), valid[:, child] & valid[:, parent]


def _measure_aligned_joints(x, y, valid):
    """Errors after each frame of y is moved, turned and scaled onto x (Gower 1975; Umeyama 1991)."""
    weight = valid[..., None].astype(np.float64)
    count = np.maximum(weight.sum(1, keepdims=True), 1)
    x, y = ((p - (p * weight).sum(1, keepdims=True) / count) * weight for p in (x, y))
    u, stretch, v = np.linalg.svd(np.swapaxes(y, 1, 2) @ x)  # [T, 3, 3], [T, 3], [T, 3, 3]
    flip = np.ones_like(stretch)
    # A turn, never a mirror image: a right hand that looks like a left one is wrong.
    flip[:, 2] = np.sign(np.linalg.det(u @ v))
    size = np.maximum((y**2).sum((1, 2)), 1e-12)
    scale = ((stretch * flip).sum(1) / size)[:, None, None]
    return np.linalg.norm(x - scale * y @ ((u * flip[:, None]) @ v), axis=-1), valid


def _find_correct_keypoints(x, y, valid, part: str, share: float):
    """100 where a keypoint is correct, else 0, see `make_pck`."""
    error = np.linalg.norm(x - y, axis=-1)  # [T, 50]
    if part == "body":
        part_error, part_valid = error[:, skeleton.BODY], valid[:, skeleton.BODY]
        correct, weight = keypoints.find_correct_keypoints(part_error, x, part_valid, valid, share)
        return 100.0 * correct, weight
    values, weights = [], []
    for joints, _ in skeleton.HANDS:
        hand, missing = x[:, joints], ~valid[:, joints, None]
        # Missing points have no part in the box.
        low, high = np.where(missing, np.inf, hand).min(1), np.where(missing, -np.inf, hand).max(1)  # [T, 3]
        values.append(100.0 * (error[:, joints] < share * (high - low).max(-1, keepdims=True)))
        weights.append(valid[:, joints])
    return np.concatenate(values, 1), np.concatenate(weights, 1)


def _sum_squared_xy(pairs: list[tuple]) -> list[float]:
    """The original project's measure: squared xy errors summed over the joints, mean over a clip's frames."""
    return [(((x - y)[..., :2] ** 2).sum(-1) * valid).sum(1).mean() for x, y, valid in pairs]


MEASURES = {
    "MPJPE": Measure("MPJPE", _measure_joints, {"unit": "own"}),
    "MPJPE-body": Measure(
        "MPJPE-body", functools.partial(_measure_joints, part=skeleton.BODY), {"unit": "own"}
    ),
    "MPJPE-hands": Measure("MPJPE-hands", functools.partial(_measure_joints, part=HANDS), {"unit": "own"}),
    "MPJPE-hands-relative": Measure(
        "MPJPE-hands-relative", _measure_relative_hands, {"origin": "wrist", "unit": "own"}
    ),
    "PA-MPJPE": Measure("PA-MPJPE", _measure_aligned_joints, {"align": "frame, similarity", "unit": "own"}),
    "velocity error": Measure(
        "velocity", functools.partial(_measure_differences, order=1), {"unit": "own/frame"}
    ),
    "acceleration error": Measure(
        "acceleration", functools.partial(_measure_differences, order=2), {"unit": "own/frame^2"}
    ),
    "bone-length error": Measure("bone-length", _measure_bones, {"unit": "own"}),
}
FACE_MEASURE = Measure("MPJPE-face", _measure_relative_face, {"origin": "nose", "unit": "own"})
