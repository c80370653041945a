"""Whether a clip can be a signer: hands far from the wrists, bones that change, jumps of the whole body.

The limits were measured on 8,246 real clips of ten sources: docs/data.md says how many are beyond them, and
why. Lengths are in shoulder widths of the clip, the only measure that all formats have.
"""

import dataclasses

import numpy as np

from signjax.data import orientation
from signjax.data.formats import hand_sides
from signjax.data.formats.base import JointMap
from signjax.pose import skeleton
from signjax.pose.clip import Clip, ClipWarning

# Hand root to the nearer wrist, the median of a clip: 0.06, and at most 0.38 where hands are detected.
MAX_HAND_DISTANCE = 0.5
MIN_HAND_FRAMES = 0.1  # share of frames; a hand that is seen more rarely is judged by nobody
TRUNK = np.array([(skeleton.NOSE, skeleton.NECK), (skeleton.R_SHOULDER, skeleton.L_SHOULDER)])
LIMBS = np.array([
    (skeleton.R_ELBOW, skeleton.R_SHOULDER), (skeleton.R_WRIST, skeleton.R_ELBOW),
    (skeleton.L_ELBOW, skeleton.L_SHOULDER), (skeleton.L_WRIST, skeleton.L_ELBOW),
])  # fmt: skip
# In a picture, bones are shortened but never lengthened: arms are 0.8 long, 1.65 towards a camera nearby.
MAX_LENGTH = 2.2
# From frame to frame, the logarithm of the length of the usual bone: at most 0.1 at 10 frames a second.
MAX_FLICKER = 0.2
MAX_ZOOM = 2.0  # of the trunk between the 5th and the 95th percentile
MAX_DEVIATION = 0.5  # of a bone in 3-D, where it has one length; a share of that length
# Of the trunk from frame to frame, and as a multiple of the usual step of the clip.
MAX_JUMP, MAX_JUMP_RATIO = 0.5, 8.0
# Points of a hand that lie this close together (in shoulder widths) are one point: what programs write for a
# hand that was not detected, as -1 or the middle of the picture.
ONE_POINT = 1e-3
# Share of frames: a camera never gives two frames that are equal to the last bit.
MAX_REPEATED = 0.3
OWN_JOINTS = JointMap(tuple((joint,) for joint in range(8)), skeleton.R_HAND, skeleton.L_HAND)
FAR_HANDS = "hands lie far from the wrists (is the order of points the right one?)"
LONG_BONES = "bones are longer than a body's"
FLICKER = "bones change their length from frame to frame"
ZOOM = "the body changes its size"
BONES_3D = "bones change their length in 3-D"
COLLAPSED = "hands whose points are all at one place were taken as not seen"
STILL = "nothing moves in any frame"
REPEATED = "frames repeat the one before (was the video brought to a higher frame rate?)"
JUMPS = "the whole body jumps, as at a cut or to another person"


def inspect_clip(clip: Clip) -> Clip:
    """The clip upright and its hands at their arms; its warnings say what was changed or looks wrong."""
    clip = _cross_hands(orientation.turn_upright(_hide_collapsed_hands(clip)))
    return dataclasses.replace(clip, warnings=(*clip.warnings, *check_clip(clip)))


def _hide_collapsed_hands(clip: Clip) -> Clip:
    """The clip without hands whose points all lie at one place."""
    scaled = _scale_points(clip.points, clip.valid)
    if scaled is None:
        return clip
    valid, hidden = clip.valid.copy(), np.zeros(len(clip), bool)
    for part in (skeleton.RIGHT, skeleton.LEFT):
        seen = clip.valid[:, part].sum(1) > 1
        low, high = np.fmin.reduce(scaled[:, part], axis=1), np.fmax.reduce(scaled[:, part], axis=1)
        collapsed = seen & (np.nan_to_num(high - low, nan=np.inf).max(1) < ONE_POINT)
        valid[collapsed, part] = False
        hidden |= collapsed
    if not hidden.any():
        return clip
    points = np.where(valid[..., None], clip.points, np.float32(0))
    clip = dataclasses.replace(clip, points=points, valid=valid)
    return clip.add_warning(COLLAPSED, f"{hidden.sum():,} of {len(clip):,} frames")


