"""Hands of MediaPipe's HandLandmarker: any number of them in a frame, each with a guessed side.

They are read beside a pose, as programs write that run a PoseLandmarker on the same frames. The pose says
whose hands they are: "handedness" is that of a mirrored picture, and is often the same for both.
"""

from collections.abc import Sequence

import numpy as np

from signjax.data.formats import landmarks
from signjax.pose.clip import ClipWarning

# As Python, JavaScript and the older solution "Hands" call them.
HAND_KEYS = ("hand_landmarks", "handLandmarks", "multi_hand_landmarks", "multiHandLandmarks")
SIDE_KEYS = ("handedness", "handednesses", "multi_handedness", "multiHandedness")
GUESS_KEYS = ("classification", "categories")  # objects that protocol buffers put around guesses
NAME_KEYS = ("category_name", "categoryName", "label", "display_name", "displayName")
# JavaScript calls the result of every model so.
ANY_KEY = "landmarks"
SIDES = ("right", "left")
WRISTS = (16, 15)  # of the pose, in this order
HANDS_ONLY = "has hands only, no shoulders; signjax needs the upper body: run MediaPipe's pose model, too"
MIRRORED = '"handedness" is that of a mirrored picture: hands went to the nearer wrist'
UNPLACED = "hands were left out in frames that show no wrists, as nothing says whose they are"

Hand = tuple[np.ndarray, str]  # x, y, z and visibility [21, 4], and one of SIDES or ""


def find_hands(frame: dict):
    """The list of a frame's hands; None if it has none, or not this field."""
    if key := next((key for key in HAND_KEYS if key in frame), None):
        return frame[key]
    return frame.get(ANY_KEY) if any(key in frame for key in SIDE_KEYS) else None


def list_sides(frame: dict, count: int) -> list[str]:
    """The side of each of a frame's hands as MediaPipe guessed it, "" where it says none."""
    values = next((frame[key] for key in SIDE_KEYS if key in frame), None)
    sides = [_read_side(value) for value in values] if isinstance(values, list) else []
    return (sides + [""] * count)[:count]


def place_hands(rows: np.ndarray, hands: Sequence[Sequence[Hand]]) -> tuple[ClipWarning, ...]:
    """Puts the hands of each frame into the rows [T, 145, 4] of its pose; returns what to tell.

    Hands go to the nearer wrist, one to each. Where no wrists are seen they go by their side, which is the
    other one if that is so in most frames with wrists.
    """
    agreed, unplaced, pending = 0, 0, []
    for row, listed in zip(rows, hands, strict=True):
        wrists = row[list(WRISTS), :2]
        if np.isnan(wrists).any():
            pending.append((row, listed))
            continue
        for side, (points, guess) in _match_wrists(listed, wrists).items():
            _set_hand(row, side, points)
            agreed += (guess == side) - (guess not in ("", side))
    for row, listed in pending:
        sides = [_mirror(guess) if agreed < 0 else guess for _, guess in listed]
        for side, (points, _) in zip(sides, listed, strict=True):
            # Both may be called the same; which of them is it, nothing says.
            if side and sides.count(side) == 1:
                _set_hand(row, side, points)
            else:
                unplaced += 1
    kinds = ((MIRRORED, agreed < 0), (UNPLACED, unplaced > 0))
    return tuple(ClipWarning(kind) for kind, is_so in kinds if is_so)


def _read_side(value) -> str:
    """The side in a list of guesses, the best first, in one of them, or as a word."""
    for _ in range(4):
        if isinstance(value, list):
            value = value[0] if value else ""
        elif isinstance(value, dict):
            value = next((value[key] for key in (*GUESS_KEYS, *NAME_KEYS) if key in value), "")
    side = value.lower() if isinstance(value, str) else ""
    return side if side in SIDES else ""


def _match_wrists(listed: Sequence[Hand], wrists: np.ndarray) -> dict[str, Hand]:
    """The hand at each wrist [2, 2], the nearest pairs first."""
    gaps = [(float(np.linalg.norm(hand[0][0, :2] - wrist)), k, side)
            for k, hand in enumerate(listed) for side, wrist in zip(SIDES, wrists, strict=True)]  # fmt: skip
    placed: dict[str, Hand] = {}
    used = set()
    for _, k, side in sorted(gap for gap in gaps if np.isfinite(gap[0])):
        if side not in placed and k not in used:
            placed[side] = listed[k]
            used.add(k)
    return placed


def _set_hand(row: np.ndarray, side: str, points: np.ndarray) -> None:
    row[landmarks.FIELDS[f"{side}_hand"]] = points


def _mirror(side: str) -> str:
    return {"right": "left", "left": "right"}.get(side, "")
