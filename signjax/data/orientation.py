"""Turns clips upright in which the signer lies on one side or is upside down.

Phones write videos on their side and say so in a field that many programs ignore, and some programs let y
point up. Place and size are normalized later; the direction is not, so three directions would be three signs.
"""

import dataclasses

import numpy as np

from signjax.pose import skeleton
from signjax.pose.clip import Clip

QUARTER = np.array([[0, -1], [1, 0]])  # by 90 degrees, clockwise as y points down
TURNS = {degrees: np.linalg.matrix_power(QUARTER, degrees // 90) for degrees in (0, 90, 180, 270)}
FLIP_Y, FLIP_X = np.diag([1, -1]), np.diag([-1, 1])
# Of 2, which is straight up. On 8,246 real clips of ten sources the lowest is 1.74, and no other direction of
# the same clip is above 0.99. In between lies whoever leans by 45 degrees, and is left alone.
MIN_UPRIGHT, MIN_GAIN = 1.3, 1.0
MIN_STRAIGHT = 1.6
LEANS = "signer leans to the side, as if the picture were turned; this is left as it is"
TURNED = "signer lay on the side or head down, and was turned upright"
Y_WAS_UP = "y pointed up, and was turned down"
# Share of depth in the direction from the elbows to the head: at most 0.47 on 413 real clips in 3-D.
MIN_Z_UP = 0.8
Z_WAS_UP = "z pointed up or down, and y was made of it"
MIRRORED = "right shoulder on the right of the picture, as if mirrored or seen from behind"


def turn_upright(clip: Clip) -> Clip:
    """The clip with its signer upright, turned by a multiple of 90 degrees, and with a warning of that.

    Where shoulders are the wrong way round, the picture was mirrored after detection, or the signer seen from
    behind; nothing tells which, so the clip is only warned of. A picture that was mirrored before detection
    looks like one of a left-handed signer.
    """
    clip = _lay_down_z(clip)
    axes = _measure_axes(clip)
    if axes is None:
        return clip
    as_is = _measure_upright(axes, np.eye(2))
    scores = {degrees: _measure_upright(axes, turn) for degrees, turn in TURNS.items()}
    mirrored = {degrees: _measure_upright(axes, FLIP_X @ turn) for degrees, turn in TURNS.items()}
    best, best_mirrored = max(scores, key=scores.__getitem__), max(mirrored, key=mirrored.__getitem__)
    score = max(scores[best], mirrored[best_mirrored])
    if score < MIN_UPRIGHT or score < as_is + MIN_GAIN:
        return clip if as_is >= MIN_STRAIGHT else clip.add_warning(LEANS)
    if scores[best] == score:
        return _transform(clip, TURNS[best]).add_warning(TURNED, f"by {best} degrees")
    # Axes that point up are far more usual than a mirrored picture of somebody who stands on the head.
    if best_mirrored == 180:
        return _transform(clip, FLIP_Y).add_warning(Y_WAS_UP)
    if best_mirrored:
        clip = _transform(clip, TURNS[best_mirrored]).add_warning(TURNED, f"by {best_mirrored} degrees")
    return clip.add_warning(MIRRORED)


def _lay_down_z(clip: Clip) -> Clip:
    """The clip with depth in z, whose program may have had the height there."""
    points = np.where(clip.valid[..., None], clip.points, np.nan)[:, : skeleton.L_WRIST].astype(np.float64)
    if not np.nan_to_num(points[..., 2]).any():
        return clip
    # Heads lean forward and elbows are held in front: together they are upright.
    up = points[:, skeleton.NOSE] - points[:, [skeleton.R_ELBOW, skeleton.L_ELBOW]].mean(1)
    up = up[~np.isnan(up).any(1)]
    if not up.any():
        return clip
    direction = np.median(up, 0)
    share = direction[2] / max(float(np.linalg.norm(direction)), 1e-9)
    if abs(share) < MIN_Z_UP:
        return clip
    turned = clip.points.copy()
    turned[..., 1], turned[..., 2] = (
        -np.sign(share) * clip.points[..., 2],
        np.sign(share) * clip.points[..., 1],
    )
    return dataclasses.replace(clip, points=turned).add_warning(Z_WAS_UP)


def _measure_axes(clip: Clip) -> np.ndarray | None:
    """Directions [2, 2]: to the head, and from the right shoulder to the left; None if they are not seen."""
    points = np.where(clip.valid[..., None], clip.points, np.nan)[..., :2].astype(np.float64)
    sideways = points[:, skeleton.L_SHOULDER] - points[:, skeleton.R_SHOULDER]
    up = points[:, skeleton.NOSE] - points[:, skeleton.NECK]
    # Without a head, elbows hang below the shoulders.
    if np.isnan(up).all():
        up = points[:, skeleton.NECK] - points[:, [skeleton.R_ELBOW, skeleton.L_ELBOW]].mean(1)
    axes = []
    for vectors in (up, sideways):
        vectors = vectors[~np.isnan(vectors).any(1)]
        lengths = np.linalg.norm(vectors, axis=1)
        if not lengths.any():
            return None
        # Medians: in single frames the signer looks down or turns away.
        median = np.median(vectors[lengths > 0] / lengths[lengths > 0, None], 0)
        axes.append(median / max(float(np.linalg.norm(median)), 1e-9))
    return np.array(axes)


def _measure_upright(axes: np.ndarray, turn: np.ndarray) -> float:
    """How far the head is up and the left shoulder right after a turn, 2 at most."""
    up, sideways = axes @ turn.T
    return float(sideways[0] - up[1])


def _transform(clip: Clip, turn: np.ndarray) -> Clip:
    """The clip turned around its neck, so that it stays where it is."""
    points = clip.points.copy()
    necks = points[clip.valid[:, skeleton.NECK], skeleton.NECK, :2]
    centre = np.median(necks, 0) if len(necks) else np.zeros(2, np.float32)
    points[..., :2] = (points[..., :2] - centre) @ turn.T + centre
    points[~clip.valid] = 0
    return dataclasses.replace(clip, points=points.astype(np.float32))
