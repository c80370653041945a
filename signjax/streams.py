"""Part streams: what of a canonical pose each codec sees, and how the parts make a pose again.

A hand is taken relative to its own wrist, because its shape says the same wherever the arm carries it, and
the left side is mirrored, so that both arms, and both hands, look alike: they share a codec and codebooks,
which doubles the data behind every code. A left-handed twin of a clip has the same features with the sides
exchanged. `join` is the exact inverse of `cut`.
"""

import jax.numpy as jnp
import numpy as np

from signjax import skeleton

ARM_JOINTS = (
    (skeleton.NOSE, skeleton.NECK, skeleton.R_SHOULDER, skeleton.R_ELBOW, skeleton.R_WRIST),
    (skeleton.NOSE, skeleton.NECK, skeleton.L_SHOULDER, skeleton.L_ELBOW, skeleton.L_WRIST),
)
# Latent distances should count what an error costs: a wrist carries a whole hand, the neck stands in both
# arms, and so does the head, but how it is held says whether a sentence asks.
_ARM_WEIGHTS = np.array([1, 0.5, 1, 1, 2], np.float32)[:, None]
_FLIP = np.array([-1, 1, 1], np.float32)

# layout -> {part: features a frame}
LAYOUTS = {"whole": {"whole": 150}, "parts": {"arm": 15, "hand": 63}}


def sides(layout: str) -> tuple[str, ...]:
    """Names of the leading axis [S] that `cut` gives its parts."""
    return ("",) if layout == "whole" else ("right ", "left ")


def cut(pose, layout: str) -> dict:
    """Cuts canonical poses [B, T, 50, 3] into {part: features [S, B, T, F]}, the left side mirrored."""
    if layout == "whole":
        hands = [_relative(pose, *hand) for hand in skeleton.HANDS]
        return {"whole": _flat(jnp.concatenate([pose[..., skeleton.BODY, :], *hands], axis=-2))[None]}
    arms = [pose[..., np.array(joints), :] * _ARM_WEIGHTS for joints in ARM_JOINTS]
    hands = [_relative(pose, *hand) for hand in skeleton.HANDS]
    return {
        name: jnp.stack([_flat(right), _flat(left * _FLIP)])
        for name, (right, left) in (("arm", arms), ("hand", hands))
    }


def join(parts: dict, layout: str):
    """Puts {part: [S, B, T, F]} together to poses [B, T, 50, 3]; what two parts tell twice is averaged."""
    if layout == "whole":
        pose = _joints(parts["whole"][0])
        body, hands = pose[..., skeleton.BODY, :], [pose[..., joints, :] for joints, _ in skeleton.HANDS]
    else:
        (right, left), hands = (_unmirrored(parts[name]) for name in ("arm", "hand"))
        right, left = right / _ARM_WEIGHTS, left / _ARM_WEIGHTS
        trunk = (right[..., :2, :] + left[..., :2, :]) / 2
        body = jnp.concatenate([trunk, right[..., 2:, :], left[..., 2:, :]], axis=-2)
    placed = [
        hand + body[..., wrist : wrist + 1, :]
        for hand, (_, wrist) in zip(hands, skeleton.HANDS, strict=True)
    ]
    return jnp.concatenate([body, *placed], axis=-2)  # [B, T, 50, 3]


def _relative(pose, joints, wrist):
    return pose[..., joints, :] - pose[..., wrist : wrist + 1, :]


def _unmirrored(part):
    right, left = _joints(part)
    return right, left * _FLIP


def _flat(x):
    return x.reshape(*x.shape[:-2], -1)


def _joints(x):
    return x.reshape(*x.shape[:-1], -1, 3)
