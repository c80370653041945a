"""Jitter as in recordings that were lifted to 3-D: every bone trembles, and none changes its length.

Directions of bones get noise that is correlated over time, and positions are summed again along the skeleton.
A clip at amplitude 1 trembles like How2Sign: its mean |second difference| over mean |first difference| is
0.77 to 1.08 for body joints and about 0.90 for hands.
"""

import numpy as np

from signjax.pose import skeleton

_NOISE_LEVEL = np.zeros(skeleton.NUM_JOINTS)  # noise of a bone's free end, neck-to-shoulder lengths
_NOISE_LEVEL[:8] = [0.006, 0.007, 0.009, 0.018, 0.018, 0.009, 0.018, 0.018]
for _part in (skeleton.RIGHT, skeleton.LEFT):
    _NOISE_LEVEL[_part] = [0.004] + [0.012, 0.011, 0.011, 0.011] + 4 * [0.017, 0.014, 0.012, 0.012]
# Share of the noise of the frame before. White noise would have larger second differences, compared with the
# first ones, than recordings have.
_PREVIOUS_SHARE = 0.25


def add_jitter(pose: np.ndarray, amplitude: float, rng: np.random.Generator) -> np.ndarray:
    """Poses [T, 50, 3] in neck-to-shoulder lengths, with jitter; amplitude 1 is the level of real data."""
    white = rng.standard_normal((len(pose) + 1, skeleton.NUM_JOINTS, 3))
    # Weighted so that the correlated noise has the variance of white noise, whatever the weight.
    noise = (white[1:] + _PREVIOUS_SHARE * white[:-1]) / np.sqrt(1 + _PREVIOUS_SHARE**2)
    noise *= amplitude * _NOISE_LEVEL[:, None]
    child, parent = skeleton.BONES.T
    bones = pose[:, child] - pose[:, parent]
    noisy = bones + noise[:, child]
    # Only directions tremble: lifted recordings have rigid bones.
    noisy *= np.sqrt((bones**2).sum(-1, keepdims=True) / (noisy**2).sum(-1, keepdims=True))
    out = pose.copy()
    for k, (joint, parent) in enumerate(skeleton.BONES):
        out[:, joint] = out[:, parent] + noisy[:, k]
    # In real clips the nose is the steadiest joint, steadier than the neck. So all joints are shifted until
    # the nose is steady and the trunk trembles.
    shift = pose[:, skeleton.NOSE] + 0.5 * noise[:, skeleton.NECK] - out[:, skeleton.NOSE]
    return out + shift[:, None]
