"""The transformer VQ-VAE of the original project, as a point of reference with the methods of vqvae.VQVAE.

Its layers and sizes are the original project's; its faults are not: padding is never seen (by attention, the
fold into tokens, the quantizer), a clip of T frames has ceil(T / stride) tokens, and codebooks start from
data. It works on canonical poses, where the original project standardises and clips each dimension, and
without dropout. With its weights (signjax.tools.from_seed) poses are standardised and clipped as
in the original project.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from signjax.models import layers
from signjax.models.vqvae import Reconstruction
from signjax.pose import skeleton

CLIP = 2.0  # standard deviations at which the original project cuts its inputs off


class SeedVQVAE(nn.Module):
    """Poses to codes [B, N, Q] and back, N = ceil(T / stride), by attention over all frames.

    Attributes:
      stride: frames a token.
      width: D of the hidden layers.
      depth: blocks in the encoder and in the decoder.
      heads: of the attention.
      mlp: width of the hidden layer of a block's MLP.
      dim: of the latents.
      quantizer: part -> a new quantizer (signjax.models.quantizers); the only part is "whole".
      dtype: that the blocks compute in, None for float32; latents and poses are always float32.
      original: for the original project's own weights, computed to their digits; the collection "standard"
        has the mean and standard deviation of the original project's poses.
    """

    stride: int
    width: int
    depth: int
    heads: int
    mlp: int
    dim: int
    quantizer: Callable
    dtype: Any = None
    original: bool = False

    # Attention sees all tokens of a clip, so a clip of this model cannot be decoded in windows.
    reach = None

    def setup(self):  # noqa: D102
        compute = {"dtype": self.dtype}
        block = {"heads": self.heads, "mlp": self.mlp, "exact": self.original, **compute}
        self.embed = nn.Dense(self.width, **compute)
        self.encoder = [layers.EncoderBlock(**block) for _ in range(self.depth)]
        self.encoder_norm = layers.make_layer_norm(self.original, **compute)
        # A Dense layer on `stride` frames side by side is the original project's convolution of kernel and
        # stride `stride`.
        self.fold = nn.Dense(self.dim)
        # A dict, so that codebooks have the same place in `variables` as those of signjax.models.vqvae.
        self.quantizers = {"whole": self.quantizer("whole")}
        self.from_latent = nn.Dense(self.width, **compute)
        # Likewise the original project's transposed convolution.
        self.unfold = nn.Dense(self.stride * self.width, **compute)
        self.decoder = [layers.EncoderBlock(**block) for _ in range(self.depth)]
        self.decoder_norm = layers.make_layer_norm(self.original, **compute)
        self.head = nn.Dense(3 * skeleton.NUM_JOINTS)
        if self.original:
            shape = (3 * skeleton.NUM_JOINTS,)
            self.centre = self.variable("standard", "centre", jnp.zeros, shape)
            self.spread = self.variable("standard", "spread", jnp.ones, shape)

    def __call__(self, pose, mask, train: bool = False) -> Reconstruction:
        """Encodes and decodes canonical poses [B, T, 50, 3] with mask [B, T], valid frames first.

        T must be a multiple of the stride. Frames outside the mask do not influence the others.
        """
        tokens = mask[:, :: self.stride]  # [B, N]
        result = self.quantizers["whole"](self.compute_latents(pose, mask), tokens, train)
        return Reconstruction(self._decode_latents(result.z, tokens), result.codes, result.loss)

    def compute_latents(self, pose, mask):
        """Latents [B, N, dim] before quantization, of canonical poses [B, T, 50, 3] with mask [B, T]."""
        x = pose.reshape(*pose.shape[:2], -1)
        if self.original:
            x = jnp.clip((x - self.centre.value) / self.spread.value, -CLIP, CLIP)
        h = self.embed(x)  # [B, T, D]
        h += layers.sinusoidal_embedding(np.arange(h.shape[1]), self.width, h.dtype)
        for block in self.encoder:
            h = block(h, mask)
        # Attention skips padding, but the last token folds it in: there it must be zeros.
        h = self.encoder_norm(h) * mask[..., None]
        return self.fold(h.reshape(h.shape[0], -1, self.stride * self.width))  # [B, N, dim]

    def encode(self, pose, mask):
        """Canonical poses [B, T, 50, 3], mask [B, T] -> codes [B, N, Q] int32."""
        latents = self.compute_latents(pose, mask)
        return self.quantizers["whole"](latents, mask[:, :: self.stride], False).codes

    def decode(self, codes, mask):
        """Codes [B, N, Q], mask [B, N] over tokens -> canonical poses [B, N * stride, 50, 3]."""
        return self._decode_latents(self.quantizers["whole"].decode(codes), mask)

    def _decode_latents(self, z, tokens):
        h = self.unfold(self.from_latent(z))
        h = h.reshape(h.shape[0], -1, self.width)  # [B, T, D]
        h += layers.sinusoidal_embedding(np.arange(h.shape[1]), self.width, h.dtype)
        mask = jnp.repeat(tokens, self.stride, axis=1)
        for block in self.decoder:
            h = block(h, mask)
        pose = self.head(self.decoder_norm(h))
        if self.original:
            pose = pose * self.spread.value + self.centre.value
        return pose.reshape(*pose.shape[:2], skeleton.NUM_JOINTS, 3)
