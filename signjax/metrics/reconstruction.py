"""Errors of clips that follow their reference frame by frame: tokenizers and other auto-encoders.

All in the data's own units, every frame of every clip alike; joints that the reference misses do not count.
The face has an error of its own; all others are of the 50 joints of body and hands.
"""

import functools
from collections.abc import Callable

import numpy as np

from signjax.metrics.base import Score, mean_score, signature
from signjax.pose import skeleton
from signjax.pose.clip import Clip

HANDS = slice(skeleton.RIGHT.start, skeleton.LEFT.stop)
SHARES = (0.1, 0.2)  # of a shoulder width or a hand's box, for PCK


def compare(references: list[Clip], predictions: list[Clip]) -> dict[str, Score]:
    """Every error of this file between n pairs of clips of equal length: {name: Score}.

    Each clip is taken out of its own place and size first, so that neither is an error by itself. Errors
    are in the unit of the reference.

    Args:
      references: n clips.
      predictions: n clips of the same numbers of frames.
    """
    bare = ([clip.without_face() for clip in side] for side in (references, predictions))
    pairs = _pairs(*bare)
    mean = functools.partial(_mean, pairs)
    scores = {
        "MPJPE": mean("MPJPE", _joints(slice(None)), unit="own"),
        "MPJPE-body": mean("MPJPE-body", _joints(skeleton.BODY), unit="own"),
        "MPJPE-hands": mean("MPJPE-hands", _joints(HANDS), unit="own"),
        "MPJPE-hands-relative": mean("MPJPE-hands-relative", _hands, origin="wrist", unit="own"),
        "PA-MPJPE": mean("PA-MPJPE", _aligned, align="frame, similarity", unit="own"),
        "velocity error": mean("velocity", _differences(1), unit="own/frame"),
        "acceleration error": mean("acceleration", _differences(2), unit="own/frame^2"),
        "bone-length error": mean("bone-length", _bones, unit="own"),
        "seed xy": mean_score(signature("seed-xy", sum="50 joints", mean="frames, clips"), _seed_xy(pairs)),
    }
    if all(clip.has_face for clip in (*references, *predictions)):
        faces = _pairs(references, predictions)
        scores["MPJPE-face"] = _mean(faces, "MPJPE-face", _face, origin="nose", unit="own")
    for share in SHARES:
        for part in ("body", "hands"):
            name = f"PCK-{part}@{share}"
            of = "shoulder width" if part == "body" else "hand box"
            scores[name] = mean(name, _near(part, share), share=f"{share} {of}", unit="percent")
    return scores


def _pairs(references: list[Clip], predictions: list[Clip]) -> list[tuple]:
    """(reference, prediction, valid) of each pair, in the reference's unit, the necks at the origin."""
    pairs = []
    for reference, prediction in zip(references, predictions, strict=True):
        scale = reference.find_placement().scale
        points = [clip.canonical().astype(np.float64) * scale for clip in (reference, prediction)]
        pairs.append((*points, reference.valid & prediction.valid))
    return pairs


def _mean(pairs, name: str, of: Callable, **parameters) -> Score:
    """A mean over what `of` gives of each pair, (values, weights)."""
    found = [of(*pair) for pair in pairs]
    sums, counts = [(x * w).sum() for x, w in found], [w.sum() for _, w in found]
    return mean_score(signature(name, **parameters), sums, counts)


def _joints(part: slice) -> Callable:
    def of(x, y, valid):
        return np.linalg.norm(x - y, axis=-1)[:, part], valid[:, part]

    return of


def _hands(x, y, valid):
    errors, weights = [], []
    for joints, wrist in skeleton.HANDS:
        errors.append(np.linalg.norm((x - x[:, [wrist]] - y + y[:, [wrist]])[:, joints], axis=-1))
        weights.append(valid[:, joints] & valid[:, [wrist]])
    return np.concatenate(errors, 1), np.concatenate(weights, 1)


def _face(x, y, valid):
    face, nose = skeleton.FACE, [skeleton.NOSE]
    errors = np.linalg.norm((x - x[:, nose] - y + y[:, nose])[:, face], axis=-1)
    return errors, valid[:, face] & valid[:, nose]


def _differences(order: int) -> Callable:
    """Errors of the first or second differences of successive frames; a clip may be too short for any."""

    def of(x, y, valid):
        seen = np.logical_and.reduce([valid[k : len(valid) - order + k] for k in range(order + 1)])
        return np.linalg.norm(np.diff(x - y, order, axis=0), axis=-1), seen

    return of


def _bones(x, y, valid):
    child, parent = skeleton.BONES.T
    return abs(skeleton.bone_lengths(x) - skeleton.bone_lengths(y)), valid[:, child] & valid[:, parent]


def _aligned(x, y, valid):
    """Errors after each frame of y is moved, turned and scaled onto x (Gower 1975; Umeyama 1991)."""
    weight = valid[..., None].astype(np.float64)
    count = np.maximum(weight.sum(1, keepdims=True), 1)
    x, y = ((p - (p * weight).sum(1, keepdims=True) / count) * weight for p in (x, y))
    u, stretch, v = np.linalg.svd(np.swapaxes(y, 1, 2) @ x)  # [T, 3, 3], [T, 3], [T, 3, 3]
    flip = np.ones_like(stretch)
    flip[:, 2] = np.sign(np.linalg.det(u @ v))  # a turn, never a mirror image
    size = np.maximum((y**2).sum((1, 2)), 1e-12)
    scale = ((stretch * flip).sum(1) / size)[:, None, None]
    return np.linalg.norm(x - scale * y @ ((u * flip[:, None]) @ v), axis=-1), valid


def _near(part: str, share: float) -> Callable:
    """Percent of joints nearer than a share of the reference's shoulder width or of the hand's own box."""

    def of(x, y, valid):
        error = np.linalg.norm(x - y, axis=-1)  # [T, 50]
        if part == "body":
            width = np.linalg.norm(x[:, skeleton.R_SHOULDER] - x[:, skeleton.L_SHOULDER], axis=-1)
            seen = valid[:, [skeleton.R_SHOULDER]] & valid[:, [skeleton.L_SHOULDER]]
            return 100.0 * (error[:, skeleton.BODY] < share * width[:, None]), valid[:, skeleton.BODY] & seen
        near, counts = [], []
        for joints, _ in skeleton.HANDS:
            hand, hidden = x[:, joints], ~valid[:, joints, None]
            box = np.where(hidden, -np.inf, hand).max(1) - np.where(hidden, np.inf, hand).min(1)  # [T, 3]
            near.append(100.0 * (error[:, joints] < share * box.max(-1, keepdims=True)))
            counts.append(valid[:, joints])
        return np.concatenate(near, 1), np.concatenate(counts, 1)

    return of


def _seed_xy(pairs) -> list[float]:
    """The seed's measure: squared xy errors summed over the joints, mean over a clip's frames."""
    return [(((x - y)[..., :2] ** 2).sum(-1) * valid).sum(1).mean() for x, y, valid in pairs]
