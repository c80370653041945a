"""The recogniser of single signs: a clip to the probabilities of words.

Convolutions find movements and transformer layers what follows what; the mean over time of what they see,
weighted by attention, decides. Depth is not used: most pose estimators of videos have none that can be
trusted.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from signjax.models import layers
from signjax.pose import kinematics, skeleton

HAND_SCALE = 3.0  # hands are small: their joints lie within a third of a neck-to-shoulder length
_FINGERTIPS = (4, 8, 12, 16, 20)  # of a hand's 21 joints


class SignRecognizer(nn.Module):
    """Canonical poses [B, T, 50, 3] to logits [B, words + 1]; the last one is that it is none of them.

    Several members learn side by side from other initial values, and their probabilities are averaged (deep
    ensembles, Lakshminarayanan et al. 2017): words have few recordings, and one member alone is a matter of
    luck.

    Attributes:
      words: W.
      members: M.
      width, convolutions, depth, heads, mlp, dropout: of each, see `Member`.
    """

    words: int
    members: int
    width: int
    convolutions: int
    depth: int
    heads: int
    mlp: int
    dropout: float

    @nn.compact
    def __call__(self, pose, valid, train: bool = False):
        """pose [B, T, 50, 3] with any values at missing joints, valid [B, T, 50] bool.

        In training the logits of each member, [M, B, words + 1].
        """
        axes = {"variable_axes": {"params": 0}, "split_rngs": {"params": True, "dropout": True}}
        ensemble = nn.vmap(Member, in_axes=None, axis_size=self.members, **axes)
        size = self.width, self.convolutions, self.depth, self.heads, self.mlp, self.dropout
        features = sign_features(pose, valid)
        logits = ensemble(self.words, *size, train, name="ensemble")(features)  # [M, B, W + 1]
        if train:
            return logits
        return jax.nn.logsumexp(jax.nn.log_softmax(logits), axis=0) - jnp.log(self.members)


class Member(nn.Module):
    """One member of the ensemble.

    Attributes:
      words: W.
      width: D.
      convolutions: convolution blocks, each sees three frames more.
      depth: transformer layers.
      heads: H.
      mlp: hidden width of the MLPs.
      dropout: rate in training.
    """

    words: int
    width: int
    convolutions: int
    depth: int
    heads: int
    mlp: int
    dropout: float
    train: bool  # use dropout

    @nn.compact
    def __call__(self, features):
        """Features [B, T, F] of `sign_features` to logits [B, words + 1]."""
        drop = nn.Dropout(self.dropout, deterministic=not self.train)
        x = drop(features)
        everywhere = jnp.ones(x.shape[:2], bool)
        x = nn.LayerNorm()(layers.Dense(self.width)(x))
        for k in range(self.convolutions):
            x = drop(layers.ConvBlock(dilation=1 + k)(x, everywhere))
        x = x + layers.sinusoidal_embedding(jnp.arange(x.shape[1])[None], self.width, x.dtype)
        for _ in range(self.depth):
            x = layers.EncoderBlock(self.heads, self.mlp, self.dropout)(x, everywhere, self.train)
        x = nn.LayerNorm()(x)
        # How much each frame says of the sign: the frames of rest before and after it say nothing.
        weight = nn.softmax(layers.Dense(self.heads)(x), axis=1)  # [B, T, H]
        pooled = jnp.einsum("bth,btd->bhd", weight, x).reshape(x.shape[0], -1)
        return nn.Dense(self.words + 1)(drop(nn.gelu(nn.Dense(self.width)(drop(pooled)))))


def sign_features(pose, valid):
    """The recogniser's input [B, T, F] of poses: where the arms are, hand shapes, and how all of it moves."""
    pose = jnp.where(valid[..., None], pose, 0)
    pose = kinematics.fill_missing(pose, valid)[..., :2]  # [B, T, 50, 2]
    seen = jnp.stack([valid[..., hand].any(-1) for hand, _ in skeleton.HANDS], axis=-1)  # [B, T, 2]
    body = pose[..., skeleton.BODY, :]
    shapes, spans = [], []
    for hand, wrist in skeleton.HANDS:
        joints = pose[..., hand, :]
        shape = HAND_SCALE * (joints - pose[..., wrist : wrist + 1, :])
        shapes.append(shape)
        tips = joints[..., _FINGERTIPS, :]
        # Distances say the hand's shape however it is turned.
        spans.append(
            HAND_SCALE * jnp.linalg.norm(tips[..., :, None, :] - tips[..., None, :, :] + 1e-6, axis=-1)
        )
        # Where the hand is, seen from the face.
        spans.append(tips - pose[..., :1, :])
    flat = [x.reshape(*x.shape[:2], -1) for x in (body, *shapes, *spans)]
    flat = jnp.concatenate(flat, axis=-1)
    change = jnp.diff(flat[..., : 2 * 50], axis=1, prepend=flat[:, :1, : 2 * 50])
    return jnp.concatenate([flat, 4 * change, seen.astype(flat.dtype)], axis=-1)
