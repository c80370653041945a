"""Joints that were not seen, in batches of padded clips: where they are put, and how much they count.

A batch is {"pose" [B, T, J, 3] canonical, "mask" [B, T], True on a clip's frames, and "valid" [B, T, J] if
joints are missing in any of them}.
"""

import jax.numpy as jnp
import numpy as np

from signjax.pose import kinematics, skeleton

# Mean distance of a hand's joints from its wrist, in neck-to-shoulder lengths, below which a hand of a model
# is one that is not there. Of 97,000 recorded hands in four data sets none was smaller than .15.
COLLAPSED = 0.1


def fill_missing_joints(batch):
    """Poses [B, T, J, 3] of a batch with missing joints on their parents, so that models see whole bodies.

    A hand that was not seen is a point on its wrist. A missing neck is at the origin, where necks are.
    """
    # Most data sets miss nothing, and then have no mask: the program for them stays without this part.
    if "valid" not in batch:
        return batch["pose"]
    valid = jnp.asarray(batch["valid"])
    # What stands at missing joints is arbitrary, even NaN; a missing neck would be left as it is.
    return kinematics.fill_missing(jnp.where(valid[..., None], batch["pose"], 0), valid)


def joint_weights(batch):
    """What each joint counts in a loss, [B, T, J] float32: 1, or 0 in padding and where it is missing."""
    mask = jnp.broadcast_to(batch["mask"][..., None], batch["pose"].shape[:-1])
    return (mask & batch["valid"] if "valid" in batch else mask).astype(jnp.float32)


def loss_weights(batch):
    """What each joint counts in the loss of what reconstructs `fill_missing_joints`, [B, T, J] float32.

    As `joint_weights`; and a hand of which nothing was seen counts, if its wrist was seen. So a model learns
    that it is a point there, by which `find_shown_joints` knows later that it was missing.
    """
    if "valid" not in batch:
        return joint_weights(batch)
    weights = joint_weights(batch)
    for joints, wrist in skeleton.HANDS:
        absent = ~batch["valid"][..., joints].any(-1) & batch["valid"][..., wrist] & batch["mask"]
        weights = weights.at[..., joints].max(absent[..., None].astype(weights.dtype))
    return weights


def find_shown_joints(pose: np.ndarray) -> np.ndarray:
    """Which joints a model's poses show: not those of a hand that is a point at its wrist.

    Args:
      pose: [T, J, 3] canonical, as decoded.

    Returns:
      [T, J] bool.
    """
    shown = np.ones(pose.shape[:2], bool)
    for joints, wrist in skeleton.HANDS:
        size = np.linalg.norm(pose[:, joints] - pose[:, wrist : wrist + 1], axis=-1).mean(1)
        shown[:, joints] = (size >= COLLAPSED)[:, None]
    return shown
