"""The arrays of the SLRTP 2025 challenge: 178 points of 3-D, an .npy file a clip.

Points are 8 of the body (arms and hips), 21 of the right hand, 21 of the left and 128 of the face
(github.com/walsharry/SLRTP_Skeleton_Keypoint_information). The challenge's .pt files are Python objects,
which signjax does not read: docs/data.md has the lines that turn them into arrays. The order of the
face's 128 points is not published, so only their middle is used, as the nose.
"""

import numpy as np

from signjax.data.formats import base
from signjax.data.formats.base import JointMap
from signjax.pose.clip import Clip

POINTS = 178
MAX_BYTES = 1 << 28  # of a file: ten minutes and more, in double precision
FPS = 25.0
JOINT_MAP = JointMap((tuple(range(50, 178)), (0, 3), (0,), (1,), (2,), (3,), (4,), (5,)), 8, 29)


def is_slrtp(values: np.ndarray) -> bool:
    """Whether an array is such a clip."""
    return values.dtype.kind == "f" and values.shape[1:] in ((POINTS, 3), (3 * POINTS,))


def convert_clip(values: np.ndarray) -> Clip:
    """The clip of an array, without name and text; raises InvalidFileError as base.select_joints."""
    # Both shapes are in use; what was not seen is 0.
    points = values.reshape(len(values), POINTS, 3).astype(np.float64)
    pose, valid = base.select_joints(points, (points != 0).any(-1), JOINT_MAP)
    return Clip(base.turn_upright(pose), valid, fps=FPS)
