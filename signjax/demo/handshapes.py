"""Handshapes of the demo language, and the kinematics of one hand.

A handshape is 18 numbers that can be interpolated: flexion of the four fingers at the knuckle and at the
middle joint, their sideways spread, and the first and the last direction of the thumb. The language is made
up; its handshapes are not the manual alphabet of any sign language.
"""

from functools import cache

import numpy as np

# A finger is one character: flexion of (knuckle, middle joint) in radians.
_CURLS = {"1": (0.05, 0.08), "0": (1.40, 1.65), "b": (1.45, 0.08), "h": (0.35, 1.45), "r": (0.35, 0.45)}
_REST_DIRECTIONS = np.array([0.21, 0.03, -0.13, -0.30])  # index to little, radians towards the thumb
_SPREAD_SHARES = np.array([1.0, 0.25, -0.45, -1.1])  # of a spread, index to little finger
# Thumb: first and last direction, each (towards the thumb's side, along the fingers, out of the palm).
_THUMBS = {
    "out": ((0.75, 0.60, 0.15), (1.0, 0.15, 0.05)),
    "side": ((0.55, 0.75, 0.30), (0.15, 1.0, 0.10)),
    "across": ((0.40, 0.70, 0.60), (-0.85, 0.25, 0.45)),
    "under": ((0.45, 0.60, 0.65), (-0.60, 0.75, 0.20)),
    "front": ((0.35, 0.60, 0.70), (0.15, 0.35, 1.0)),
    "rest": ((0.50, 0.75, 0.45), (0.20, 0.95, 0.30)),
}
# name: (index, middle, ring, little), spread in radians, thumb
HANDSHAPES = {
    "fist": ("0000", 0.0, "across"),
    "thumb": ("0000", 0.0, "out"),
    "flat": ("1111", 0.0, "side"),
    "four": ("1111", 0.16, "across"),
    "five": ("1111", 0.22, "out"),
    "index": ("1000", 0.0, "across"),
    "ell": ("1000", 0.0, "out"),
    "vee": ("1100", 0.22, "across"),
    "three": ("1110", 0.20, "out"),
    "little": ("0001", 0.0, "across"),
    "wye": ("0001", 0.05, "out"),
    "horns": ("1001", 0.05, "across"),
    "ring": ("0111", 0.15, "out"),
    "bent": ("bbbb", 0.0, "front"),
    "claw": ("hhhh", 0.18, "out"),
    "rest": ("rrrr", 0.05, "rest"),
}


@cache
def handshape_parameters(name: str) -> np.ndarray:
    """The 18 numbers of a handshape in HANDSHAPES: flexions 4 and 4, spread 4, thumb directions 3 and 3."""
    curls, spread, thumb = HANDSHAPES[name]
    knuckle, middle = np.array([_CURLS[c] for c in curls]).T
    # Fingers curled at the knuckle cannot spread.
    fan = spread * _SPREAD_SHARES * (np.asarray(knuckle) < 0.5)
    return np.concatenate([knuckle, middle, fan, np.ravel(_THUMBS[thumb])])


def hand_joints(shape: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Joints of right hands in the hand's own axes, with its root at the origin.

    Args:
      shape: [..., 18] numbers of handshapes.
      lengths: [21] bone lengths in the order of skeleton.LENGTHS; the first one (wrist to root) is unused.

    Returns:
      [..., 21, 3]; the axes are the thumb's side, the direction of the fingers, and out of the palm.
    """
    out = np.zeros((*shape.shape[:-1], 21, 3))
    first, last = shape[..., 12:15], shape[..., 15:18]
    joint = np.zeros((*shape.shape[:-1], 3))
    # A thumb bends between its second and third bone most: hence the uneven steps from first to last.
    for k, blend in enumerate((0.0, 0.25, 0.8, 1.0)):
        joint = joint + lengths[1 + k] * _unit_vectors(first + blend * (last - first))
        out[..., 1 + k, :] = joint
    knuckle, middle, fan = shape[..., 0:4], shape[..., 4:8], shape[..., 8:12]
    rest = np.stack([np.sin(_REST_DIRECTIONS), np.cos(_REST_DIRECTIONS), np.zeros(4)], -1)  # [4, 3]
    at = np.arange(4) * 4 + 5
    joint = np.broadcast_to(rest * lengths[at, None], (*shape.shape[:-1], 4, 3))
    out[..., at, :] = joint
    # Half of it: straight fingers point less far apart than their knuckles lie.
    angle = 0.5 * _REST_DIRECTIONS + fan
    along = np.stack([np.sin(angle), np.cos(angle), np.zeros_like(angle)], -1)  # [..., 4, 3]
    palm = np.array([0.0, 0.0, 1.0])
    # The last joint of a finger cannot bend alone: it bends 0.6 of what the middle joint does.
    for k, flexion in enumerate((knuckle, knuckle + middle, knuckle + 1.6 * middle)):
        direction = np.cos(flexion)[..., None] * along + np.sin(flexion)[..., None] * palm
        joint = joint + lengths[at + 1 + k, None] * direction
        out[..., at + 1 + k, :] = joint
    return out


def _unit_vectors(v: np.ndarray) -> np.ndarray:
    return v / np.sqrt((v**2).sum(-1, keepdims=True))
