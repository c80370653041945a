"""The joint and the hand that the name of a point stands for, and where a face begins.

Names differ by program: LThumb1CMC (OpenPose's BODY_135), left_forefinger2 (COCO-WholeBody), RIGHT_THUMB_TIP.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

FINGERS = {"thumb": 0, "index": 1, "forefinger": 1, "middle": 2, "ring": 3}
FINGERS |= {"little": 4, "pinky": 4, "pinkie": 4}
JOINTS = {"mcp": 1, "pip": 2, "dip": 3, "tip": 4}
THUMB_JOINTS = {"cmc": 1, "mcp": 2, "ip": 3, "tip": 4}
FACES = (70, 68)  # points of OpenPose's face, and of COCO's, which has no pupils
# MediaPipe's body has a point of each thumb, index and little finger.
BODY_FINGERS = 6
_FINGER = re.compile(f"(left|right|l|r)?(?:hand)?({'|'.join(FINGERS)})(?:finger)?(\\d?)(.*)")
_ROOT = re.compile("(left|right|l|r)?(?:wrist|base|hand|handroot|handwrist|hwrist)")
_FACE_START = re.compile("face(?:contour|landmark)?0")


class HandPoint(NamedTuple):
    """A point of a hand."""

    side: str | None  # "right" or "left", None if its name does not say
    joint: int  # 0 the root, then 1 to 4 of the thumb, 5 to 8 of the index finger and so on


def parse_hand_point(name: str, side: str | None = None) -> HandPoint | None:
    """The joint of a hand that a name means, None if none; `side` counts where the name says none."""
    letters = _simplify(name)
    match = _FINGER.fullmatch(letters)
    if match:
        named_side, finger, digit, rest = match.groups()
        words = THUMB_JOINTS if finger == "thumb" else JOINTS
        joint = int(digit) if digit else words.get(rest, 0)
        # A finger without a joint is a point of a body: there fingers have one.
        return (
            HandPoint(_name_side(named_side) or side, 4 * FINGERS[finger] + joint)
            if 1 <= joint <= 4
            else None
        )
    root = _ROOT.fullmatch(letters)
    return HandPoint(_name_side(root[1]) or side, 0) if root else None


def find_side(name: str) -> str | None:
    """ "right" or "left" if the name of a component says one of them."""
    words = [_name_side(word.removesuffix("hand")) for word in re.split("[^a-z]+", name.lower())]
    sides = {side for side in words if side}
    return sides.pop() if len(sides) == 1 else None


def count_finger_words(names: Sequence[str]) -> int:
    """How many names have that of a finger in them."""
    return sum(any(finger in _simplify(name) for finger in FINGERS) for name in names)


def find_face(names: Sequence[str]) -> tuple[int, int] | None:
    """(first, number) of the points of a face among others, in OpenPose's order; None if there is none."""
    first = next((k for k, name in enumerate(names) if _FACE_START.fullmatch(_simplify(name))), None)
    if first is None:
        return None
    count = next((n for n in FACES if first + n <= len(names)), None)
    return (first, count) if count else None


def _simplify(name: str) -> str:
    # RIGHT_THUMB_TIP, RightThumbTip and right thumb tip are one.
    return re.sub("[^a-z0-9]", "", name.lower())


def _name_side(word: str | None) -> str | None:
    return {"r": "right", "l": "left"}.get(word or "", word if word in ("right", "left") else None)
