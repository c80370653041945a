"""Finds the right hand of the signer among two hands: the one at the right wrist, for the whole clip."""

import numpy as np

from signjax.data.formats.base import JointMap

# The other wrist must be clearly nearer: where a signer's hands rest in each other both are as near.
CLEARLY = 0.8
CROSSED = "its two hands were in each other's place: each was put to the nearer wrist"


def cross_hands(points: np.ndarray, seen: np.ndarray, joint_map: JointMap) -> tuple[JointMap, bool]:
    """The map with the hands at the wrists that they are nearer to.

    Programs that detect hands for themselves name them after the side of the picture, or of a mirrored one.

    Args:
      points: [T, N, 3] in a unit that is the same for x and y.
      seen: [T, N] bool.
      joint_map: where hands and wrists are.

    Returns:
      (map, whether its hands were exchanged).
    """
    right, left = joint_map.right, joint_map.left
    wrists = joint_map.body[4], joint_map.body[7]
    if right is None or left is None or not all(len(wrist) == 1 for wrist in wrists):
        return joint_map, False
    right_wrist, left_wrist = (wrist[0] for wrist in wrists)
    both_seen = seen[:, right_wrist] & seen[:, left_wrist]
    straight, crossed, count = 0.0, 0.0, 0
    for hand, own, other in ((right, right_wrist, left_wrist), (left, left_wrist, right_wrist)):
        # Frames with one wrist only would count for one of the two sums.
        rows = both_seen & seen[:, hand]
        for_own, for_other = (_sum_distances(points[rows, hand], points[rows, w]) for w in (own, other))
        straight, crossed, count = straight + for_own, crossed + for_other, count + int(rows.sum())
    # By clip: in single frames hands touch and wrists are guessed.
    exchange = count > 0 and crossed < CLEARLY * straight
    return (joint_map._replace(right=left, left=right) if exchange else joint_map), exchange


def _sum_distances(hands: np.ndarray, wrists: np.ndarray) -> float:
    return float(np.linalg.norm((hands - wrists)[:, :2], axis=-1).sum())
