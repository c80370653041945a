"""The arrays of the SLRTP 2025 challenge: 178 points in 3-D, one .npy file for each clip.

Points are 8 of the body (arms and hips), 21 of the right hand, 21 of the left and 128 of the face
(github.com/walsharry/SLRTP_Skeleton_Keypoint_information). The challenge's .pt files are Python objects,
which signjax does not read: docs/data.md has the lines that turn them into arrays.

The face is the lines of MediaPipe's face mesh: outline, brows, eyes and lips, no nose and no pupils. Its
order is not published, but lines between its points are. They agree, in all 92 lines that the mesh has, with
one order: that in which points appear in a set of MediaPipe's lines in Python 3.7. The challenge's scripts
name the ascending order, too. A clip shows which it has: in the right one neighbours lie side by side.
"""

import numpy as np

from signjax.data.formats import base, landmarks
from signjax.data.formats.base import JointMap
from signjax.pose.clip import Clip

POINTS = 178
MAX_BYTES = 1 << 28  # of a file: ten minutes and more, in double precision
FPS = 25.0
FACE_START = 50
JOINT_MAP = JointMap((tuple(range(50, 178)), (0, 3), (0,), (1,), (2,), (3,), (4,), (5,)), 8, 29)
# The point of the face mesh for each of the 128.
MESH_POINTS = (
    *(82, 13, 381, 382, 311, 310, 70, 63, 87, 14, 362, 80, 81, 144, 145, 390),
    *(373, 377, 152, 66, 107, 466, 388, 158, 157, 93, 234, 293, 334, 375, 291, 37),
    *(0, 163, 312, 374, 270, 409, 365, 379, 173, 318, 324, 378, 400, 308, 332, 284),
    *(162, 21, 263, 386, 385, 33, 7, 61, 185, 161, 160, 103, 67, 53, 52, 321),
    *(454, 323, 361, 176, 149, 155, 133, 295, 285, 317, 40, 39, 338, 297, 17, 314),
    *(415, 384, 148, 397, 172, 58, 54, 132, 387, 127, 178, 181, 84, 283, 282, 136),
    *(105, 300, 153, 159, 251, 389, 296, 336, 109, 65, 249, 154, 46, 380, 246, 276),
    *(267, 269, 146, 402, 78, 191, 405, 356, 398, 288, 95, 91, 10, 88, 55, 150),
)  # fmt: skip
ORDERS = (MESH_POINTS, tuple(sorted(MESH_POINTS)))
# Neighbours in the face of 70 points: of the outline, brows, eyes and lips.
NEIGHBOURS = np.array([k for k in (*range(26), *range(36, 67)) if k not in (16, 21, 41, 47, 59)])
CLEARLY = 0.6  # lines of the right order are as long as this share of those of the other, or shorter
UNKNOWN_FACE = "the order of the face's 128 points is neither of the known ones: the face is not read"


def is_slrtp(values: np.ndarray) -> bool:
    """Whether an array is such a clip."""
    return values.dtype.kind == "f" and values.shape[1:] in ((POINTS, 3), (3 * POINTS,))


def convert_clip(values: np.ndarray) -> Clip:
    """The clip of an array, without name and text; raises InvalidFileError as base.select_joints."""
    # Both shapes are in use; what was not seen is 0.
    points = values.reshape(len(values), POINTS, 3).astype(np.float64)
    seen = (points != 0).any(-1)
    face = _map_face(points, seen)
    pose, valid = base.select_joints(points, seen, JOINT_MAP._replace(face=face))
    clip = Clip(base.turn_upright(pose), valid, fps=FPS)
    return clip if face or not seen[:, FACE_START:].any() else clip.add_warning(UNKNOWN_FACE)


def _map_face(points: np.ndarray, seen: np.ndarray) -> tuple[int, ...]:
    """The point of each of the 70 of a face, -1 for none; () if the order is not known."""
    whole = points[seen[:, FACE_START:].all(1)]
    if not len(whole):
        return ()
    maps = []
    for order in ORDERS:
        places = {number: FACE_START + k for k, number in enumerate(order)}
        maps.append(tuple(places.get(number, -1) for number in landmarks.FACE))
    lengths = [_measure_lines(whole, numbers) for numbers in maps]
    best = int(np.argmin(lengths))
    return maps[best] if lengths[best] <= CLEARLY * lengths[1 - best] else ()


def _measure_lines(points: np.ndarray, numbers: tuple[int, ...]) -> float:
    """The length of the lines between neighbours in a face, the median of the frames."""
    face = points[:, np.array(numbers)]
    lines = face[:, NEIGHBOURS] - face[:, NEIGHBOURS + 1]
    return float(np.median(np.linalg.norm(lines, axis=-1).sum(1)))
