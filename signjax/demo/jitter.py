"""Jitter as lifted recordings have it: every bone trembles, no bone changes its length.

Directions of bones get correlated noise and positions are summed again along the tree. Levels are set so
that a clip at amplitude 1 trembles like How2Sign: mean |second difference| over mean |first difference|
of 0.77 to 1.08 for body joints and about 0.90 for hands (measured in the project's notes on real data).
"""

import numpy as np

from signjax import skeleton

_LEVEL = np.zeros(skeleton.NUM_JOINTS)  # noise of a bone's free end, neck-to-shoulder lengths
_LEVEL[:8] = [0.008, 0.010, 0.012, 0.022, 0.022, 0.012, 0.022, 0.022]
for _part in (skeleton.RIGHT, skeleton.LEFT):
    _LEVEL[_part] = [0.004] + [0.012, 0.011, 0.010, 0.010] + 4 * [0.018, 0.014, 0.012, 0.011]
_MEMORY = 0.25  # of the noise from one frame to the next


def jitter(pose: np.ndarray, amplitude: float, rng: np.random.Generator) -> np.ndarray:
    """The pose [T, 50, 3], in neck-to-shoulder lengths, with noise; amplitude 1 is the level of real data."""
    noise = rng.standard_normal((len(pose), skeleton.NUM_JOINTS, 3))
    for t in range(1, len(noise)):
        noise[t] = _MEMORY * noise[t - 1] + np.sqrt(1 - _MEMORY**2) * noise[t]
    noise *= amplitude * _LEVEL[:, None]
    out = np.empty_like(pose)
    # The nose is the steadiest joint of real clips: it carries the drift, the neck follows it.
    for joint in skeleton.ORDER:
        parent = skeleton.PARENTS[joint]
        if parent < 0:
            out[:, joint] = pose[:, joint]
            continue
        bone = pose[:, joint] - pose[:, parent]
        noisy = bone + noise[:, joint]
        length = np.sqrt((bone**2).sum(-1, keepdims=True) / (noisy**2).sum(-1, keepdims=True))
        out[:, joint] = out[:, parent] + noisy * length
    shift = pose[:, skeleton.NOSE] + 0.5 * noise[:, skeleton.NECK] - out[:, skeleton.NOSE]
    return out + shift[:, None]
