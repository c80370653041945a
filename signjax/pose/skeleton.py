"""The skeleton of 50 joints that all of signjax uses: names, tree, groups, mirror image; and the face.

Order: 8 body joints (the first eight OpenPose BODY points), 21 right-hand and 21 left-hand joints (the
OpenPose hand order). "Right" is the signer's right; the root of each hand is a child of its own wrist.
Where data have a face, its 70 points follow in OpenPose's order, as children of the nose: an array of 120
joints is one with a face, and its first 50 are what they are without.
Coordinates are x to the image's right, y down, z away from or towards the camera, as the data have it.
"""

import numpy as np

NUM_JOINTS = 50  # of body and hands
WITH_FACE = 120  # joints where there is a face
NOSE, NECK = 0, 1
R_SHOULDER, R_ELBOW, R_WRIST, L_SHOULDER, L_ELBOW, L_WRIST = 2, 3, 4, 5, 6, 7
R_HAND, L_HAND = 8, 29  # the hand roots
FINGERS = ("thumb", "index", "middle", "ring", "little")

BODY = slice(0, 8)
RIGHT = slice(8, 29)
LEFT = slice(29, 50)
# Outline 17 points from the right ear to the left, brows 10, nose 9, eyes 12, lips 20, pupils 2.
FACE = slice(NUM_JOINTS, WITH_FACE)
# (hand joints, their wrist): errors relative to the wrist and features of hands are built from these.
HANDS = ((RIGHT, R_WRIST), (LEFT, L_WRIST))


def _make_names() -> tuple[str, ...]:
    arm = ("shoulder", "elbow", "wrist")
    body = ["nose", "neck"] + [f"{side}_{part}" for side in ("right", "left") for part in arm]
    hand = ["hand"] + [f"{finger}_{k}" for finger in FINGERS for k in (1, 2, 3, 4)]
    return tuple(body + [f"{side}_{part}" for side in ("right", "left") for part in hand])


def _make_parents() -> np.ndarray:
    parents = [NECK, -1, NECK, R_SHOULDER, R_ELBOW, NECK, L_SHOULDER, L_ELBOW]
    for root, wrist in ((R_HAND, R_WRIST), (L_HAND, L_WRIST)):
        parents.append(wrist)
        for joint in range(1, 21):
            parents.append(root if joint % 4 == 1 else root + joint - 1)
    return np.array(parents)


def _make_counterparts() -> np.ndarray:
    # The face's lines run from the right to the left, eyes and lips around: each in its own order backwards.
    outline, brows, bridge, nose = range(16, -1, -1), range(26, 16, -1), range(27, 31), range(35, 30, -1)
    eyes = (45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40)
    lips = (*range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65)
    face = np.array([*outline, *brows, *bridge, *nose, *eyes, *lips, 69, 68])
    return np.array([0, 1, 5, 6, 7, 2, 3, 4, *range(29, 50), *range(8, 29), *(NUM_JOINTS + face)])


NAMES = _make_names()  # of the 50
PARENTS = _make_parents()  # [50], -1 for the neck, the root of the tree
# Every joint after its parent: loops over the tree go in this order.
ORDER = (NECK, NOSE, *range(2, NUM_JOINTS))
BONES = np.array([(joint, PARENTS[joint]) for joint in ORDER[1:]])  # [49, 2] child, parent
COUNTERPARTS = _make_counterparts()  # [120], joint -> its counterpart, that of a face point in the face
MIRROR = COUNTERPARTS[:NUM_JOINTS]

# Proportions of an average adult in neck-to-shoulder lengths, the unit of canonical space
# (signjax.pose.normalization). Rounded; used to measure a clip's size and to build the demo's signers.
_HAND_LENGTHS = [
    0.12,  # wrist to hand root
    *(0.22, 0.26, 0.20, 0.16),  # thumb
    *(0.54, 0.25, 0.15, 0.12),  # index
    *(0.49, 0.27, 0.16, 0.11),  # middle
    *(0.44, 0.26, 0.14, 0.11),  # ring
    *(0.41, 0.21, 0.11, 0.09),  # little
]
# [50], the length of the bone from each joint to its parent, 0 for the root
LENGTHS = np.array([1.2, 0.0, 1.0, 1.65, 1.25, 1.0, 1.65, 1.25] + 2 * _HAND_LENGTHS)


def mirror_pose(pose):
    """The pose as a left-handed twin would sign it: x negated, right and left swapped; its own inverse.

    Args:
      pose: [..., 50 or 120, 3] positions with x measured from the plane of symmetry.
    """
    return pose[..., COUNTERPARTS[: pose.shape[-2]], :] * np.array([-1, 1, 1], pose.dtype)


def bone_lengths(pose):
    """Lengths [..., 49] of the bones in BONES order, in the units of pose [..., 50 or 120, 3]."""
    vectors = pose[..., BONES[:, 0], :] - pose[..., BONES[:, 1], :]
    return (vectors**2).sum(-1) ** 0.5
