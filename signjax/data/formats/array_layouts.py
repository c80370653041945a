"""Layouts of MediaPipe's landmarks in arrays, recognized by the number of values in a frame.

The layouts are those of the public repositories that share such arrays: nothing in an .npy file says what it
holds. Parts follow each other as listed, the left hand before the right.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from signjax.data.formats import base, landmarks, mediapipe
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip

FIXED_POINT = 4096  # of whole numbers that stand for shares of the picture
SAMPLE = 256  # frames of a clip that decide on the order of its points
# The least and the largest of confidences, which overshoot. MediaPipe's depth is counted from hips and
# wrists: half of it is negative.
CONFIDENCES = 0.0, 1.1
CONFIDENCE = (
    "the third value of points was taken as a confidence: it is from 0 to 1, as no depth of MediaPipe is"
)
MISSING = np.iinfo(np.int16).min  # among them


class Part(NamedTuple):
    """A part of a frame."""

    name: str  # of landmarks.FIELDS
    points: tuple[int, ...]  # their numbers in the part
    numbers: int  # of a point: x, y, then z, then visibility


def _make_layout(
    pose: Iterable[int], face: int = 0, in_pose: int = 3, order: str = "pflr"
) -> tuple[Part, ...]:
    hand = tuple(range(landmarks.PARTS["left_hand"]))
    parts = {"p": Part("pose", tuple(pose), in_pose), "f": Part("face", tuple(range(face)), 3)}
    parts |= {"l": Part("left_hand", hand, 3), "r": Part("right_hand", hand, 3)}
    return tuple(parts[letter] for letter in order if parts[letter].points)


ALL = range(33)
ARMS = (0, *range(11, 17), *range(23, 27))  # with hips and knees
EYES = (0, 2, 5, 7, 8, 9, 10, *range(11, 17))  # with eyes, ears and mouth
# By numbers of a frame in flat arrays; those of a much copied tutorial are 258 and 1662.
BY_NUMBERS = {
    258: [_make_layout(ALL, in_pose=4)],
    1662: [_make_layout(ALL, 468, in_pose=4)],
    1692: [_make_layout(ALL, 478, in_pose=4)],
    170: [_make_layout(ARMS, in_pose=4)],
}
# By points of a frame. 543 are in the order of the tutorial and of pose-format, or in that of Kaggle's data.
BY_POINTS = {
    75: [_make_layout(ALL)],
    543: [_make_layout(ALL, 468), _make_layout(ALL, 468, order="flpr")],
    553: [_make_layout(ALL, 478), _make_layout(ALL, 478, order="flpr")],
    55: [_make_layout(EYES)],
    59: [_make_layout(range(17))],
}
BY_NUMBERS |= {3 * points: layouts for points, layouts in BY_POINTS.items()}
HANDS_ONLY = ((42,), (42, 2), (42, 3), (126,))  # shapes of a frame


def is_frame(shape: tuple[int, ...]) -> bool:
    """Whether an array of this shape is one frame of a clip."""
    return len(shape) == 1 and shape[0] in BY_NUMBERS


def make_clip(values: np.ndarray, about: dict, size: tuple[int, int] | None) -> Clip:
    """The clip of an array [T, ...] of numbers, without name and text.

    Args:
      values: see read_rows.
      about: what is known beside it: fps, width, height, signer.
      size: width and height of the picture, where `about` does not say.

    Raises:
      InvalidFileError: the layout is not known, or the clip cannot be used.
    """
    # Of one person, or a batch of one clip.
    if values.ndim == 4 and 1 in values.shape[:2]:
        values = values.squeeze(values.shape.index(1))
    if values.dtype.kind not in "fiu" or values.ndim not in (2, 3):
        raise InvalidFileError(f"is {values.dtype} {list(values.shape)}, not numbers of frames and points")
    if not 0 < len(values) <= base.MAX_FRAMES:
        raise InvalidFileError(f"has {len(values):,} frames; 1 to {base.MAX_FRAMES:,} can be read")
    rows = read_rows(values)
    has_confidence = _use_confidence(rows)
    fps, signer = mediapipe.read_rate_and_signer(about)
    size_beside = about.get("width"), about.get("height")
    size = size_beside if landmarks.is_size(size_beside) else size
    clip = landmarks.make_clip(rows, size, fps, signer)
    return clip.add_warning(CONFIDENCE) if has_confidence else clip


def read_rows(values: np.ndarray) -> np.ndarray:
    """Rows [T, 145, 4] of signjax.data.formats.landmarks from the frames of a clip.

    Args:
      values: [T, points, 2 to 4], or [T, numbers], with NaN or 0 at points that were not seen.

    Raises:
      InvalidFileError: frames of this shape have no known layout; says which have.
    """
    layouts, flat = find_layouts(values.shape[1:]), values.reshape(len(values), -1)
    if values.ndim == 3:
        dims = values.shape[2]
        layouts = [tuple(part._replace(numbers=dims) for part in layout) for layout in layouts]
    # By clip: an order that fits no body in one frame may seem to fit in another. Some of its frames will do.
    sample = flat[:: -(-len(flat) // SAMPLE)]
    return _unpack(flat, min(layouts, key=lambda layout: _measure_gaps(_unpack(sample, layout))))


def _use_confidence(rows: np.ndarray) -> bool:
    """Takes the third value of rows [T, 145, 4] as visibility if it looks so; returns whether it does."""
    third = rows[..., 2][np.isfinite(rows[..., 2])]
    low, high = CONFIDENCES
    # Of zeros there is nothing to take.
    if np.isfinite(rows[..., 3]).any() or not len(third) or third.min() < low or not 0 < third.max() <= high:
        return False
    rows[..., 3] = rows[..., 2]
    return True


def decode_fixed_point(values: np.ndarray) -> np.ndarray:
    """Whole numbers as shares of the picture, NaN where they are missing."""
    return np.where(values == MISSING, np.nan, values / np.float64(FIXED_POINT))


def find_layouts(shape: tuple[int, ...]) -> list[tuple[Part, ...]]:
    """The layouts that a frame of this shape may have; raises InvalidFileError if there is none."""
    if len(shape) == 1 and shape[0] in BY_NUMBERS:
        return BY_NUMBERS[shape[0]]
    if len(shape) == 2 and shape[0] in BY_POINTS and 2 <= shape[1] <= 4:
        return BY_POINTS[shape[0]]
    if shape in HANDS_ONLY:
        raise InvalidFileError("has hands only, no shoulders; signjax needs the upper body and the hands")
    points, numbers = (", ".join(map(str, known)) for known in (BY_POINTS, BY_NUMBERS))
    shown = f"has frames of shape {list(shape)}"
    raise InvalidFileError(f"{shown}; known are [points, 3] of {points} or 178 points, and {numbers} numbers")


def _unpack(flat: np.ndarray, layout: tuple[Part, ...]) -> np.ndarray:
    rows = np.full((len(flat), landmarks.POINTS, 4), np.nan)
    first = 0
    for name, points, numbers in layout:
        last = first + len(points) * numbers
        part = flat[:, first:last].reshape(len(flat), len(points), numbers)
        if name == "face":
            rows[:, landmarks.FIELDS[name], :numbers] = landmarks.select_face(part)
        else:
            rows[:, np.array(points) + landmarks.FIELDS[name].start, :numbers] = part
        first = last
    return rows


def _measure_gaps(rows: np.ndarray) -> tuple[float, int]:
    """How far face and hands lie from the nose and the nearer wrist, in shoulder widths, infinity if unknown;
    and the frames without shoulders."""
    points = np.where(landmarks.find_seen(rows)[..., None], rows[..., :2], np.nan)
    nose, left_wrist, right_wrist = (points[:, k] for k in (0, 15, 16))
    tip = points[:, landmarks.FIELDS["face"].start + landmarks.FACE.index(4)]
    width = np.maximum(np.linalg.norm(points[:, 11] - points[:, 12], axis=-1), 1e-9)
    gaps = [np.linalg.norm(tip - nose, axis=-1) / width]
    for part in ("right_hand", "left_hand"):
        hand = points[:, landmarks.FIELDS[part].start]
        both = [np.linalg.norm(hand - wrist, axis=-1) for wrist in (left_wrist, right_wrist)]
        gaps.append(np.fmin(*both) / width)
    known = np.stack(gaps)
    known = known[np.isfinite(known)]
    # Without face and hands it is the order that shows a body at all.
    return float(np.median(known)) if len(known) else np.inf, int(np.isnan(width).sum())
