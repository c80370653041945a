"""A signer to draw: one clip whose joints lie where a body has them."""

import numpy as np

from signjax.pose import skeleton


def signer(frames=8, size=0.09, moving=True):
    """[T, 50, 3]: both hands open at the sides of the chest, the right one waving."""
    pose = np.zeros((frames, 50, 3))
    pose[:, skeleton.NOSE] = [0.1, -1.2, 0.1]
    for side, shoulder, hand in ((-1, skeleton.R_SHOULDER, skeleton.R_HAND), (1, 5, skeleton.L_HAND)):
        pose[:, shoulder] = [side, 0, 0]
        pose[:, shoulder + 1] = [1.5 * side, 1.5, 0.3]
        pose[:, shoulder + 2] = [1.2 * side, 0.5, 0.8]
        wave = 0.3 * np.sin(np.arange(frames) / 3) * moving * (side < 0)
        pose[:, shoulder + 2, 1] += wave
        pose[:, hand] = pose[:, shoulder + 2] + [0, -0.12, 0.02]
        for finger in range(5):
            for joint in range(4):
                spread, length = (finger - 2) * 0.2 * side, 0.45 + 0.2 * joint
                offset = [spread * (1 + 0.3 * joint), -length, 0.1 + 0.02 * finger]
                pose[:, hand + 1 + 4 * finger + joint] = pose[:, hand] + offset
    return pose * size + [0.2, -0.1, 0.0]
