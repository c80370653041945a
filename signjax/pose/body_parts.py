"""Part streams: what of a canonical pose each codec sees, and how the parts make a pose again.

A hand is taken relative to its own wrist, because its shape says the same wherever the arm carries it, and
the left side is mirrored, so that both arms, and both hands, look alike: they share a codec and codebooks,
which doubles the data behind every code. A left-handed twin of a clip has the same features with the sides
exchanged. The face, relative to the nose, is a part of its own, cut into halves in the same way. `join` is
the exact inverse of `cut`.
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
_FLIP = np.array([-1, 1, 1], np.float32)
# Of the face's 70 points: those of the right half, of the left, and in the middle, which stand in both.
_RIGHT = np.array([*range(8), *range(17, 22), 31, 32, *range(36, 42), 48, 49, 50, 58, 59, 60, 61, 67, 68])
_LEFT = skeleton.COUNTERPARTS[skeleton.FACE][_RIGHT] - skeleton.NUM_JOINTS
_MIDDLE = np.setdiff1d(np.arange(70), [_RIGHT, _LEFT])
_HALVES = np.array([[*_MIDDLE, *_RIGHT], [*_MIDDLE, *_LEFT]])  # [2, 40]
_PLACES = np.argsort([*_MIDDLE, *_RIGHT, *_LEFT])  # [70], of every point there

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


def sides(layout: str) -> tuple[str, ...]:
    """Names of the leading axis [S] that `cut` gives its parts."""
    return ("",) if "whole" in LAYOUTS[layout] else ("right ", "left ")


def cut(pose, layout: str) -> dict:
    """Cuts canonical poses [B, T, J, 3] into {part: features [S, B, T, F]}, the left side mirrored."""
    parts = _whole(pose) if "whole" in LAYOUTS[layout] else _sides(pose)
    if not has_face(layout):
        return parts
    face = _relative(pose, skeleton.FACE, skeleton.NOSE)
    if "whole" in parts:
        return parts | {"face": jnp.stack([_flat(face)])}
    right, left = (face[..., half, :] for half in _HALVES)
    return parts | {"face": jnp.stack([_flat(right), _flat(left * _FLIP)])}


def _whole(pose) -> dict:
    hands = [_relative(pose, *hand) for hand in skeleton.HANDS]
    return {"whole": _flat(jnp.concatenate([pose[..., skeleton.BODY, :], *hands], axis=-2))[None]}


def _sides(pose) -> dict:
    arms = [pose[..., np.array(joints), :] * _ARM_WEIGHTS for joints in ARM_JOINTS]
    hands = [_relative(pose, *hand) for hand in skeleton.HANDS]
    return {
        name: jnp.stack([_flat(right), _flat(left * _FLIP)])
        for name, (right, left) in (("arm", arms), ("hand", hands))
    }


def join(parts: dict, layout: str):
    """Puts {part: [S, B, T, F]} together to poses [B, T, J, 3]; what two parts tell twice is averaged."""
    if "whole" in parts:
        pose = _joints(parts["whole"][0])
        body, hands = pose[..., skeleton.BODY, :], [pose[..., joints, :] for joints, _ in skeleton.HANDS]
    else:
        (right, left), hands = (_unmirrored(parts[name]) for name in ("arm", "hand"))
        right, left = right / _ARM_WEIGHTS, left / _ARM_WEIGHTS
        trunk = (right[..., :2, :] + left[..., :2, :]) / 2
        body = jnp.concatenate([trunk, right[..., 2:, :], left[..., 2:, :]], axis=-2)
    placed = [
        hand + body[..., wrist : wrist + 1, :] for hand, (_, wrist) in zip(hands, skeleton.HANDS, strict=True)
    ]
    if has_face(layout):
        placed.append(_face(parts["face"]) + body[..., skeleton.NOSE : skeleton.NOSE + 1, :])
    return jnp.concatenate([body, *placed], axis=-2)  # [B, T, 50 or 120, 3]


def _face(part):
    """The 70 points relative to the nose, of one stream or two halves."""
    if len(part) == 1:
        return _joints(part[0])
    right, left = _unmirrored(part)
    count = len(_MIDDLE)
    middle = (right[..., :count, :] + left[..., :count, :]) / 2
    return jnp.concatenate([middle, right[..., count:, :], left[..., count:, :]], axis=-2)[..., _PLACES, :]


def _relative(pose, joints, wrist):
    return pose[..., joints, :] - pose[..., wrist : wrist + 1, :]


def _unmirrored(part):
    right, left = _joints(part)
    return right, left * _FLIP


def _flat(x):
    return x.reshape(*x.shape[:-2], -1)


def _joints(x):
    return x.reshape(*x.shape[:-1], -1, 3)
