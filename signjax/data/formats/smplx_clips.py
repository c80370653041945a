"""Clips from the parameters of SMPL-X in any file format."""

import numpy as np

from signjax.data.formats import base, rotations, smplx_body
from signjax.data.formats.base import JointMap
from signjax.data.formats.smplx_body import BODY, JAW, LEFT, RIGHT, Body
from signjax.io.safe_read import InvalidFileError
from signjax.pose import skeleton
from signjax.pose.clip import Clip

UPPER = slice(12, 22)  # neck, collars, head, shoulders, elbows and wrists, which the field's models use
# Joints of each group of parameters, and whether a clip must have it.
GROUPS = {"body": BODY, "upper": UPPER, "left": LEFT, "right": RIGHT, "jaw": slice(JAW, JAW + 1)}
# Estimators differ in it, and no file says it: the model adds its mean hand unless flat_hand_mean is set.
FLAT_HAND = (
    "hands were taken as turned from a flat hand, and not from the model's mean hand, which files do not say"
)
AT_ONCE = 1024  # frames whose rotations are in memory
JOINT_MAP = JointMap(
    tuple((joint,) for joint in range(8)),
    skeleton.R_HAND,
    skeleton.L_HAND,
    tuple(range(50, skeleton.WITH_FACE)),
)


def make_clip(parameters: dict[str, np.ndarray], body: Body | None, expressions: np.ndarray | None) -> Clip:
    """The clip of some parameters, without name and text.

    Args:
      parameters: for names of GROUPS the rotations of their n joints [T, 3 n], axis times angle, or
        [T, 6 n], the first two rows of matrices. Joints that are not there stay at rest.
      body: the model; None for signjax's own.
      expressions: [T, E], None if there are none.

    Raises:
      InvalidFileError: lengths or sizes are wrong, or see base.select_joints.
    """
    frames = {
        len(values) for values in (*parameters.values(), *([] if expressions is None else [expressions]))
    }
    if len(frames) != 1:
        raise InvalidFileError(f"its parts have {', '.join(map(str, sorted(frames)))} frames")
    count = frames.pop()
    if not 0 < count <= base.MAX_FRAMES:
        raise InvalidFileError(f"has {count:,} frames; 1 to {base.MAX_FRAMES:,} can be read")
    for name, values in parameters.items():
        joints = GROUPS[name].stop - GROUPS[name].start
        if (
            values.ndim != 2
            or values.shape[1] not in (3 * joints, 6 * joints)
            or values.dtype.kind not in "fiu"
        ):
            shown = f"{values.dtype} {list(values.shape)}"
            raise InvalidFileError(
                f"its rotations of {name} are {shown}, not [any, {3 * joints} or {6 * joints}]"
            )
    model = body or smplx_body.make_neutral_body()
    blocks = [slice(k, k + AT_ONCE) for k in range(0, count, AT_ONCE)]
    poses = [_pose_block(parameters, block, model, expressions) for block in blocks]
    pose = np.concatenate(poses)
    seen = np.asarray(np.isfinite(pose).all(-1))
    clip = Clip(*base.select_joints(pose, seen, _map_joints(pose)))
    clip = clip.add_warning(FLAT_HAND)
    return clip if body else clip.add_warning(smplx_body.NEUTRAL)


def _map_joints(pose: np.ndarray) -> JointMap:
    return JOINT_MAP if pose.shape[1] == skeleton.WITH_FACE else JOINT_MAP._replace(face=())


def _pose_block(parameters: dict, block: slice, body: Body, expressions: np.ndarray | None) -> np.ndarray:
    """Our joints of some of the frames."""
    parts = {name: values[block].astype(np.float64) for name, values in parameters.items()}
    count = len(next(iter(parts.values())))
    turns = np.broadcast_to(np.eye(3), (count, smplx_body.JOINTS, 3, 3)).copy()
    for name, values in parts.items():
        joints = GROUPS[name]
        numbers = values.reshape(count, joints.stop - joints.start, -1)
        convert = rotations.from_axis_angle if numbers.shape[-1] == 3 else rotations.from_six_numbers
        turns[:, joints] = convert(numbers)
    return smplx_body.pose_body(
        body, turns, None if expressions is None else expressions[block].astype(np.float64)
    )
