"""Body parts: the part of a canonical pose that each codec sees, and how parts become a pose again.

A hand is taken relative to its own wrist, because its shape means the same wherever the arm carries it. The
left side is mirrored, so that both arms, and both hands, look alike: they share a codec and codebooks, which
doubles the data behind every code. A left-handed twin of a clip has the same features with the sides
exchanged. The face, relative to the nose, is a part of its own, divided into halves in the same way.
`merge_parts` is the exact inverse of `split_parts`.
"""

import jax.numpy as jnp
import numpy as np

from signjax.pose import skeleton

ARM_JOINTS = (
    (skeleton.NOSE, skeleton.NECK, skeleton.R_SHOULDER, skeleton.R_ELBOW, skeleton.R_WRIST),
    (skeleton.NOSE, skeleton.NECK, skeleton.L_SHOULDER, skeleton.L_ELBOW, skeleton.L_WRIST),
)
# Latent distances should count what an error costs: a wrist carries a whole hand, the neck stands in both
# arms, and so does the head, but how it is held says whether a sentence asks.
_ARM_WEIGHTS = np.array([1, 0.5, 1, 1, 2], np.float32)[:, None]
# Of x alone: the left side in the mirror.
_FLIP = np.array([-1, 1, 1], np.float32)
# Of the face's 70 points: those of the right half, of the left, and in the middle, which stand in both.
_RIGHT = np.array([*range(8), *range(17, 22), 31, 32, *range(36, 42), 48, 49, 50, 58, 59, 60, 61, 67, 68])
_LEFT = skeleton.COUNTERPARTS[skeleton.FACE][_RIGHT] - skeleton.NUM_JOINTS
_MIDDLE = np.setdiff1d(np.arange(70), [_RIGHT, _LEFT])
_HALVES = np.array([[*_MIDDLE, *_RIGHT], [*_MIDDLE, *_LEFT]])  # [2, 40]
_FACE_ORDER = np.argsort([*_MIDDLE, *_RIGHT, *_LEFT])  # [70], where each point stands among these

# layout -> {part: features a frame}; poses have 120 joints where there is a part "face", else 50
LAYOUTS = {
    "whole": {"whole": 150},
    "parts": {"arm": 15, "hand": 63},
    "whole+face": {"whole": 150, "face": 210},
    "parts+face": {"arm": 15, "hand": 63, "face": 120},
}


def has_face(layout: str) -> bool:
    """Whether a layout's poses have a face."""
    return "face" in LAYOUTS[layout]


def list_sides(layout: str) -> tuple[str, ...]:
    """Names of the leading axis [S] that `split_parts` gives its parts."""
    return ("",) if "whole" in LAYOUTS[layout] else ("right ", "left ")


def split_parts(pose, layout: str) -> dict:
    """Splits canonical poses [B, T, J, 3] into {part: features [S, B, T, F]}, the left side mirrored."""
    parts = _split_whole(pose) if "whole" in LAYOUTS[layout] else _split_sides(pose)
    if not has_face(layout):
        return parts
    # Relative to the nose the face says what it expresses, not where the head is.
    face = _subtract_origin(pose, skeleton.FACE, skeleton.NOSE)
    if "whole" in parts:
        return parts | {"face": jnp.stack([_flatten_joints(face)])}
    right, left = (face[..., half, :] for half in _HALVES)
    return parts | {"face": jnp.stack([_flatten_joints(right), _flatten_joints(left * _FLIP)])}


def _split_whole(pose) -> dict:
    hands = [_subtract_origin(pose, *hand) for hand in skeleton.HANDS]
    return {"whole": _flatten_joints(jnp.concatenate([pose[..., skeleton.BODY, :], *hands], axis=-2))[None]}


def _split_sides(pose) -> dict:
    arms = [pose[..., np.array(joints), :] * _ARM_WEIGHTS for joints in ARM_JOINTS]
    hands = [_subtract_origin(pose, *hand) for hand in skeleton.HANDS]
    return {
        name: jnp.stack([_flatten_joints(right), _flatten_joints(left * _FLIP)])
        for name, (right, left) in (("arm", arms), ("hand", hands))
    }


def merge_parts(parts: dict, layout: str):
    """Puts {part: [S, B, T, F]} together to poses [B, T, J, 3]; joints that two parts have are averaged."""
    if "whole" in parts:
        pose = _restore_joints(parts["whole"][0])
        body, hands = pose[..., skeleton.BODY, :], [pose[..., joints, :] for joints, _ in skeleton.HANDS]
    else:
        (right, left), hands = (_undo_mirror(parts[name]) for name in ("arm", "hand"))
        right, left = right / _ARM_WEIGHTS, left / _ARM_WEIGHTS
        # Both arms have nose and neck, so that each codec sees where its arm hangs.
        trunk = (right[..., :2, :] + left[..., :2, :]) / 2
        body = jnp.concatenate([trunk, right[..., 2:, :], left[..., 2:, :]], axis=-2)
    placed = [
        hand + body[..., wrist : wrist + 1, :] for hand, (_, wrist) in zip(hands, skeleton.HANDS, strict=True)
    ]
    if has_face(layout):
        placed.append(_merge_face(parts["face"]) + body[..., skeleton.NOSE : skeleton.NOSE + 1, :])
    return jnp.concatenate([body, *placed], axis=-2)  # [B, T, 50 or 120, 3]


def _merge_face(part):
    """The 70 points relative to the nose, of one stream or two halves."""
    if len(part) == 1:
        return _restore_joints(part[0])
    right, left = _undo_mirror(part)
    count = len(_MIDDLE)
    middle = (right[..., :count, :] + left[..., :count, :]) / 2
    face = jnp.concatenate([middle, right[..., count:, :], left[..., count:, :]], axis=-2)
    return face[..., _FACE_ORDER, :]


def _subtract_origin(pose, joints, origin: int):
    return pose[..., joints, :] - pose[..., origin : origin + 1, :]


def _undo_mirror(part):
    right, left = _restore_joints(part)
    return right, left * _FLIP


def _flatten_joints(x):
    return x.reshape(*x.shape[:-2], -1)


def _restore_joints(x):
    return x.reshape(*x.shape[:-1], -1, 3)