def _cross_hands(clip: Clip) -> Clip:
    """The clip with each hand at the wrist that it is nearer to, whatever its program called it."""
    if not hand_sides.cross_hands(clip.points, clip.valid, OWN_JOINTS)[1]:
        return clip
    order = np.arange(clip.points.shape[1])
    order[skeleton.RIGHT], order[skeleton.LEFT] = order[skeleton.LEFT].copy(), order[skeleton.RIGHT].copy()
    clip = dataclasses.replace(clip, points=clip.points[:, order], valid=clip.valid[:, order])
    return clip.add_warning(hand_sides.CROSSED)


def is_left_leading(clip: Clip) -> bool | None:
    """Whether the left wrist moves further than the right; None if either is never seen."""
    points = np.where(clip.valid[..., None], clip.points, np.nan)[..., :2].astype(np.float64)
    # Relative to the neck: a signer who sways moves both.
    paths = []
    for wrist in (skeleton.R_WRIST, skeleton.L_WRIST):
        steps = np.linalg.norm(np.diff(points[:, wrist] - points[:, skeleton.NECK], axis=0), axis=-1)
        paths.append(float(np.nansum(steps)))
    return paths[1] > paths[0] if min(paths) > 0 else None


def check_clip(clip: Clip) -> tuple[ClipWarning, ...]:
    """What looks wrong in a clip; empty if nothing does."""
    warnings = []
    if len(clip) == 1:
        warnings.append(ClipWarning("clips are one frame long"))
    if not clip.valid[:, skeleton.RIGHT.start : skeleton.LEFT.stop].any():
        warnings.append(ClipWarning("no hand is seen in any frame"))
    warnings += _check_repeats(clip)
    points = _scale_points(clip.points, clip.valid)
    # A body without shoulders is refused later, with a line of its own.
    if points is None:
        return tuple(warnings)
    checks = (_check_hands, _check_bones, _check_depth, _check_jumps)
    return (*warnings, *(warning for check in checks for warning in check(points)))


def _check_repeats(clip: Clip) -> list[ClipWarning]:
    """Frames that are equal to the one before."""
    if len(clip) < 3:
        return []
    seen = clip.valid.any(1)
    equal = (clip.points[1:] == clip.points[:-1]).all((1, 2)) & (clip.valid[1:] == clip.valid[:-1]).all(1)
    # Frames that show nobody are all alike.
    equal = equal[seen[1:] & seen[:-1]]
    if not len(equal) or equal.mean() <= MAX_REPEATED:
        return []
    return [ClipWarning(STILL) if equal.all() else ClipWarning(REPEATED, f"{equal.sum():,} of {len(clip):,}")]


def has_far_hands(points: np.ndarray, valid: np.ndarray) -> bool:
    """Whether hands of a pose [T, J, 3] are nowhere near a wrist; False if that cannot be measured."""
    scaled = _scale_points(points, valid)
    return scaled is not None and bool(_check_hands(scaled))


def _scale_points(points: np.ndarray, valid: np.ndarray) -> np.ndarray | None:
    """Body and hands [T, 50, 3] in shoulder widths, NaN where missing; None if no frame shows shoulders."""
    joints = slice(0, skeleton.NUM_JOINTS)
    scaled = np.where(valid[:, joints, None], points[:, joints], np.nan).astype(np.float64)
    width = _measure_bones(scaled[..., :2], TRUNK[1:])
    width = width[width > 0]
    return scaled / np.median(width) if len(width) else None


