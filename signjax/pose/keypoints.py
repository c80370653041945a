"""Which joints of a pose are near enough to another's, for the percentage of correct keypoints (PCK).

It works on numpy's arrays and on JAX's, so that a training counts as an evaluation does.
"""

from signjax.pose import skeleton


def find_correct_keypoints(error, reference, valid, seen, share: float):
    """Which of k joints are correct: nearer than a share of the shoulder width of their frame.

    Args:
      error: [..., k], distances of the joints.
      reference: [..., J, D], the poses that are compared with, in the unit of the distances.
      valid: [..., k], what each joint counts.
      seen: [..., J], which joints of the reference are there.
      share: of the shoulder width.

    Returns:
      (correct [..., k] bool, what each counts [..., k]): frames that miss a shoulder count nothing.
    """
    right, left = skeleton.R_SHOULDER, skeleton.L_SHOULDER
    width = ((reference[..., right, :] - reference[..., left, :]) ** 2).sum(-1) ** 0.5
    # A frame that misses a shoulder has no width to take a share of.
    measured = (seen[..., right] > 0) & (seen[..., left] > 0)
    return error < share * width[..., None], valid * measured[..., None]
