"""What the reader looks at: hands in the signer's own frame, free of place, size and proportions."""

from typing import NamedTuple

import numpy as np

from signjax.pose import skeleton

# Tolerances: one unit of feature space. Wrist in arm lengths, directions and fingers as unit vectors.
WRIST_TOLERANCE, _FINGERS_TOLERANCE, _PALM_TOLERANCE, _TIP_TOLERANCE, _THUMB_TOLERANCE = (
    0.075,
    0.40,
    0.40,
    0.36,
    0.45,
)


class Features(NamedTuple):
    """A clip as the reader sees it."""

    hands: np.ndarray  # [T, 2, 24] right and left, each in its own side's coordinates, in tolerances
    pitch: np.ndarray  # [T] radians, the head forward
    speed: np.ndarray  # [T, 2] way of a wrist to the next frame, arm lengths


def measure_features(pose: np.ndarray, valid: np.ndarray | None = None) -> Features | None:
    """The features of a clip, or None where there is no body to measure.

    Args:
      pose: [T, 50, 3] in any unit at any place.
      valid: [T, 50] bool, False where a joint is missing; None means all are there.
    """
    pose = np.asarray(pose, np.float64)
    valid = np.ones(pose.shape[:2], bool) if valid is None else np.asarray(valid, bool)
    valid = valid & np.isfinite(pose).all(-1)
    if not len(pose) or not valid[:, :8].any(0).all():
        return None
    pose = _fill_missing(pose, valid)
    arm = (
        np.median(
            _bone_lengths(pose, 3, 2)
            + _bone_lengths(pose, 4, 3)
            + _bone_lengths(pose, 6, 5)
            + _bone_lengths(pose, 7, 6)
        )
        / 2
    )
    across = np.median(pose[:, skeleton.L_SHOULDER] - pose[:, skeleton.R_SHOULDER], axis=0)
    if not (arm > 0 and np.linalg.norm(across) > 0.1 * arm and across[0] > 0):
        return None
    frame = _trunk_axes(across)
    trunk = 0.5 * (pose[:, skeleton.R_SHOULDER] + pose[:, skeleton.L_SHOULDER])
    body = (pose - trunk[:, None]) @ frame.T / arm
    nose = body[:, skeleton.NOSE] - body[:, skeleton.NECK]
    right, left = body, skeleton.mirror(body)
    hands = np.stack([_hand_features(right), _hand_features(left)], 1)
    wrists = np.stack([right[:, skeleton.R_WRIST], left[:, skeleton.R_WRIST]], 1)
    speed = np.sqrt((np.diff(wrists, axis=0, append=wrists[-1:]) ** 2).sum(-1))
    return Features(hands, np.arctan2(nose[:, 2], -nose[:, 1]), speed)


def wrist_positions(seen: Features) -> np.ndarray:
    """Wrist positions [T, 2, 3] in arm lengths from the trunk, each in its own side's coordinates."""
    return seen.hands[..., :3] * WRIST_TOLERANCE


def _fill_missing(pose: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Missing joints from the frames around; a joint never seen lies on its parent."""
    if valid.all():
        return pose
    pose, time = pose.copy(), np.arange(len(pose))
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
    """Rows across, down, forward of the trunk; across is the way from right to left shoulder."""
    x = across / np.linalg.norm(across)
    down = np.array([0.0, 1.0, 0.0])
    down = down - x * (down @ x)
    y = down / np.linalg.norm(down)
    return np.stack([x, y, np.cross(x, y)])


def _hand_features(body: np.ndarray) -> np.ndarray:
    """The 24 features of the right hand."""
    hand = body[:, skeleton.RIGHT]
    knuckles = hand[:, [5, 9, 13, 17]]
    fingers = _unit_vectors(knuckles[:, :3].mean(1) - hand[:, 0])
    palm = _unit_vectors(np.cross(fingers, hand[:, 5] - hand[:, 17]))
    axes = np.stack([np.cross(palm, fingers), fingers, palm], 1)  # [T, 3, 3]
    ends, starts = hand[:, [4, 8, 12, 16, 20]], hand[:, [1, 5, 9, 13, 17]]
    steps = np.diff(hand[:, 1:].reshape(len(hand), 5, 4, 3), axis=2)
    lengths = np.median(np.sqrt((steps**2).sum(-1)).sum(-1), axis=0)  # [5]
    tips = np.matmul(ends - starts, axes.transpose(0, 2, 1)) / (lengths[:, None] + 1e-9)  # [T, 5, 3]
    tips = (
        tips
        / np.array([_THUMB_TOLERANCE, _TIP_TOLERANCE, _TIP_TOLERANCE, _TIP_TOLERANCE, _TIP_TOLERANCE])[
            :, None
        ]
    )
    parts = [
        body[:, skeleton.R_WRIST] / WRIST_TOLERANCE,
        fingers / _FINGERS_TOLERANCE,
        palm / _PALM_TOLERANCE,
    ]
    return np.concatenate([*parts, tips.reshape(len(hand), 15)], -1)


def _unit_vectors(v: np.ndarray) -> np.ndarray:
    return v / (np.sqrt((v**2).sum(-1, keepdims=True)) + 1e-9)
