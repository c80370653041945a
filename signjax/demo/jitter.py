"""Jitter as lifted recordings have it: every bone trembles, no bone changes its length.

Directions of bones get correlated noise and positions are summed again along the tree. Levels are set so
that a clip at amplitude 1 trembles like How2Sign: mean |second difference| over mean |first difference|
of 0.77 to 1.08 for body joints and about 0.90 for hands (measured in the project's notes on real data).
"""

import numpy as np

from signjax.pose import skeleton

_NOISE_LEVEL = np.zeros(skeleton.NUM_JOINTS)  # noise of a bone's free end, neck-to-shoulder lengths
_NOISE_LEVEL[:8] = [0.006, 0.007, 0.009, 0.018, 0.018, 0.009, 0.018, 0.018]
for _part in (skeleton.RIGHT, skeleton.LEFT):
    _NOISE_LEVEL[_part] = [0.004] + [0.012, 0.011, 0.011, 0.011] + 4 * [0.017, 0.014, 0.012, 0.012]
_PREVIOUS_SHARE = 0.25  # share of the noise of the frame before


def add_jitter(pose: np.ndarray, amplitude: float, rng: np.random.Generator) -> np.ndarray:
    """The pose [T, 50, 3], in neck-to-shoulder lengths, with noise; amplitude 1 is the level of real data."""
    white = rng.standard_normal((len(pose) + 1, skeleton.NUM_JOINTS, 3))
    noise = (white[1:] + _PREVIOUS_SHARE * white[:-1]) / np.sqrt(1 + _PREVIOUS_SHARE**2)
    noise *= amplitude * _NOISE_LEVEL[:, None]
    child, parent = skeleton.BONES.T
    bones = pose[:, child] - pose[:, parent]
    noisy = bones + noise[:, child]
    noisy *= np.sqrt((bones**2).sum(-1, keepdims=True) / (noisy**2).sum(-1, keepdims=True))
    out = pose.copy()
    for k, (joint, above) in enumerate(skeleton.BONES):
        out[:, joint] = out[:, above] + noisy[:, k]
    # The nose is the steadiest joint of real clips, steadier than the neck: it stays, the trunk trembles.
    shift = pose[:, skeleton.NOSE] + 0.5 * noise[:, skeleton.NECK] - out[:, skeleton.NOSE]
    return out + shift[:, None]
