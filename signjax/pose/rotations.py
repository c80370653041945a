"""How the bones of an avatar turn in a clip, from the positions of its joints alone.

Positions say where a bone points, but not how it is turned about itself. That is taken from its neighbours:
the arms from the hinge of the elbow, the palm from the knuckles, the fingers from the palm; thumbs, shoulders
and the neck turn the shortest way. Where a hinge cannot be seen, because an arm is straight, the turn goes on
evenly from what was seen before to what is seen after. So do bones whose joints are missing.
"""

from typing import NamedTuple

import numpy as np

from signjax.pose import quaternions, skeleton
from signjax.pose.aiming import MIN_LENGTH, Side, aim_at, aim_bone, measure_aims
from signjax.pose.arm_rotations import X, Y, solve_arm
from signjax.pose.avatar_axes import PlacedClip, place_clip
from signjax.pose.avatar_rig import BONES, NODES, NUMBERS, PARENTS, PLACES, SIDES, place_fixed_bones
from signjax.pose.clip import Clip

# Corners of the eyes and of the mouth among 120 joints: right, left, right, left.
FACE_CORNERS = skeleton.NUM_JOINTS + np.array([36, 45, 48, 54])
PARTS = {
    "the head": [skeleton.NOSE],
    "the trunk": [skeleton.NECK, skeleton.R_SHOULDER, skeleton.L_SHOULDER],
    "the right arm": [skeleton.R_ELBOW, skeleton.R_WRIST],
    "the left arm": [skeleton.L_ELBOW, skeleton.L_WRIST],
    "the right hand": list(range(skeleton.RIGHT.start, skeleton.RIGHT.stop)),
    "the left hand": list(range(skeleton.LEFT.start, skeleton.LEFT.stop)),
}


class AvatarMotion(NamedTuple):
    """A clip as motion of the N bones of signjax.pose.avatar_rig, for T frames."""

    rotations: np.ndarray  # [T, N, 4], of each bone in its parent's axes, x y z w
    hips: np.ndarray  # [T, 3] in metres
    offsets: np.ndarray  # [N, 3] in metres, where bones begin at rest, from where their parents do
    held: tuple[str, ...] = ()  # what was missing, some words for each part of the body


def solve_rotations(clip: Clip) -> AvatarMotion:
    """Turns a clip into the motion of an avatar with the clip's own bone lengths.

    A constant turn of the whole body, or another place, changes the hips alone; a mirrored clip gives the
    mirrored motion. `find_joints` gives the positions back where bones keep their lengths.

    Args:
      clip: in three dimensions.

    Raises:
      DataError: the clip has no depth, no frames, or shows no body that could be measured.
    """
    return solve_placed(place_clip(clip))


def solve_placed(placed: PlacedClip) -> AvatarMotion:
    """As `solve_rotations`, of a clip in the axes of avatars."""
    points, valid, _ = placed
    aims, trunk = measure_aims(points, valid), _aim_trunk(placed)
    main = quaternions.normalize(trunk.mean(0))
    # Half of how the trunk moves is in the spine and half in the chest; the hips stand still.
    half = _halve(quaternions.multiply(quaternions.invert(main), trunk))
    nose = _measure_rest(aims, trunk, skeleton.NOSE, (0, 0.97, 0.24)) * [0, 1, 1]
    right = _measure_rest(aims, trunk, skeleton.R_SHOULDER, (-1, 0, 0))
    left = _measure_rest(aims, trunk, skeleton.L_SHOULDER, (1, 0, 0)) + right * [-1, 1, 1]
    nose, left = quaternions.normalize(nose), quaternions.normalize(left)
    neck = aim_bone(trunk, nose, aims, skeleton.NOSE)
    head = _aim_head(placed, quaternions.multiply(trunk, neck))
    turns = {"hips": main, "spine": half, "chest": half, "neck": neck, "head": head}
    offsets = {"nose": nose * aims.length[skeleton.NOSE]}
    for side in SIDES:
        arm = solve_arm(side, points, valid, aims, trunk, left * [SIDES[side], 1, 1])
        turns |= arm.turns
        offsets |= arm.offsets
    rotations, places = np.tile(quaternions.IDENTITY, (len(points), len(BONES), 1)), place_fixed_bones()
    for name, turn in turns.items():
        rotations[:, NUMBERS[name]] = turn
    for name, offset in offsets.items():
        places[NUMBERS[name]] = offset
    motion = AvatarMotion(rotations, np.zeros((len(points), 3)), places, _list_missing(valid))
    return motion._replace(hips=_place_hips(motion, points[:, skeleton.NECK], valid[:, skeleton.NECK]))


