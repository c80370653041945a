"""Where in a clip its sign is: without rest, and without the ways up from rest and down again."""

from typing import NamedTuple

import numpy as np

from signjax.pose import skeleton

LOW = 0.1  # a wrist this far above its elbow (neck-to-shoulder lengths) is raised
FAST = 0.25  # share of a clip's fastest motion at which a low hand signs
MAX_WAY = 0.5  # seconds between rest and a sign
MAX_SHARE = 0.45  # of the frames in which hands are up, that such a way can take
SLOW = 0.5  # share of the way's highest speed below which it is over


class Span(NamedTuple):
    """Frames of a clip: hands are up in `up` <= t < `down`, the sign is first <= t < last inside of it."""

    up: int
    first: int
    last: int
    down: int


def find_sign(pose: np.ndarray, fps: float) -> Span:
    """Finds the frames of the sign in a clip of one sign.

    Hands that are below the elbows and still rest. From rest a hand goes fast to where its sign begins and is
    slower there: this way is no part of the sign, nor is the one back. A clip that begins or ends with the
    hands up was trimmed before, and stays as it is there.

    Args:
      pose: [T, 50, 3] in canonical space, with all joints.
      fps: frames per second.
    """
    speed, raised = measure_hands(pose, fps)
    signing = raised | (speed > FAST * speed.max(initial=0.0))
    if not signing.any():
        return Span(0, 0, len(pose), len(pose))
    up, down = int(np.argmax(signing)), len(signing) - int(np.argmax(signing[::-1]))
    longest = min(round(MAX_WAY * fps), int(MAX_SHARE * (down - up)))
    first = up + (_find_way(speed[up : up + longest]) if up else 0)
    last = down - (_find_way(speed[down - longest : down][::-1]) if down < len(pose) else 0)
    return Span(up, first, last, down)


def measure_hands(pose: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """The speed [T] of the faster wrist in neck-to-shoulder lengths a second, over three frames, and whether
    a hand is above its elbow [T]."""
    wrists = pose[:, [skeleton.R_WRIST, skeleton.L_WRIST]]
    elbows = pose[:, [skeleton.R_ELBOW, skeleton.L_ELBOW]]
    steps = np.sqrt((np.diff(wrists, axis=0, prepend=wrists[:1], append=wrists[-1:]) ** 2).sum(-1))
    speed = ((steps[:-1] + steps[1:]) / 2).max(1) * fps
    return speed, (wrists[..., 1] < elbows[..., 1] - LOW).any(1)


def _find_way(speed: np.ndarray) -> int:
    """The frames of the way up in speed [n], which begins with it, to where it has slowed; 0 for none."""
    if not len(speed):
        return 0
    peak = int(np.argmax(speed))
    # Not on to where it is slowest: that may be in the middle of the sign.
    slow = np.flatnonzero(speed[peak:] < SLOW * speed[peak])
    return max(peak + int(slow[0]) - 1, 0) if len(slow) else 0
