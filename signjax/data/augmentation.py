"""Augmentation for training: changes a window of motion as if another signer had signed it."""

import numpy as np

from signjax.pose import skeleton


def augment_signer(example, rng, *, mirror, turn, size):
    """The same motion by another signer: left-handed, turned, taller or smaller.

    Args:
      example: {"pose" [T, J, 3] canonical, and "valid" [T, J] if joints are missing}, and other arrays that
        stay as they are.
      rng: a numpy generator.
      mirror: chance that left and right are exchanged.
      turn: standard deviation of the angle about the vertical axis, in rad.
      size: standard deviation of the logarithm of the size.
    """
    pose = example["pose"]
    # One angle and one size for the whole window: a signer neither turns nor grows from frame to frame. The
    # logarithm is normal, so that twice the size is as likely as half of it.
    angle, factor = turn * rng.normal(), np.exp(size * rng.normal())
    # About the origin, where canonical space has the neck: signers turn on the spot.
    rotation = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    result = example | {"pose": pose @ (factor * rotation).astype(np.float32)}
    if rng.random() < mirror:
        result["pose"] = skeleton.mirror_pose(result["pose"])
        if "valid" in example:
            # COUNTERPARTS has 120 joints; without a face the first 50 are each other's counterparts.
            result["valid"] = example["valid"][:, skeleton.COUNTERPARTS[: example["valid"].shape[1]]]
    return result
