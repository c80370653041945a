"""Clips as BVH (Biovision Hierarchy), the motion files of motion capture: text, for any 3-D program.

Centimetres, y up, the figure faces +z. The root has its position and all bones three angles in degrees, in
the order z, x, y: a bone is turned about its y axis first. The rest pose is a T-pose.
"""

import numpy as np

from signjax.export.avatar_clip import move_avatar
from signjax.pose import quaternions
from signjax.pose.avatar_rig import LEAVES, NAMES, PARENTS
from signjax.pose.clip import Clip
from signjax.pose.rotations import AvatarMotion

CENTIMETRES = 100
ANGLES = "Zrotation Xrotation Yrotation"
PLACE = "Xposition Yposition Zposition"


def format_bvh(clip: Clip) -> bytes:
    """Formats a clip as a BVH file with the clip's own frame rate.

    Raises:
      DataError: the clip has no depth, no frames or no body.
    """
    motion, fps = move_avatar(clip)
    turned = [bone for bone, name in enumerate(NAMES) if _has_channels(bone, name)]
    angles = _measure_angles(motion.rotations[:, turned])  # [T, n, 3]
    values = np.concatenate([motion.hips * CENTIMETRES, angles.reshape(len(angles), -1)], 1)
    rows = (" ".join(f"{value:.5f}" for value in row) for row in values.tolist())
    head = [
        "HIERARCHY",
        *_format_bone(0, motion, 0),
        "MOTION",
        f"Frames: {len(values)}",
        f"Frame Time: {1 / fps:.9f}",
    ]
    return ("\n".join([*head, *rows]) + "\n").encode()


def _has_channels(bone: int, name: str) -> bool:
    # The end of a bone has none; but an end beside another bone is a joint for readers.
    return name not in LEAVES or np.count_nonzero(PARENTS[bone] == PARENTS) > 1


def _format_bone(bone: int, motion: AvatarMotion, depth: int) -> list[str]:
    """The lines of a bone and of all that hang on it."""
    indent, name = "  " * depth, NAMES[bone]
    offset = " ".join(f"{x:.5f}" for x in motion.offsets[bone] * CENTIMETRES)
    if not _has_channels(bone, name):
        return [f"{indent}End Site", f"{indent}{{", f"{indent}  OFFSET {offset}", f"{indent}}}"]
    channels = f"6 {PLACE} {ANGLES}" if bone == 0 else f"3 {ANGLES}"
    lines = [f"{indent}{'JOINT' if bone else 'ROOT'} {name}", f"{indent}{{"]
    lines += [f"{indent}  OFFSET {offset}", f"{indent}  CHANNELS {channels}"]
    children = np.flatnonzero(bone == PARENTS).tolist()
    for child in children:
        lines += _format_bone(child, motion, depth + 1)
    if not children:
        # Every chain has an end; this one has no length of its own.
        lines += [f"{indent}  End Site", f"{indent}  {{", f"{indent}    OFFSET 0 0 0", f"{indent}  }}"]
    return [*lines, f"{indent}}}"]


def _measure_angles(turns: np.ndarray) -> np.ndarray:
    """Angles [T, n, 3] in degrees about z, x and y of rotations [T, n, 4], without jumps of whole turns."""
    matrix = quaternions.to_matrix(turns)
    x = np.arcsin(np.clip(matrix[..., 2, 1], -1, 1))
    z = np.arctan2(-matrix[..., 0, 1], matrix[..., 1, 1])
    y = np.arctan2(-matrix[..., 2, 0], matrix[..., 2, 2])
    return np.degrees(np.unwrap(np.stack([z, x, y], -1), axis=0))