def _measure_bones(points: np.ndarray, bones: np.ndarray) -> np.ndarray:
    """Lengths [T, n] of bones, NaN where an end was not seen."""
    return np.linalg.norm(points[:, bones[:, 0]] - points[:, bones[:, 1]], axis=-1)


def _check_hands(points: np.ndarray) -> list[ClipWarning]:
    """Hands that are nowhere near either wrist; which of the two is another question."""
    wrists = points[:, [skeleton.R_WRIST, skeleton.L_WRIST], :2]
    distances = []
    for hand in (skeleton.R_HAND, skeleton.L_HAND):
        nearer = np.fmin.reduce(np.linalg.norm(points[:, [hand], :2] - wrists, axis=-1), axis=1)
        nearer = nearer[~np.isnan(nearer)]
        if len(nearer) >= max(1, MIN_HAND_FRAMES * len(points)):
            distances.append(float(np.median(nearer)))
    worst = max(distances, default=0.0)
    return [ClipWarning(FAR_HANDS, f"{worst:.1f} shoulder widths")] if worst > MAX_HAND_DISTANCE else []


def _check_bones(points: np.ndarray) -> list[ClipWarning]:
    """Bones in the picture: foreshortening makes them shorter, and slowly."""
    warnings, flat = [], points[..., :2]
    limbs, trunk = _measure_bones(flat, LIMBS), _measure_bones(flat, TRUNK)
    longest = max((float(np.quantile(x, 0.95)) for x in _columns(np.hstack([limbs, trunk]))), default=0.0)
    if longest > MAX_LENGTH:
        warnings.append(ClipWarning(LONG_BONES, f"{longest:.1f} shoulder widths"))
    changes = np.abs(np.diff(np.log(np.maximum(np.hstack([limbs, trunk]), 1e-3)), axis=0))
    changes = changes[~np.isnan(changes)]
    if len(changes) and np.median(changes) > MAX_FLICKER:
        warnings.append(ClipWarning(FLICKER))
    # The larger of head and shoulders: who turns or nods shortens one of them.
    size = np.fmax.reduce(trunk, axis=1)
    # Percentiles, as single bad detections are no zoom.
    low, high = np.quantile(size[~np.isnan(size)], [0.05, 0.95])
    if high > MAX_ZOOM * low:
        warnings.append(ClipWarning(ZOOM, f"{high / max(low, 1e-9):.1f} times"))
    return warnings


def _check_depth(points: np.ndarray) -> list[ClipWarning]:
    """Bones in 3-D, which have one length."""
    if not np.nan_to_num(points[..., 2]).any():
        return []
    lengths = _columns(_measure_bones(points, np.vstack([LIMBS, TRUNK])))
    worst = max((float(x.std() / max(x.mean(), 1e-9)) for x in lengths), default=0.0)
    return [ClipWarning(BONES_3D, f"by {100 * worst:.0f} %")] if worst > MAX_DEVIATION else []


def _check_jumps(points: np.ndarray) -> list[ClipWarning]:
    trunk = points[:, [skeleton.NOSE, skeleton.NECK, skeleton.R_SHOULDER, skeleton.L_SHOULDER], :2]
    moved = np.linalg.norm(np.diff(trunk, axis=0), axis=-1)
    there = ~np.isnan(moved).all(1)
    # A single joint that jumps is a bad detection, and not the body.
    steps = np.array([np.median(row[~np.isnan(row)]) for row in moved[there]])
    if not len(steps):
        return []
    jumps = (steps > MAX_JUMP) & (steps > MAX_JUMP_RATIO * np.median(steps))
    frames = ", ".join(str(t + 1) for t in np.flatnonzero(there)[jumps][:3])
    return [ClipWarning(JUMPS, f"frame {frames}")] if frames else []


def _columns(lengths: np.ndarray) -> list[np.ndarray]:
    """The lengths of each bone that were seen, without bones that never were."""
    return [column[~np.isnan(column)] for column in lengths.T if not np.isnan(column).all()]
