"""Pose losses and errors, all mean Euclidean distances in the units of the poses given.

One unit for positions, velocities and bone lengths means that their weights say what they seem to say.
"""

import jax.numpy as jnp

from signjax import skeleton


def distance(x):
    """Lengths of the vectors x [..., 3], with a finite gradient at zero."""
    return jnp.sqrt((x**2).sum(-1) + 1e-12)


def mean(x, weight):
    """Mean of x where weight (broadcast against it) is not 0; 0 where it is 0 everywhere."""
    weight = jnp.broadcast_to(weight, x.shape)
    return (x * weight).sum() / jnp.maximum(weight.sum(), 1e-6)


def relative_hands(pose):
    """Both hands relative to their wrists: [..., 50, 3] -> [..., 42, 3], right then left."""
    hands = [pose[..., joints, :] - pose[..., wrist : wrist + 1, :] for joints, wrist in skeleton.HANDS]
    return jnp.concatenate(hands, axis=-2)


def valid_hands(valid):
    """Whether hand joints and their wrists are there: [..., 50] -> [..., 42], right then left."""
    hands = [valid[..., joints] * valid[..., [wrist]] for joints, wrist in skeleton.HANDS]
    return jnp.concatenate(hands, axis=-1)


def reconstruction(pose, target, valid, weights) -> dict:
    """The terms of the reconstruction loss and, as "loss", their weighted sum.

    Args:
      pose: [B, T, 50, 3].
      target: [B, T, 50, 3].
      valid: [B, T, 50], joints that count.
      weights: of the terms, by name.

    Returns:
      {"joints": positions, "body": positions of the body alone, "hands": hands relative to their wrists,
      "velocity": differences of successive frames, "bones": 3-D bone lengths, "loss"}.
    """
    child, parent = skeleton.BONES.T
    steps = valid[:, 1:] * valid[:, :-1]
    error = distance(pose - target)  # [B, T, 50]
    lengths = [distance(x[..., child, :] - x[..., parent, :]) for x in (pose, target)]  # [B, T, 49]
    terms = {
        "joints": mean(error, valid),
        "body": mean(error[..., skeleton.BODY], valid[..., skeleton.BODY]),
        "hands": mean(distance(relative_hands(pose) - relative_hands(target)), valid_hands(valid)),
        "velocity": mean(distance(jnp.diff(pose, axis=1) - jnp.diff(target, axis=1)), steps),
        "bones": mean(jnp.abs(lengths[0] - lengths[1]), valid[..., child] * valid[..., parent]),
    }
    return terms | {"loss": sum(weights[name] * term for name, term in terms.items())}


def errors(pose, target, valid, scale) -> dict:
    """Reconstruction errors in the clips' own units, as {name: (sum [], count [])}.

    Args:
      pose: [B, T, 50, 3] canonical.
      target: [B, T, 50, 3] canonical.
      valid: [B, T, 50], joints that count.
      scale: [B], own units per canonical unit (signjax.pose.Placement).

    Returns:
      Mean per joint position error over all joints ("mpjpe"), body, hands, hands relative to their own
      wrists, and of successive frames' differences ("velocity"); shares of joints nearer than .01, .02
      and .05 ("pck_01" ...). Every frame of every clip counts alike.
    """
    unit = scale[:, None, None]
    error = distance(pose - target) * unit  # [B, T, 50]
    relative = distance(relative_hands(pose) - relative_hands(target)) * unit
    speed = distance(jnp.diff(pose, axis=1) - jnp.diff(target, axis=1)) * unit
    both = slice(skeleton.RIGHT.start, skeleton.LEFT.stop)
    pairs = {
        "mpjpe": (error, valid),
        "mpjpe_body": (error[..., skeleton.BODY], valid[..., skeleton.BODY]),
        "mpjpe_hands": (error[..., both], valid[..., both]),
        "mpjpe_hands_relative": (relative, valid_hands(valid)),
        "velocity": (speed, valid[:, 1:] * valid[:, :-1]),
    }
    pairs |= {f"pck_{100 * a:02.0f}": (error < a, valid) for a in (0.01, 0.02, 0.05)}
    return {name: ((x * weight).sum(), weight.sum()) for name, (x, weight) in pairs.items()}
