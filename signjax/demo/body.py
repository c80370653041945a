"""Forward kinematics of the demo: the channels of a clip to 50 joints with constant bone lengths.

Axes are those of pose files: x to the right of the image, y down, z towards the viewer (a left-handed
system). The left arm is built as a right arm in mirrored coordinates, so both sides are exact mirror images.
"""

import numpy as np

from signjax.demo import handshapes, phonology
from signjax.demo.signers import Signer
from signjax.pose import skeleton

_SHOULDER_DIRECTION = np.array([-1.0, 0.07, 0.0]) / np.hypot(1.0, 0.07)  # from the neck to the right one
# Where the right elbow bends to while the hand is straight ahead of the shoulder.
_ELBOW_AHEAD = np.array([-0.55, 0.835, 0.0]) / np.hypot(0.55, 0.835)


def forward_kinematics(
    hands: np.ndarray, head: np.ndarray, signer: Signer, sway: np.ndarray | None = None
) -> np.ndarray:
    """Joint positions of a clip.

    Args:
      hands: [T, 2, 25] channels of the dominant and the other hand (signjax.demo.phonology).
      head: [T, 2] pitch and roll in radians.
      signer: gives proportions and handedness; place, size and tempo are not used here.
      sway: [T, 3] roll, yaw and lean of the trunk in radians; None for a still trunk.

    Returns:
      [T, 50, 3] in neck-to-shoulder lengths, the neck at the origin.
    """
    frames = len(hands)
    lengths = signer.lengths
    out = np.zeros((frames, skeleton.NUM_JOINTS, 3))
    out[:, skeleton.NOSE] = lengths[skeleton.NOSE] * _nose_direction(head, signer.posture)
    shoulder = np.broadcast_to(_SHOULDER_DIRECTION * lengths[skeleton.R_SHOULDER], (frames, 3))
    sides = ((skeleton.R_SHOULDER, skeleton.RIGHT), (skeleton.L_SHOULDER, skeleton.LEFT))
    for side, (first, hand) in enumerate(sides):
        arm = _arm_joints(hands[:, side], shoulder, lengths)
        flip = np.array([1.0 - 2.0 * side, 1.0, 1.0])
        out[:, first : first + 3] = arm[:, :3] * flip
        out[:, hand] = arm[:, 3:] * flip
    if sway is not None:
        out = np.einsum("tij,tkj->tki", _trunk_rotation(sway), out)
    return skeleton.mirror_pose(out) if signer.left_handed else out


def _nose_direction(head: np.ndarray, posture: float) -> np.ndarray:
    """Unit vectors from neck to nose [T, 3]; pitch brings the head forward."""
    pitch, roll = head[:, 0] - posture - 0.06, head[:, 1]
    return np.stack([np.sin(roll), -np.cos(roll) * np.cos(pitch), np.cos(roll) * np.sin(pitch)], -1)


def _arm_joints(hand: np.ndarray, shoulder: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Shoulder, elbow, wrist and the 21 hand joints [T, 24, 3] of a right arm, by inverse kinematics.

    Args:
      hand: [T, 25] channels.
      shoulder: [T, 3].
      lengths: [50] of a Signer.
    """
    upper, fore = lengths[skeleton.R_ELBOW], lengths[skeleton.R_WRIST]
    reach = hand[:, phonology.WRIST] * (upper + fore) - shoulder
    distance = np.sqrt((reach**2).sum(-1, keepdims=True))
    toward = reach / distance
    # An arm is never quite straight or folded up: there the elbow's direction would be undefined.
    distance = np.clip(distance, abs(upper - fore) + 0.05, 0.985 * (upper + fore))
    # Law of cosines: how far along the line to the wrist the circle of possible elbows lies.
    along = (upper**2 - fore**2 + distance**2) / (2 * distance)
    elbow = shoulder + along * toward + np.sqrt(upper**2 - along**2) * _elbow_direction(toward)
    wrist = shoulder + distance * toward
    axes = _palm_axes(hand[:, phonology.TURN], (wrist - elbow) / fore)  # [T, 3, 3]
    local = handshapes.hand_joints(hand[:, phonology.SHAPE], lengths[skeleton.RIGHT])
    root = wrist + lengths[skeleton.R_HAND] * axes[:, 1]
    joints = root[:, None] + np.einsum("tki,tij->tkj", local, axes)
    return np.concatenate([shoulder[:, None], elbow[:, None], wrist[:, None], joints], 1)


def _elbow_direction(toward: np.ndarray) -> np.ndarray:
    """Unit vectors [T, 3] at right angles to `toward` [T, 3], to which elbows bend."""
    # _ELBOW_AHEAD, turned by the smallest rotation that takes straight ahead to `toward`. So the elbow flips
    # only if a hand goes straight behind its shoulder; with a fixed pole it would flip beside the head.
    ahead = np.array([0.0, 0.0, 1.0])
    return _ELBOW_AHEAD - ((toward @ _ELBOW_AHEAD) / (1.0 + toward @ ahead))[:, None] * (ahead + toward)


def _palm_axes(turn: np.ndarray, forearm: np.ndarray) -> np.ndarray:
    """Axes of hands as rows [T, 3, 3]: thumb's side, direction of the fingers, out of the palm.

    Args:
      turn: [T, 4] quaternions.
      forearm: [T, 3] unit vectors from elbow to wrist.
    """
    w, x, y, z = np.moveaxis(turn / np.sqrt((turn**2).sum(-1, keepdims=True)), -1, 0)
    fingers = np.stack([2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)], -1)
    normal = np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], -1)
    # A wrist gives way: the fingers lean a little towards the direction of the forearm.
    fingers = fingers + 0.22 * forearm
    fingers = fingers / np.sqrt((fingers**2).sum(-1, keepdims=True))
    normal = normal - fingers * (normal * fingers).sum(-1, keepdims=True)
    normal = normal / np.sqrt((normal**2).sum(-1, keepdims=True))
    return np.stack([np.cross(normal, fingers), fingers, normal], 1)


def _trunk_rotation(sway: np.ndarray) -> np.ndarray:
    """Rotations [T, 3, 3] of the trunk: roll about z, then yaw about y, then lean about x."""
    (ca, cb, cc), (sa, sb, sc) = np.cos(sway).T, np.sin(sway).T
    one, zero = np.ones_like(ca), np.zeros_like(ca)
    roll = np.stack([ca, -sa, zero, sa, ca, zero, zero, zero, one], -1).reshape(-1, 3, 3)
    yaw = np.stack([cb, zero, sb, zero, one, zero, -sb, zero, cb], -1).reshape(-1, 3, 3)
    lean = np.stack([one, zero, zero, zero, cc, -sc, zero, sc, cc], -1).reshape(-1, 3, 3)
    return lean @ yaw @ roll
