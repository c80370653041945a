"""A small auto-encoder of windows of motion; the Fréchet gesture distance compares its features."""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from signjax.models import layers
from signjax.pose import body_parts, losses, skeleton

LAYOUT = "whole"
ARMS = np.array([[skeleton.R_ELBOW, skeleton.R_WRIST], [skeleton.L_ELBOW, skeleton.L_WRIST]])
ORDERS = (1, 2, 3)  # of the differences over time: velocity, acceleration, jerk
ENERGIES = 4 * len(ORDERS)  # of two arms and two hands
# Neck-to-shoulder lengths a frame that count as no motion, less than the jitter of recordings.
STILL = 3e-3


def motion_energy(pose):
    """How much a window moves: canonical poses [B, W, 50, 3] -> [B, ENERGIES].

    Logarithms of the root mean square of first, second and third differences over time, for the right arm,
    the left arm, and the right and left hand relative to its wrist.
    """
    # Jitter moves no joint far, so an error of positions hardly sees it; third differences do.
    parts = [*(pose[..., arm, :] for arm in ARMS), *jnp.split(losses.relative_hands(pose), 2, axis=-2)]
    powers = [(jnp.diff(x, order, axis=1) ** 2).sum(-1).mean((1, 2)) for order in ORDERS for x in parts]
    # The floor: among windows that stand still the logarithm would compare nothing but rounding.
    return jnp.log(STILL**2 + jnp.stack(powers, axis=-1)) / 2


class DecodedWindow(NamedTuple):
    """A window as decoded from its features."""

    pose: jax.Array  # [B, W, 50, 3], canonical
    energy: jax.Array  # [B, ENERGIES]


class MotionEncoder(nn.Module):
    """Windows of canonical poses to features [B, d].

    Attributes:
      stride: frames folded into one token; it divides the window.
      width: D of the hidden layers.
      depth: convolution blocks.
      features: d.
    """

    stride: int
    width: int
    depth: int
    features: int

    @nn.compact
    def __call__(self, pose, train: bool = False):
        """Canonical poses [B, W, 50, 3], all of whose frames exist -> features [B, d]."""
        x = body_parts.split_parts(pose, LAYOUT)["whole"][0]  # [B, W, F]
        h = x.reshape(x.shape[0], -1, self.stride * x.shape[-1])  # [B, N, stride * F]
        h = layers.Dense(self.width, name="stem")(h)
        mask = jnp.ones(h.shape[:2], bool)
        for i in range(self.depth):
            h = layers.ConvBlock(dilation=2**i, name=f"block_{i}")(h, mask)
        h = nn.LayerNorm(name="norm")(h)
        # An input of its own, as the features must tell how much moves (see MotionDecoder).
        h = jnp.concatenate([h.reshape(h.shape[0], -1), motion_energy(pose)], axis=-1)
        h = nn.Dense(self.features, name="to_features")(h)
        # Mean 0 and variance 1 over the training data: each feature counts alike in a distance, and none is
        # lost in the noise that training adds to it.
        whiten = nn.BatchNorm(use_bias=False, use_scale=False, momentum=0.99, name="whiten")
        return whiten(h, use_running_average=not train)


class MotionDecoder(nn.Module):
    """Features [B, d] back to a window and its energy, by the layers of MotionEncoder in reverse.

    Attributes:
      frames: W.
      stride, width, depth: as of MotionEncoder.
    """

    frames: int
    stride: int
    width: int
    depth: int

    @nn.compact
    def __call__(self, z) -> DecodedWindow:
        """Features z [B, d] to a window."""
        batch, tokens = z.shape[0], self.frames // self.stride
        h = nn.Dense(tokens * self.width, name="from_features")(z).reshape(batch, tokens, self.width)
        for i in range(self.depth):
            h = layers.ConvBlock(dilation=2**i, name=f"block_{i}")(h, jnp.ones((batch, tokens), bool))
        h = layers.Dense(self.stride * body_parts.LAYOUTS[LAYOUT]["whole"], name="head")(nn.LayerNorm()(h))
        pose = body_parts.merge_parts({"whole": h.reshape(1, batch, self.frames, -1)}, LAYOUT)
        hidden = nn.gelu(nn.Dense(self.width, name="up")(z))
        return DecodedWindow(pose, nn.Dense(ENERGIES, name="energy")(hidden))


class MotionAutoEncoder(nn.Module):
    """Encoder and decoder, with noise on the features between them in training.

    Attributes:
      frames: W.
      stride, width, depth, features: as of MotionEncoder.
      noise: standard deviation of the noise, in standard deviations of the features. Motions that the decoder
        tells apart must differ by more than that, so near features mean similar motion.
    """

    frames: int
    stride: int
    width: int
    depth: int
    features: int
    noise: float

    def setup(self):  # noqa: D102
        size = {"stride": self.stride, "width": self.width, "depth": self.depth}
        self.encoder = MotionEncoder(features=self.features, **size)
        self.decoder = MotionDecoder(frames=self.frames, **size)

    def __call__(self, pose, train: bool = False) -> DecodedWindow:
        """Encodes and decodes canonical poses [B, W, 50, 3]; training needs the rng "noise"."""
        z = self.encoder(pose, train)
        if train:
            z = z + self.noise * jax.random.normal(self.make_rng("noise"), z.shape)
        return self.decoder(z)
