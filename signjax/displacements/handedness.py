"""One dominant hand for all clips of a word: left-handed signers make a sign as its mirror image."""

from collections.abc import Sequence

import numpy as np

from signjax.displacements import convert
from signjax.displacements.convert import DisplacementSequence
from signjax.pose import skeleton

# A hand is dominant if its wrist moves this many times as far as the other. In two-handed signs both move
# about equally far, and which of them is a little ahead says nothing about the signer.
LEAD_RATIO = 1.5


def find_leading_hand(sequence: DisplacementSequence) -> int:
    """1 if the right wrist moves clearly farther than the left one, -1 if the left one does, else 0."""
    positions = convert.compute_positions(sequence)
    # Relative to the neck: a body that sways moves both hands and would hide the difference.
    relative = positions - positions[:, [skeleton.NECK]]
    steps = np.diff(relative, axis=0)[:, [skeleton.R_WRIST, skeleton.L_WRIST]]
    right, left = np.sqrt((steps**2).sum(-1)).sum(0)
    return int(right > LEAD_RATIO * left) - int(left > LEAD_RATIO * right)


def mirror_sequence(sequence: DisplacementSequence) -> DisplacementSequence:
    """The clip as a left-handed twin would sign it at the same place: mirrored about its median neck."""
    # skeleton.mirror_pose negates x, which would also carry the signer to the other side of the picture.
    neck_x = np.median(convert.compute_positions(sequence)[:, skeleton.NECK, 0])
    center = np.array([neck_x, 0, 0])
    valid = sequence.valid[:, skeleton.MIRROR]
    # Joints that are never visible lie at 0 by convention, on both sides of the mirror.
    ever_valid = valid.any(0)[:, None]
    start = np.where(ever_valid, skeleton.mirror_pose(sequence.start - center) + center, 0.0)
    return DisplacementSequence(start, skeleton.mirror_pose(sequence.deltas), valid)


def unify_handedness(
    sequences: Sequence[DisplacementSequence],
) -> tuple[list[DisplacementSequence], list[bool]]:
    """Mirrors the clips whose dominant hand is not that of the majority; the right one if there is none.

    Clips in which no hand is clearly dominant stay as they are.

    Returns:
      the clips, and for each of them whether it was mirrored.
    """
    sides = [find_leading_hand(sequence) for sequence in sequences]
    majority = 1 if sum(sides) >= 0 else -1
    mirrored = [side == -majority for side in sides]
    unified = [
        mirror_sequence(sequence) if turn else sequence
        for sequence, turn in zip(sequences, mirrored, strict=True)
    ]
    return unified, mirrored
