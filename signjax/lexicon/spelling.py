"""Letters of a spelled word: each held a little, equal ones in a row moved to the side."""

from collections.abc import Sequence

import numpy as np

from signjax.pose import skeleton

HOLD = 0.3  # seconds of a letter
ASIDE = 0.7  # neck-to-shoulder lengths to the side, somewhat more than the width of a hand
# How much of the way each joint of the right arm goes along.
_SHARES = np.zeros(skeleton.NUM_JOINTS)
_SHARES[skeleton.R_ELBOW] = 0.5
_SHARES[[skeleton.R_WRIST, *range(skeleton.RIGHT.start, skeleton.RIGHT.stop)]] = 1.0


def hold_letter(pose: np.ndarray, rate: float) -> np.ndarray:
    """The letter [T, 50, 3] in HOLD seconds, [N, 50, 3]: a long one faster, a short one slower.

    Not one frame of it alone: some letters move.
    """
    frames = max(2, round(HOLD * rate))
    at = np.linspace(0, len(pose) - 1, frames)
    low = np.minimum(at.astype(int), max(len(pose) - 2, 0))
    share = (at - low)[:, None, None].astype(np.float32)
    return pose[low] + share * (pose[np.minimum(low + 1, len(pose) - 1)] - pose[low])


def move_aside(pose: np.ndarray, times: int) -> np.ndarray:
    """The letter [T, 50, 3] made `times` widths of a hand further out, by the right hand."""
    if not times:
        return pose
    offset = np.zeros((skeleton.NUM_JOINTS, 3), pose.dtype)
    # The signer's right is on the left of the image.
    offset[:, 0] = -ASIDE * times * _SHARES
    return pose + offset


def count_repeats(letters: Sequence[str]) -> list[int]:
    """How often each letter stood just before, at most 2: [0, 0, 1, 0] for "anna"."""
    repeats: list[int] = []
    for k, letter in enumerate(letters):
        repeats.append(min(repeats[-1] + 1, 2) if k and letters[k - 1] == letter else 0)
    return repeats
