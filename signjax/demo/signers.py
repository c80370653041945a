"""The demo's signers: made-up people with proportions, place, tempo, handedness and amplitude."""

from functools import cache
from typing import NamedTuple

import numpy as np

from signjax.pose import skeleton

NUM_SIGNERS = 24  # in a demo set


class Signer(NamedTuple):
    """A signer's body and manner. Lengths are in neck-to-shoulder lengths of an average adult."""

    lengths: np.ndarray  # [50] of the bone that ends in each joint, the same left and right
    scale: float  # file units in a neck-to-shoulder length
    origin: np.ndarray  # [3] the neck, in file units
    tempo: float  # 1 is average, larger is faster
    amplitude: float  # factor on the size of movements
    left_handed: bool
    yaw: float  # radians by which the body is turned
    posture: float  # radians by which the head leans back


@cache
def make_signer(number: int) -> Signer:
    """Signer number `number`, the same every time."""
    # The 7 keeps these draws apart from those of texts and clips. Another order would make other signers.
    rng = np.random.default_rng([7, number])
    lengths = skeleton.LENGTHS.copy()
    lengths[skeleton.NOSE] *= rng.uniform(0.92, 1.08)
    # One factor for left and right: bodies are symmetric, and so are the skeletons of recorded clips.
    lengths[[3, 6]] *= rng.uniform(0.93, 1.07)
    lengths[[4, 7]] *= rng.uniform(0.93, 1.07)
    hand = rng.uniform(0.92, 1.08) * rng.uniform(0.97, 1.03, 21)
    for part in (skeleton.RIGHT, skeleton.LEFT):
        lengths[part] *= hand
    return Signer(
        lengths=lengths,
        scale=float(np.exp(rng.uniform(np.log(0.065), np.log(0.12)))),
        origin=np.array([rng.normal(0.02, 0.02), rng.normal(-0.05, 0.045), 0.0]),
        tempo=float(rng.uniform(0.88, 1.16)),
        amplitude=float(rng.uniform(0.92, 1.08)),
        # One in eight, about as many as among people; by number, so that every demo set has some.
        left_handed=number % 8 == 5,
        yaw=float(rng.uniform(-0.10, 0.10)),
        posture=float(rng.uniform(-0.05, 0.05)),
    )


# The signer of the reader's templates: without a manner of their own.
AVERAGE_SIGNER = Signer(skeleton.LENGTHS, 0.09, np.array([0.0, -0.05, 0.0]), 1.0, 1.0, False, 0.0, 0.0)
