"""Phonology of the demo language: places, palms, movements and head marks, and the stroke of one sign.

A stroke is a table of channels over time. Each hand is described as if it were a right hand, in the
coordinates of its own side (for the right side x goes to the right of the image, across the body), so a
mirrored hand has the same numbers. Positions are in arm lengths (upper arm + forearm) from the neck: x across
the body, y down, z forward.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from signjax.demo import handshapes

PLACES = {  # of the wrist
    "brow": (-0.16, -0.30, 0.24),
    "ear": (-0.46, -0.26, 0.14),
    "chin": (-0.06, -0.04, 0.32),
    "high": (-0.50, -0.52, 0.22),
    "shoulder": (-0.44, 0.10, 0.26),
    "across": (0.26, 0.10, 0.32),
    "heart": (-0.02, 0.26, 0.22),
    "front": (-0.22, 0.20, 0.52),
    "far": (-0.10, 0.04, 0.68),
    "aside": (-0.66, 0.22, 0.26),
    "waist": (-0.14, 0.50, 0.30),
    "under": (0.22, 0.42, 0.36),
    "letter-a": (-0.40, 0.02, 0.36),
    "letter-b": (-0.34, 0.26, 0.38),
    "letter-c": (-0.48, 0.22, 0.34),
}
BASE_PLACE = (0.00, 0.36, 0.40)  # of a still other hand, on which the dominant one signs
REST_PLACE = (-0.30, 0.74, 0.24)  # of a hand that hangs down
_AXES = {
    "up": (0, -1, 0),
    "down": (0, 1, 0),
    "in": (1, 0, 0),
    "out": (-1, 0, 0),
    "front": (0, 0, 1),
    "back": (0, 0, -1),
}
HEADS = {
    "none": (0.0, 0.0),
    "left": (1.0, 0.0),
    "right": (-1.0, 0.0),
    "shake": (1.0, 2.0),
    "nod": (0.0, 1.0),
}  # (roll, swings)
TILT_ANGLE, NOD_ANGLE, QUESTION_ANGLE = 0.22, 0.10, 0.40  # radians

# Channels of one hand: wrist position 3, rotation of the palm 4 (a quaternion), handshape 18.
WRIST, TURN, SHAPE = slice(0, 3), slice(3, 7), slice(7, 25)
HAND_CHANNELS = 25


class Sign(NamedTuple):
    """One sign; its fields are keys of the tables here and in signjax.demo.handshapes."""

    shape: str
    place: str
    palm: str  # direction of the fingers - direction of the palm
    move: str
    hands: str = "1"  # 1; 2 (mirrored); 2x (mirrored, moving in turn); 2b (upon a still flat hand)
    head: str = "none"
    then: str = ""  # handshape at the end; empty for no change


# The functions of movements: phases p [T] in 0..1 to offsets [T, 3] in arm lengths.


def _minimum_jerk(p):
    # How a hand moves from point to point (Flash and Hogan 1985).
    return p * p * p * (10 - 15 * p + 6 * p * p)


def _line_path(axis, size=0.26):
    return lambda p: (_minimum_jerk(p) - 0.5)[:, None] * size * np.array(_AXES[axis])


def _swing_path(axis, size):
    return lambda p: (np.sin(2 * np.pi * p) * size)[:, None] * np.array(_AXES[axis])


def _poke_path(axis, size):
    return lambda p: (0.5 - 0.5 * np.cos(2 * np.pi * p))[:, None] * size * np.array(_AXES[axis])


def _circle_path(p):
    angle = 2 * np.pi * _minimum_jerk(p) * 0.5 + np.pi * p
    return 0.13 * np.stack([np.sin(angle), -np.cos(angle), 0 * p], -1)


def _wheel_path(p):
    angle = 2 * np.pi * p
    return 0.12 * np.stack([0 * p, -np.cos(angle), np.sin(angle)], -1)


def _arc_path(p):
    angle = np.pi * _minimum_jerk(p)
    return np.stack([-0.17 * np.cos(angle), 0.05 - 0.15 * np.sin(angle), 0 * p], -1)


def _zigzag_path(p):
    return np.stack([0.14 * np.sin(2 * np.pi * p), 0.30 * (p - 0.5), 0 * p], -1)


def _still_path(p):
    return np.zeros((len(p), 3))


# name: (frames at tempo 1, offset of the wrist, twist about the fingers in radians)
MOVES = {
    "hold": (5, _still_path, 0.0),
    "dip": (7, _poke_path("down", 0.14), 0.0),
    "up": (9, _line_path("up"), 0.0),
    "down": (9, _line_path("down"), 0.0),
    "in": (9, _line_path("in"), 0.0),
    "out": (9, _line_path("out"), 0.0),
    "forward": (9, _line_path("front", 0.24), 0.0),
    "home": (9, _line_path("back", 0.24), 0.0),
    "arc": (10, _arc_path, 0.0),
    "circle": (11, _circle_path, 0.0),
    "wheel": (11, _wheel_path, 0.0),
    "tap": (10, _poke_path("front", 0.22), 0.0),
    "bounce": (10, _poke_path("up", 0.24), 0.0),
    "wave": (11, _swing_path("in", 0.17), 0.0),
    "saw": (11, _swing_path("front", 0.17), 0.0),
    "zigzag": (12, _zigzag_path, 0.0),
    "twist": (11, _still_path, 1.1),
}


def stroke_channels(sign: Sign, phase: np.ndarray, amplitude: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """The channels of a sign.

    Args:
      sign: the sign.
      phase: [T] in 0..1, from its beginning to its end.
      amplitude: factor on its movement.

    Returns:
      hands [T, 2, 25] of the dominant and the other hand, NaN for a hand that is not used; head [T, 2], pitch
      and roll in radians.
    """
    _, offset, twist = MOVES[sign.move]
    hands = np.full((len(phase), 2, HAND_CHANNELS), np.nan)
    place = np.array(PLACES[sign.place])
    hands[:, 0, WRIST] = place + amplitude * offset(phase)
    hands[:, 0, TURN] = _twisted_palm(sign.palm, twist * np.sin(2 * np.pi * phase))
    first = handshapes.handshape_parameters(sign.shape)
    last = handshapes.handshape_parameters(sign.then or sign.shape)
    hands[:, 0, SHAPE] = first + _minimum_jerk(phase)[:, None] * (last - first)
    if sign.hands[0] == "2":
        hands[:, 1] = hands[:, 0]
    if sign.hands == "2x":
        hands[:, 1, WRIST] = place - amplitude * offset(phase)
    if sign.hands == "2b":
        hands[:, 1] = np.concatenate(
            [BASE_PLACE, palm_quaternion("in-up"), handshapes.handshape_parameters("flat")]
        )
    roll, swings = HEADS[sign.head]
    wave = np.sin(2 * np.pi * phase)
    # A head that shakes swings from side to side; a tilted one stays tilted during the sign.
    tilt = TILT_ANGLE * roll if swings < 2 else TILT_ANGLE * roll * wave
    pitch = NOD_ANGLE * wave if sign.head == "nod" else 0 * phase
    return hands, np.stack([pitch, tilt + 0 * phase], -1)


def rest_channels() -> np.ndarray:
    """The channels [25] of a hand at rest."""
    return np.concatenate([REST_PLACE, palm_quaternion("downin-in"), handshapes.handshape_parameters("rest")])


@cache
def palm_quaternion(palm: str) -> np.ndarray:
    """The quaternion [4] of a palm named <fingers>-<palm>, as "up-front"; "downin" joins two directions."""
    fingers, normal = (sum(np.array(v) for k, v in _AXES.items() if k in name) for name in palm.split("-"))
    fingers = np.asarray(fingers, float) / np.linalg.norm(fingers)
    # Joined directions need not be at right angles; the direction of the fingers counts.
    normal = normal - fingers * (fingers @ normal)
    normal = normal / np.linalg.norm(normal)
    return _matrix_to_quaternion(np.stack([np.cross(fingers, normal), fingers, normal], -1))


def _twisted_palm(palm: str, angle: np.ndarray) -> np.ndarray:
    """Quaternions [T, 4] of a palm after a twist about the fingers by angles [T] in radians."""
    w, x, y, z = palm_quaternion(palm)
    c, s = np.cos(angle / 2), np.sin(angle / 2)
    # The product q * (c, 0, s, 0), as the fingers are the second axis of the hand.
    return np.stack([w * c - y * s, x * c - z * s, y * c + w * s, z * c + x * s], -1)


def _matrix_to_quaternion(m: np.ndarray) -> np.ndarray:
    """The quaternion (w, x, y, z) of a rotation matrix [3, 3] (Shepperd 1978)."""
    # The largest component first: dividing by a small one would lose digits.
    trace = np.array([m[0, 0] + m[1, 1] + m[2, 2], m[0, 0], m[1, 1], m[2, 2]])
    k = int(np.argmax(trace))
    if k == 0:
        q = np.array([1 + trace[0], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]])
    else:
        a, b, c = [(0, 1, 2), (1, 2, 0), (2, 0, 1)][k - 1]
        q = np.zeros(4)
        q[0] = m[c, b] - m[b, c]
        q[1 + a] = 1 + m[a, a] - m[b, b] - m[c, c]
        q[1 + b] = m[b, a] + m[a, b]
        q[1 + c] = m[c, a] + m[a, c]
    return q / np.linalg.norm(q)
