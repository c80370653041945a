"""Features for the reader: the hands in the signer's own axes, without place, size and proportions."""

from typing import NamedTuple

import numpy as np

from signjax.pose import skeleton

# Tolerances: the difference that counts as one unit in feature space. The wrist's is in arm lengths, the
# others are for unit vectors.
WRIST_TOLERANCE = 0.075
_FINGERS_TOLERANCE = _PALM_TOLERANCE = 0.40
# Of the tips of thumb, index, middle, ring and little finger, relative to their knuckles; the thumb varies
# most.
_TIP_TOLERANCES = np.array([0.45, 0.36, 0.36, 0.36, 0.36])[:, None]


class Features(NamedTuple):
    """Features of a clip."""

    hands: np.ndarray  # [T, 2, 24] right and left, each in the coordinates of its side, in tolerances
    pitch: np.ndarray  # [T] radians by which the head is brought forward
    speed: np.ndarray  # [T, 2] arm lengths that each wrist moves to the next frame


def measure_features(pose: np.ndarray, valid: np.ndarray | None = None) -> Features | None:
    """The features of a clip, or None if it has no body that could be measured.

    Args:
      pose: [T, 50, 3] in any unit, at any place.
      valid: [T, 50] bool, False for a missing joint; None if no joint is missing.
    """
    pose = np.asarray(pose, np.float64)
    valid = np.ones(pose.shape[:2], bool) if valid is None else np.asarray(valid, bool)
    valid = valid & np.isfinite(pose).all(-1)
    if not len(pose) or not valid[:, :8].any(0).all():
        return None
    pose = _fill_missing(pose, valid)
    arm_bones = ((3, 2), (4, 3), (6, 5), (7, 6))  # upper arm and forearm, right and left
    arm = np.median(sum(_bone_lengths(pose, *bone) for bone in arm_bones)) / 2
    across = np.median(pose[:, skeleton.L_SHOULDER] - pose[:, skeleton.R_SHOULDER], axis=0)
    # Without arms, or seen from the side or from behind, there is nothing that could be read.
    if not (arm > 0 and np.linalg.norm(across) > 0.1 * arm and across[0] > 0):
        return None
    # One set of axes for the whole clip, from medians: in a single frame noise would turn the trunk.
    axes = _trunk_axes(across)
    trunk = 0.5 * (pose[:, skeleton.R_SHOULDER] + pose[:, skeleton.L_SHOULDER])
    body = (pose - trunk[:, None]) @ axes.T / arm
    nose = body[:, skeleton.NOSE] - body[:, skeleton.NECK]
    # Mirrored, the left hand is described as a right one: templates are needed for one side only.
    right, left = body, skeleton.mirror_pose(body)
    hands = np.stack([_hand_features(right), _hand_features(left)], 1)
    wrists = np.stack([right[:, skeleton.R_WRIST], left[:, skeleton.R_WRIST]], 1)
    speed = np.sqrt((np.diff(wrists, axis=0, append=wrists[-1:]) ** 2).sum(-1))
    return Features(hands, np.arctan2(nose[:, 2], -nose[:, 1]), speed)


def wrist_positions(features: Features) -> np.ndarray:
    """Wrist positions [T, 2, 3] in arm lengths from the trunk, each in the coordinates of its side."""
    return features.hands[..., :3] * WRIST_TOLERANCE


def _fill_missing(pose: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Poses with missing joints interpolated over time; a joint that is never valid lies on its parent."""
    if valid.all():
        return pose
    pose, time = pose.copy(), np.arange(len(pose))
    # From the root outwards, so that a parent is complete before its children are put on it.
    for joint in skeleton.ORDER:
        seen = valid[:, joint]
        if not seen.any():
            pose[:, joint] = pose[:, skeleton.PARENTS[joint]]
        elif not seen.all():
            for axis in range(3):
                pose[~seen, joint, axis] = np.interp(time[~seen], time[seen], pose[seen, joint, axis])
    return pose


def _bone_lengths(pose: np.ndarray, a: int, b: int) -> np.ndarray:
    return np.sqrt(((pose[:, a] - pose[:, b]) ** 2).sum(-1))


def _trunk_axes(across: np.ndarray) -> np.ndarray:
    """The trunk's axes as rows [3, 3]: across, down, forward, from the vector right to left shoulder."""
    x = across / np.linalg.norm(across)
    down = np.array([0.0, 1.0, 0.0])
    down = down - x * (down @ x)
    y = down / np.linalg.norm(down)
    return np.stack([x, y, np.cross(x, y)])


def _hand_features(body: np.ndarray) -> np.ndarray:
    """The features [T, 24] of the right hand: wrist 3, direction of the fingers 3, of the palm 3, tips 15."""
    hand = body[:, skeleton.RIGHT]
    knuckles = hand[:, [5, 9, 13, 17]]
    fingers = _unit_vectors(knuckles[:, :3].mean(1) - hand[:, 0])
    palm = _unit_vectors(np.cross(fingers, hand[:, 5] - hand[:, 17]))
    axes = np.stack([np.cross(palm, fingers), fingers, palm], 1)  # [T, 3, 3]
    ends, starts = hand[:, [4, 8, 12, 16, 20]], hand[:, [1, 5, 9, 13, 17]]
    steps = np.diff(hand[:, 1:].reshape(len(hand), 5, 4, 3), axis=2)
    # Lengths over the whole clip: in one frame noise would change them, and with them the shape of the hand.
    lengths = np.median(np.sqrt((steps**2).sum(-1)).sum(-1), axis=0)  # [5]
    tips = np.matmul(ends - starts, axes.transpose(0, 2, 1)) / (lengths[:, None] + 1e-9)  # [T, 5, 3]
    wrist = body[:, skeleton.R_WRIST] / WRIST_TOLERANCE
    directions = [fingers / _FINGERS_TOLERANCE, palm / _PALM_TOLERANCE]
    return np.concatenate([wrist, *directions, (tips / _TIP_TOLERANCES).reshape(len(hand), 15)], -1)


def _unit_vectors(v: np.ndarray) -> np.ndarray:
    return v / (np.sqrt((v**2).sum(-1, keepdims=True)) + 1e-9)
