"""A clip from MediaPipe's landmarks in any file format: units and visibility."""

from typing import TypeGuard

import numpy as np

from signjax.data import picture_units
from signjax.data.formats import base
from signjax.data.formats.base import JointMap
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip

# The landmark of the face mesh for each of the 70 points: outline from ear to ear, brows, nose, eyes, lips.
FACE = (
    *(127, 234, 132, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 361, 454, 356),
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),
    *(168, 197, 5, 4, 98, 97, 2, 326, 327),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    *(78, 82, 13, 312, 308, 317, 14, 87),
    *(468, 473),
)
PARTS = {"pose": 33, "right_hand": 21, "left_hand": 21, "face": 478}  # points; a face may have 468
FIELDS = {
    "pose": slice(0, 33),
    "right_hand": slice(33, 54),
    "left_hand": slice(54, 75),
    "face": slice(75, 145),
}
POINTS = 145  # of the face those of `FACE` alone
JOINT_MAP = JointMap(
    ((0,), (12, 11), (12,), (14,), (16,), (11,), (13,), (15,)), 33, 54, tuple(range(75, POINTS))
)
UNSET = float("nan")  # visibility of a point that has none
# Shares of a picture are about 0 to 1, with some points beyond its edges; larger numbers must be pixels.
MAX_SHARE = 8.0


def make_clip(
    rows: np.ndarray,
    size: tuple[int, int] | None,
    fps: float | None = None,
    signer: str | None = None,
) -> Clip:
    """The clip of some frames, without name and text.

    Args:
      rows: [T, 145, 4] in the order of `FIELDS`: x, y, z and visibility; x is NaN, or x and y are 0, for
        points that were not seen, and visibility is NaN where it is not set.
      size: width and height of the picture in pixels, None if unknown.
      fps, signer: None if unknown.

    Raises:
      InvalidFileError: coordinates are shares of a picture whose size is unknown, or see base.select_joints.
    """
    if not len(rows):
        raise InvalidFileError("has 0 frames")
    seen = find_seen(rows)
    # Depth stays 0: it has another unit for each part of the body, see signjax.data.formats.pose_format.
    points = np.zeros((*seen.shape, 3))
    points[..., :2] = np.where(seen[..., None], rows[..., :2], 0.0) * _find_unit(rows[seen, :2], size)
    clip = Clip(*base.select_joints(points, seen, JOINT_MAP), fps=fps, signer=signer)
    return picture_units.scale_percents(clip, size)


def find_seen(rows: np.ndarray) -> np.ndarray:
    """Which points were seen [T, 145], see `make_clip`."""
    seen = np.isfinite(rows[..., :2]).all(-1) & (rows[..., :2] != 0).any(-1)
    visibility = np.where(np.isnan(rows[..., 3]), 1.0, rows[..., 3])
    for name, part in FIELDS.items():
        # Only the pose model sets a visibility. For hands and faces programs write the default of the field,
        # 0, which says nothing as long as no point of the clip has more.
        largest = visibility[:, part][seen[:, part]].max(initial=0.0)
        if largest > (0.0 if name == "pose" else base.MIN_CONFIDENCE):
            seen[:, part] &= visibility[:, part] > base.MIN_CONFIDENCE
    return seen


def select_face(mesh: np.ndarray) -> np.ndarray:
    """The 70 points of a face mesh [..., 468 or 478, D]; NaN for the pupils if it has none."""
    face = np.full((*mesh.shape[:-2], len(FACE), mesh.shape[-1]), np.nan)
    known = [k for k, number in enumerate(FACE) if number < mesh.shape[-2]]
    face[..., known, :] = mesh[..., [FACE[k] for k in known], :]
    return face


def is_size(size) -> TypeGuard[tuple[int, int]]:
    """Whether two values from a file are a picture's width and height."""
    return all(isinstance(n, int | float) and 0 < n < 1 << 16 for n in size)


def _find_unit(points: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """The factors [2] that turn x and y of points [N, 2] into pixels."""
    # Whoever wrote the file may have multiplied already. The median: single points may lie anywhere.
    if len(points) and np.median(np.abs(points).max(-1)) > MAX_SHARE:
        return np.ones(2)
    if size is None:
        advice = "give --size as in 1280x720"
        raise InvalidFileError(f"has no width and height of its picture; add them, or {advice}")
    return np.array(size, np.float64)
