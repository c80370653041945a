"""Pose losses and errors: mean Euclidean distances, in the unit of the poses.

Positions, velocities and bone lengths have one unit, so that their weights can be compared with one another.
"""

import jax.numpy as jnp

from signjax.pose import skeleton
from signjax.pose.keypoints import find_correct_keypoints


def vector_length(x):
    """Lengths [...] of the vectors x [..., D], with a finite gradient at zero."""
    # A hand that collapses to a point, or a perfect reconstruction, has lengths of exactly 0.
    return jnp.sqrt((x**2).sum(-1) + 1e-12)


def masked_mean(x, weight):
    """Mean of x where weight (broadcast against it) is not 0; 0 where it is 0 everywhere."""
    # A batch may show no face, or no hand, at all: its loss is 0 then, not NaN.
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


def relative_face(pose):
    """The face relative to the nose: [..., 120, 3] -> [..., 70, 3]."""
    return pose[..., skeleton.FACE, :] - pose[..., skeleton.NOSE : skeleton.NOSE + 1, :]


def valid_face(valid):
    """Whether face points and the nose are there: [..., 120] -> [..., 70]."""
    return valid[..., skeleton.FACE] * valid[..., [skeleton.NOSE]]


def _split_face(pose, target, valid):
    """(pose, target, valid) of body and hands; errors and valid [B, T, 70] of the face, or None."""
    # 70 points of a face among 120 would outvote the 42 of the hands, which carry the signs.
    if pose.shape[-2] == skeleton.NUM_JOINTS:
        return (pose, target, valid), None
    face = vector_length(relative_face(pose) - relative_face(target)), valid_face(valid)
    joints = slice(0, skeleton.NUM_JOINTS)
    return (pose[..., joints, :], target[..., joints, :], valid[..., joints]), face


def reconstruction_losses(pose, target, valid, weights) -> dict:
    """The terms of the reconstruction loss and, as "loss", their weighted sum.

    Args:
      pose: [B, T, J, 3], J 50, or 120 with a face.
      target: [B, T, J, 3].
      valid: [B, T, J] float, what each joint counts: 0 for missing ones.
      weights: of the terms, by name.

    Returns:
      {"joints": positions, "body": positions of the body alone, "hands": hands relative to their wrists,
      "velocity": differences of successive frames, "bones": 3-D bone lengths, "face": face relative to the
      nose if there is one, "loss"}. All but "face" are of the 50 joints of body and hands.
    """
    (pose, target, valid), face = _split_face(pose, target, valid)
    child, parent = skeleton.BONES.T
    # A velocity exists where both of its frames show the joint.
    steps = valid[:, 1:] * valid[:, :-1]
    error = vector_length(pose - target)  # [B, T, 50]
    lengths = [vector_length(x[..., child, :] - x[..., parent, :]) for x in (pose, target)]  # [B, T, 49]
    terms = {
        "joints": masked_mean(error, valid),
        "body": masked_mean(error[..., skeleton.BODY], valid[..., skeleton.BODY]),
        # Relative to the wrists, or the arms' errors would drown the shapes of the hands.
        "hands": masked_mean(
            vector_length(relative_hands(pose) - relative_hands(target)), valid_hands(valid)
        ),
        "velocity": masked_mean(vector_length(jnp.diff(pose, axis=1) - jnp.diff(target, axis=1)), steps),
        "bones": masked_mean(jnp.abs(lengths[0] - lengths[1]), valid[..., child] * valid[..., parent]),
    }
    if face:
        terms["face"] = masked_mean(*face)
    return terms | {"loss": sum(weights[name] * term for name, term in terms.items())}


def reconstruction_errors(pose, target, valid, scale) -> dict:
    """Reconstruction errors in the units of the clips, as {name: (sum [], count [])}.

    Args:
      pose: [B, T, J, 3] canonical, J 50, or 120 with a face.
      target: [B, T, J, 3] canonical.
      valid: [B, T, J], joints that count.
      scale: [B], units of each clip per neck-to-shoulder length (signjax.pose.normalization.Placement).

    Returns:
      Mean per-joint position error over all joints ("mpjpe"), body, hands, hands relative to their own
      wrists, and of successive frames' differences ("velocity"); shares of joints nearer than .01, .02 and
      .05 shoulder widths of their frame ("pck_01" ..., see signjax.pose.keypoints). All are of the 50 joints
      of body and hands, so that numbers with and without a face compare. With a face there is its error
      relative to the nose ("mpjpe_face"). Every frame of every clip counts alike.
    """
    (pose, target, valid), face = _split_face(pose, target, valid)
    # In the unit of the data (pixels, metres) errors mean something to those who made them.
    unit = scale[:, None, None]
    error = vector_length(pose - target) * unit  # [B, T, 50]
    relative = vector_length(relative_hands(pose) - relative_hands(target)) * unit
    speed = vector_length(jnp.diff(pose, axis=1) - jnp.diff(target, axis=1)) * unit
    hands = slice(skeleton.RIGHT.start, skeleton.LEFT.stop)
    pairs = {
        "mpjpe": (error, valid),
        "mpjpe_body": (error[..., skeleton.BODY], valid[..., skeleton.BODY]),
        "mpjpe_hands": (error[..., hands], valid[..., hands]),
        "mpjpe_hands_relative": (relative, valid_hands(valid)),
        "velocity": (speed, valid[:, 1:] * valid[:, :-1]),
    }
    # Shares of the shoulder width as in evaluations: of pixels, a hundredth would be nothing.
    pairs |= {
        f"pck_{100 * share:02.0f}": find_correct_keypoints(
            error, target * unit[..., None], valid, valid, share
        )
        for share in (0.01, 0.02, 0.05)
    }
    if face:
        pairs["mpjpe_face"] = face[0] * unit, face[1]
    # Sums and counts, not means: batches of different sizes, on several hosts, add up to the exact mean.
    return {name: ((x * weight).sum(), weight.sum()) for name, (x, weight) in pairs.items()}
