"""Joints that were not seen, in batches of padded clips: where they are put, and how much they count.

A batch is {"pose" [B, T, J, 3] canonical, "mask" [B, T], True on a clip's frames, and "valid" [B, T, J] if
joints are missing in any of them}.
"""

import jax.numpy as jnp

from signjax.pose import kinematics


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
