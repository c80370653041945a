"""The planar auto-encoder: angles, bone scales and root of every frame to a latent, and back, lifted to 3-D.

It sees x and y only. What comes back has a depth, too, which is learned from the motion wherever the training
data have one: a flat figure hides which way a palm faces.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from signjax.models import layers
from signjax.models.vqvae import Codec
from signjax.pose import kinematics

NUM_FEATURES = 2 + 2 * len(kinematics.REST)  # of a frame: root, and two for each bone
NUM_DEPTH_FEATURES = 1 + len(kinematics.REST)  # root, and one for each bone
FOLDED_FRAMES = 4  # frames that share a position where depth is found
_REST = kinematics.REST.astype(np.float32)[:, None]


def points_to_features(points):
    """Joints [..., 50, 2] to features [..., 100]: root, and scale times cosine and sine of each bone's angle.

    The angle is the one in the plane, from the x axis. An angle by itself jumps where it wraps and where a
    bone points at the camera and has no length; its cosine and sine times the scale do neither.
    """
    root, vectors = kinematics.bones(points)
    scaled = vectors / _REST
    return jnp.concatenate([root, scaled.reshape(*root.shape[:-1], -1)], axis=-1)


def features_to_points(features):
    """Features [..., 100] to joints [..., 50, 2], by forward kinematics; linear, inverse of the above."""
    scaled = features[..., 2:].reshape(*features.shape[:-1], -1, 2)
    return kinematics.chain(features[..., :2], scaled * _REST)


def z_to_depth_features(z):
    """z [..., 50] of joints to depths [..., 50]: root, and scale times the sine of each bone's elevation."""
    root, steps = kinematics.bones(z[..., None])
    return jnp.concatenate([root, (steps / _REST)[..., 0]], axis=-1)


def depth_features_to_z(depths):
    """Depths [..., 50] to z [..., 50] of the joints, the inverse of `z_to_depth_features`; linear."""
    return kinematics.chain(depths[..., :1], depths[..., 1:, None] * _REST)[..., 0]


class DepthPredictor(nn.Module):
    """Latents [B, T, D] to the depths [B, T, 50] of their poses: a linear path beside a deep one.

    The deep one sees FOLD frames as one position, as the tokenizer does: a quarter of the work, and a long
    view, since it is the motion that tells which way a bone points.

    Attributes:
      width: of the hidden layers.
      depth: blocks.
    """

    width: int
    depth: int

    @nn.compact
    def __call__(self, z, mask):  # noqa: D102
        batch, length, dim = z.shape
        count = -(-length // FOLDED_FRAMES)
        inside = jnp.pad(z * mask[..., None], ((0, 0), (0, count * FOLDED_FRAMES - length), (0, 0)))
        h = layers.Dense(self.width, name="stem")(inside.reshape(batch, count, FOLDED_FRAMES * dim))
        for i in range(self.depth):
            h = layers.ConvBlock(dilation=2 ** (i % 3), name=f"block_{i}")(h, mask[:, ::FOLDED_FRAMES])
        h = nn.LayerNorm(name="norm")(h)
        deep = layers.Dense(
            FOLDED_FRAMES * NUM_DEPTH_FEATURES, kernel_init=nn.initializers.zeros, name="head"
        )(h)
        return deep.reshape(batch, -1, NUM_DEPTH_FEATURES)[:, :length] + layers.Dense(
            NUM_DEPTH_FEATURES, name="linear"
        )(z)


class PlanarAutoEncoder(nn.Module):
    """Planar poses to one latent a frame and back; decoding is deterministic and takes clips of any length.

    Codec of the tokenizer, a frame a token: convolutions over time beside a linear path. Latents that leave
    or enter are standardised by running statistics of training (collection "statistics"), so that a flow
    can be trained on them as they are; the loss knows them as the size of the noise only.

    Attributes:
      width: D of the hidden layers.
      depth: blocks in the encoder and in the decoder.
      lift: blocks that find the depth of a pose.
      dim: of the latents.
      noise: standard deviation of the noise on latents in training, in theirs: a flow's latents will be as
        wrong, and what lies near must look alike.
      decay: of the running statistics.
    """

    width: int
    depth: int
    lift: int
    dim: int
    noise: float
    decay: float

    def setup(self):  # noqa: D102
        self.codec = Codec(NUM_FEATURES, stride=1, width=self.width, depth=self.depth, dim=self.dim)
        self.lifted = DepthPredictor(self.width, self.lift)
        self.mean = self.variable("statistics", "mean", jnp.zeros, (self.dim,))
        self.square = self.variable("statistics", "square", jnp.ones, (self.dim,))

    def __call__(self, pose, mask, counted=None):
        """Encodes and decodes poses [B, T, 50, 2] with mask [B, T]; gives [B, T, 50, 3].

        In training counted [B, T] tells the frames that enter the statistics; needs the rng "noise".
        """
        z = self._encode_points(pose, mask)
        if counted is not None:
            self._update_statistics(jax.lax.stop_gradient(z), counted)
            z = z + self.noise * self._latent_std() * jax.random.normal(self.make_rng("noise"), z.shape)
        return self._decode_latents(z, mask)

    def encode(self, pose, mask):
        """Canonical poses [B, T, 50, 2], mask [B, T] -> standardised latents [B, T, dim]."""
        return (self._encode_points(pose, mask) - self.mean.value) / self._latent_std()

    def decode(self, latents, mask):
        """Standardised latents [B, T, dim], mask [B, T] -> canonical poses [B, T, 50, 3]."""
        return self._decode_latents(latents * self._latent_std() + self.mean.value, mask)

    def _encode_points(self, pose, mask):
        x = points_to_features(pose)
        return self.codec.encode(x, x, mask)

    def _decode_latents(self, z, mask):
        flat = features_to_points(self.codec.decode(z, z, mask))
        return jnp.concatenate([flat, depth_features_to_z(self.lifted(z, mask))[..., None]], axis=-1)

    def _latent_std(self):
        return jnp.sqrt(jnp.maximum(self.square.value - self.mean.value**2, 1e-8))

    def _update_statistics(self, z, counted):
        """Moves the statistics towards those of a batch's frames; not at all if it has none."""
        total = counted.sum()
        share = (counted / jnp.maximum(total, 1))[..., None]
        for held, seen in ((self.mean, z), (self.square, z**2)):
            move = (1 - self.decay) * ((seen * share).sum((0, 1)) - held.value)
            held.value += jnp.where(total > 0, move, 0)
