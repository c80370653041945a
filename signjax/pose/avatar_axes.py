"""Clips in the axes of avatars: metres, x to the signer's left when they face us, y up, z to the front.

Which way a clip's depth grows is not written anywhere, and pictures may be mirrored. A body tells both: hands
are signed with in front of it, and its left is on its left.
"""

from typing import NamedTuple

import numpy as np

from signjax.errors import DataError
from signjax.pose import quaternions, skeleton
from signjax.pose.avatar_rig import UNIT
from signjax.pose.clip import Clip

# Upright signers hold the elbows before their shoulders, so that a body seems to lean back; radians. On 40
# clips of How2Sign it is 8.3 degrees (standard deviation 2.3), in the demo 5 to 10.
LEAN = np.radians(8)
TURNED_AWAY = np.array([-1.0, 1.0, -1.0])  # half a turn about y


class PlacedClip(NamedTuple):
    """A clip in the axes of avatars."""

    points: np.ndarray  # [T, J, 3] in metres; 0 at missing joints
    valid: np.ndarray  # [T, J]
    up: np.ndarray  # [3], where the trunk points in the whole clip


def place_clip(clip: Clip) -> PlacedClip:
    """The clip in the axes of avatars, turned about y so that its signer does not face away.

    Raises:
      DataError: it has no depth, no frames, or no frame with both shoulders.
    """
    name = f"clip {clip.sid}: " if clip.sid else ""
    _check_depth(clip, name)
    placement = clip.find_placement()
    origin, scale = np.asarray(placement.origin, np.float64), float(placement.scale)
    points = (clip.points - origin) * (UNIT / scale) * [1, -1, -1]
    points = np.where(clip.valid[..., None], points, 0.0)
    sides = clip.valid[:, [skeleton.R_SHOULDER, skeleton.L_SHOULDER]].all(1)
    if not sides.any() or not clip.valid[:, skeleton.NECK].any():
        raise DataError(
            f"{name}never shows the neck or both shoulders; an avatar cannot be posed without them"
        )
    left = points[sides, skeleton.L_SHOULDER] - points[sides, skeleton.R_SHOULDER]
    left = quaternions.normalize(left.mean(0))
    up = _measure_up(points, clip.valid, left)
    reach = _measure_reach(points, clip.valid)
    # Left, up and front are right-handed on every body. If they are not, one axis of the data is reversed:
    # the depth, unless the signer would face away then.
    flip = np.ones(3)
    if np.cross(left, up) @ reach < 0:
        flip = np.array([1, 1, -1.0]) if reach[2] < 0 else np.array([-1, 1, 1.0])
    if np.cross(left * flip, up * flip)[2] < 0:
        flip = flip * TURNED_AWAY
    return PlacedClip(points * flip, clip.valid, _lean_forward(left * flip, up * flip))


def _check_depth(clip: Clip, name: str) -> None:
    if not len(clip):
        raise DataError(f"{name}has no frames; an avatar needs at least one")
    depth = clip.points[..., 2][clip.valid]
    if not depth.size or np.ptp(depth) == 0:
        raise DataError(
            f"{name}has no depth, and an avatar's bones can only be turned in three dimensions; take a clip "
            "of 3-D data, or of a run that was trained on 3-D data"
        )


def _measure_up(points: np.ndarray, valid: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Where the body points in the mean, [3]: from the elbows to the shoulders, and from neck to nose."""
    total = np.zeros(3)
    pairs = (
        ((skeleton.NECK, skeleton.NOSE),),
        ((skeleton.R_ELBOW, skeleton.R_SHOULDER), (skeleton.L_ELBOW, skeleton.L_SHOULDER)),
    )
    for group in pairs:
        units = [
            quaternions.normalize(points[seen, end] - points[seen, start])
            for start, end in group
            if (seen := valid[:, start] & valid[:, end]).any()
        ]
        if units:
            total += quaternions.normalize(np.concatenate(units).mean(0))
    # Nothing but shoulders: the picture's own vertical.
    total = total if np.linalg.norm(total) > 1e-6 else np.array([0.0, 1.0, 0.0])
    return quaternions.normalize(total - (total @ left) * left)


def _measure_reach(points: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """From the shoulders to the wrists in the mean, [3]: signers' hands are in front of them."""
    arms = (
        (skeleton.R_SHOULDER, skeleton.R_WRIST),
        (skeleton.L_SHOULDER, skeleton.L_WRIST),
    )
    ways = [points[seen, w] - points[seen, s] for s, w in arms if (seen := valid[:, s] & valid[:, w]).any()]
    return np.concatenate(ways).mean(0) if ways else np.zeros(3)


def _lean_forward(left: np.ndarray, up: np.ndarray) -> np.ndarray:
    return quaternions.rotate(quaternions.turn_about(left, np.array(LEAN)), up)