def find_bones(motion: AvatarMotion) -> tuple[np.ndarray, np.ndarray]:
    """Forward kinematics: where all bones begin [T, N, 3], and how they are turned in space [T, N, 4]."""
    turns, places = motion.rotations.copy(), np.zeros((*motion.rotations.shape[:2], 3))
    places[:, 0] = motion.hips
    for bone, parent in enumerate(PARENTS[1:].tolist(), 1):
        turns[:, bone] = quaternions.multiply(turns[:, parent], motion.rotations[:, bone])
        places[:, bone] = places[:, parent] + quaternions.rotate(turns[:, parent], motion.offsets[bone])
    return places, turns


def find_joints(motion: AvatarMotion) -> np.ndarray:
    """The joints of the skeleton [T, 50, 3] in metres, in the axes of avatars."""
    return find_bones(motion)[0][:, NODES]


def measure_error(motion: AvatarMotion, placed: PlacedClip) -> np.ndarray:
    """How far joints of the motion are from those of its clip [T, 50], in shoulder widths; NaN if missing.

    A clip whose bones keep their lengths has none but rounding. Others lose what their bones stretch.
    """
    joints, valid = placed.points[:, : skeleton.NUM_JOINTS], placed.valid[:, : skeleton.NUM_JOINTS]
    width = np.linalg.norm(joints[:, skeleton.L_SHOULDER] - joints[:, skeleton.R_SHOULDER], axis=-1)
    both = valid[:, skeleton.L_SHOULDER] & valid[:, skeleton.R_SHOULDER]
    # The hips stand where an avatar's do, the clip where its camera had it.
    apart = find_joints(motion) - joints
    apart = apart - np.median(apart[valid[:, skeleton.NECK], skeleton.NECK], axis=0)
    return np.where(valid, np.linalg.norm(apart, axis=-1) / np.median(width[both]), np.nan)


def _aim_trunk(placed: PlacedClip) -> np.ndarray:
    """How the trunk is turned in space [T, 4]: along the shoulders, and upright as in the whole clip."""
    points, valid, up = placed
    seen = valid[:, skeleton.L_SHOULDER] & valid[:, skeleton.R_SHOULDER]
    left = quaternions.normalize(points[:, skeleton.L_SHOULDER] - points[:, skeleton.R_SHOULDER])
    return aim_at(_no_turn(len(points)), X, left, seen, _upright(np.broadcast_to(up, left.shape), seen))


def _aim_head(placed: PlacedClip, neck: np.ndarray) -> np.ndarray:
    """How the head is turned on the neck [T, 4]: as the eyes and the mouth of a face say, else not at all."""
    points, valid, _ = placed
    if points.shape[1] < skeleton.WITH_FACE:
        return _no_turn(len(points))
    right_eye, left_eye, right_lip, left_lip = np.moveaxis(points[:, FACE_CORNERS], 1, 0)
    left, up = left_eye - right_eye + left_lip - right_lip, left_eye + right_eye - left_lip - right_lip
    seen = valid[:, FACE_CORNERS].all(1) & (np.linalg.norm(np.cross(left, up), axis=-1) > MIN_LENGTH**2)
    return aim_at(neck, X, quaternions.normalize(left), seen, _upright(up, seen))


def _upright(up: np.ndarray, sure: np.ndarray) -> Side:
    return Side(Y, up, sure)


def _no_turn(frames: int) -> np.ndarray:
    return np.tile(quaternions.IDENTITY, (frames, 1))


def _halve(turns: np.ndarray) -> np.ndarray:
    """Half of each rotation [T, 4], the shorter way."""
    turns = np.where(turns[:, 3:] < 0, -turns, turns)
    return quaternions.normalize(turns + quaternions.IDENTITY)


def _measure_rest(aims, trunk: np.ndarray, joint: int, default: tuple[float, float, float]) -> np.ndarray:
    """Where a joint is from the neck in the median frame, in the axes of the trunk, [3]."""
    seen = aims.seen[:, joint]
    if not seen.any():
        return np.array(default)
    return np.median(quaternions.rotate(quaternions.invert(trunk[seen]), aims.direction[seen, joint]), axis=0)


def _place_hips(motion: AvatarMotion, neck: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Where the hips are [T, 3], so that the neck moves as in the clip and an avatar stands on the ground."""
    away = find_bones(motion)[0][:, NUMBERS["neck"]]
    frames, known = np.arange(len(neck)), np.flatnonzero(seen)
    hips = np.stack([np.interp(frames, known, neck[known, axis]) for axis in range(3)], -1) - away
    return hips - np.median(hips, axis=0) + PLACES["hips"]


def _list_missing(valid: np.ndarray) -> tuple[str, ...]:
    missing = ((name, int((~valid[:, joints]).any(1).sum())) for name, joints in PARTS.items())
    return tuple(f"{name} in {count} of {len(valid)} frames" for name, count in missing if count)
