"""The planar auto-encoder: x and y of each frame to one latent, and latents back to poses in 3-D.

It sees x and y only. Its output also has a depth z, which it learns from the motion where the training data
have one: a flat figure hides which way a palm faces.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from signjax.models import layers
from signjax.models.vqvae import Codec
from signjax.pose import kinematics

NUM_FEATURES = 2 + 2 * len(kinematics.REST)  # of a frame: root, and two for each bone
NUM_DEPTH_FEATURES = 1 + len(kinematics.REST)  # of a frame: root, and one for each bone
# Frames that share a position in `DepthPredictor`: a quarter of the work of a position for each frame.
FOLDED_FRAMES = 4
_REST = kinematics.REST.astype(np.float32)[:, None]  # [49, 1] lengths of the rest skeleton's bones


def points_to_features(points):
    """Joints [..., 50, 2] to features [..., 100]: root, and scale times (cos, sin) of the angle of each bone.

    The angle is in the plane, from the x axis; the scale is the length over that of the rest skeleton.
    """
    # An angle alone jumps where it wraps around, and has no value for a bone that points at the camera.
    # Relative to the lengths at rest, the short bones of fingers count as much as those of arms.
    root, vectors = kinematics.bone_vectors(points)
    scaled = vectors / _REST
    return jnp.concatenate([root, scaled.reshape(*root.shape[:-1], -1)], axis=-1)


def features_to_points(features):
    """Features [..., 100] to joints [..., 50, 2], the inverse of `points_to_features`; linear."""
    scaled = features[..., 2:].reshape(*features.shape[:-1], -1, 2)
    return kinematics.chain_bones(features[..., :2], scaled * _REST)


def z_to_depth_features(z):
    """z [..., 50] of joints to depth features [..., 50]: root, and scale times sin(elevation) of bones."""
    root, differences = kinematics.bone_vectors(z[..., None])
    return jnp.concatenate([root, (differences / _REST)[..., 0]], axis=-1)


def depth_features_to_z(features):
    """Depth features [..., 50] to z [..., 50] of joints, the inverse of `z_to_depth_features`; linear."""
    return kinematics.chain_bones(features[..., :1], features[..., 1:, None] * _REST)[..., 0]


class DepthPredictor(nn.Module):
    """Latents to the depth features of their poses: a deep path beside a linear one.

    The deep path sees FOLDED_FRAMES frames as one position, as the tokenizer does: that is a quarter of the
    work and a long view, and only the motion tells which way a bone points.

    Attributes:
      width: of the hidden layers.
      depth: convolution blocks.
    """

    width: int
    depth: int

    @nn.compact
    def __call__(self, z, mask):
        """Latents z [B, T, D], mask [B, T] -> depth features [B, T, 50]."""
        batch, length, dim = z.shape
        count = -(-length // FOLDED_FRAMES)
        padded = jnp.pad(z * mask[..., None], ((0, 0), (0, count * FOLDED_FRAMES - length), (0, 0)))
        h = layers.Dense(self.width, name="stem")(padded.reshape(batch, count, FOLDED_FRAMES * dim))
        for i in range(self.depth):
            h = layers.ConvBlock(dilation=2 ** (i % 3), name=f"block_{i}")(h, mask[:, ::FOLDED_FRAMES])
        h = nn.LayerNorm(name="norm")(h)
        # Zeros at the end of the deep path: training begins at the linear one, which is set from the data.
        head = layers.Dense(
            FOLDED_FRAMES * NUM_DEPTH_FEATURES, kernel_init=nn.initializers.zeros, name="head"
        )
        deep = head(h).reshape(batch, -1, NUM_DEPTH_FEATURES)[:, :length]
        return deep + layers.Dense(NUM_DEPTH_FEATURES, name="linear")(z)


class PlanarAutoEncoder(nn.Module):
    """Planar poses to one latent a frame and back, for clips of any length.

    It is the tokenizer's codec with one frame a token: convolutions over time beside a linear path. `encode`
    and `decode` standardise latents by running statistics of training (collection "statistics"), so that a
    flow can be trained on them as they are.

    Attributes:
      width: D of the hidden layers.
      depth: blocks in the encoder, and as many in the decoder.
      lift: blocks of the DepthPredictor.
      dim: of the latents.
      noise: of latents in training, in standard deviations. The latents of a flow will be as wrong, so near
        latents must decode to poses that look alike.
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
        # Mean 0 and mean square 1: before there are statistics, standardising changes nothing.
        self.mean = self.variable("statistics", "mean", jnp.zeros, (self.dim,))
        self.square = self.variable("statistics", "square", jnp.ones, (self.dim,))

    def __call__(self, pose, mask, counted=None):
        """Encodes and decodes canonical poses.

        Args:
          pose: [B, T, 50, 2].
          mask: [B, T] bool, frames that exist.
          counted: [B, T] frames that enter the statistics, in training only, which needs the rng "noise".

        Returns:
          poses [B, T, 50, 3].
        """
        z = self._encode_points(pose, mask)
        if counted is not None:
            # The loss sees the statistics as the size of the noise only: no gradient goes through them.
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
        points = features_to_points(self.codec.decode(z, z, mask))
        return jnp.concatenate([points, depth_features_to_z(self.lifted(z, mask))[..., None]], axis=-1)

    def _latent_std(self):
        # Rounding can make the difference of squares negative for a latent that hardly varies.
        return jnp.sqrt(jnp.maximum(self.square.value - self.mean.value**2, 1e-8))

    def _update_statistics(self, z, counted):
        """Moves the statistics towards those of the counted frames [B, T] of latents z [B, T, dim]."""
        total = counted.sum()
        weight = (counted / jnp.maximum(total, 1))[..., None]
        for statistic, values in ((self.mean, z), (self.square, z**2)):
            change = (1 - self.decay) * ((values * weight).sum((0, 1)) - statistic.value)
            # A batch without counted frames has no mean to move towards.
            statistic.value += jnp.where(total > 0, change, 0)
