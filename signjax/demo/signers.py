"""The demo's signers: proportions, place, tempo, handedness and amplitude of made-up people."""

from functools import cache
from typing import NamedTuple

import numpy as np

from signjax.pose import skeleton

NUM_SIGNERS = 24  # signers of a demo set


class Signer(NamedTuple):
    """Who signs. Lengths and sway are in neck-to-shoulder lengths of an average adult."""

    lengths: np.ndarray  # [50], left-right symmetric
    scale: float  # file units per length
    origin: np.ndarray  # [3], the neck in file units
    tempo: float  # 1 is average, larger is faster
    amplitude: float  # of movements
    left_handed: bool
    yaw: float  # radians the body is turned
    posture: float  # radians the head leans back


@cache
def make_signer(number: int) -> Signer:
    """The signer of this number, the same every time."""
    rng = np.random.default_rng([7, number])
    lengths = skeleton.LENGTHS.copy()
    lengths[skeleton.NOSE] *= rng.uniform(0.92, 1.08)
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
        left_handed=number % 8 == 5,
        yaw=float(rng.uniform(-0.10, 0.10)),
        posture=float(rng.uniform(-0.05, 0.05)),
    )


# Nobody in particular: the signer of the reader's templates.
AVERAGE_SIGNER = Signer(skeleton.LENGTHS, 0.09, np.array([0.0, -0.05, 0.0]), 1.0, 1.0, False, 0.0, 0.0)
