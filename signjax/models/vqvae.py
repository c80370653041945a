"""The motion tokenizer: canonical poses to codes and back, one codec a part of the body."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from signjax.models import layers
from signjax.pose import body_parts


class Reconstruction(NamedTuple):
    """A pass through the tokenizer."""

    pose: jax.Array  # [B, T, J, 3], canonical; J is 120 with a face, else 50
    codes: jax.Array  # [B, N, C] int32
    loss: jax.Array  # [], the quantizers' commitment


def block_dilation(block: int) -> int:
    """Of the convolutions of kernel 3, in tokens."""
    return 2 ** (block % 3)


class Codec(nn.Module):
    """Encoder and decoder of one part; every layer runs at token rate.

    `stride` frames are folded into the features of one token, so that each layer is a few large matrix
    products at a fraction of the frame rate. A linear path runs beside the deep one on both sides: with
    principal components in it and zeros at the end of the deep one (signjax.tasks.vqvae), training begins
    at the best linear code and only has to improve on it.

    Attributes:
      features: F of the part, per frame.
      stride: frames a token.
      width: D of the hidden layers.
      depth: blocks in the encoder and in the decoder.
      dim: of the latents.
      dtype: that hidden layers compute in, None for float32; latents and poses are float32 always.
    """

    features: int
    stride: int
    width: int
    depth: int
    dim: int
    dtype: Any = None

    def setup(self):  # noqa: D102
        kind = {"dtype": self.dtype}
        self.stem = layers.Dense(self.width, **kind)
        self.encoder = [layers.ConvBlock(dilation=block_dilation(i), **kind) for i in range(self.depth)]
        self.encoder_norm = nn.LayerNorm(**kind)
        self.to_latent = layers.Dense(self.dim, kernel_init=nn.initializers.zeros)
        self.linear_in = layers.Dense(self.dim)
        self.from_latent = layers.Dense(self.width, **kind)
        self.decoder = [layers.ConvBlock(dilation=block_dilation(i), **kind) for i in range(self.depth)]
        self.decoder_norm = nn.LayerNorm(**kind)
        self.head = layers.Dense(self.features * self.stride, kernel_init=nn.initializers.zeros)
        self.linear_out = layers.Dense(self.features * self.stride)

    def encode(self, x, context, mask):
        """Own frames x [B, N, stride * F], all parts' frames [B, N, *], mask [B, N] -> [B, N, dim]."""
        h = self.stem(context)
        for block in self.encoder:
            h = block(h, mask)
        return self.to_latent(self.encoder_norm(h)) + self.linear_in(x)

    def decode(self, z, context, mask):
        """Own latents z [B, N, dim], all parts' latents [B, N, *], mask [B, N] -> [B, N, stride * F]."""
        h = self.from_latent(context)
        for block in self.decoder:
            h = block(h, mask)
        return self.head(self.decoder_norm(h)) + self.linear_out(z)


class VQVAE(nn.Module):
    """Poses to codes [B, N, C] and back, N = ceil(T / stride), C codes a token over all parts and sides.

    Both sides of a part share codec and codebooks (signjax.pose.body_parts). Every codec sees all parts, its
    own side first, since what one hand does tells much about the other.

    Attributes:
      layout: of signjax.pose.body_parts.
      quantizer: part -> a new quantizer (signjax.models.quantizers).
      dims: part -> latent dimensions.
      dtype: see Codec.
    """

    layout: str
    stride: int
    width: int
    depth: int
    dims: dict
    quantizer: Callable
    dtype: Any = None

    def setup(self):  # noqa: D102
        self.parts = body_parts.LAYOUTS[self.layout]
        size = {"stride": self.stride, "width": self.width, "depth": self.depth, "dtype": self.dtype}
        self.codecs = {
            name: Codec(features, dim=self.dims[name], **size) for name, features in self.parts.items()
        }
        self.quantizers = {name: self.quantizer(name) for name in self.parts}

    @property
    def reach(self) -> int:
        """Tokens to either side of a token that its frames depend on."""
        return sum(map(block_dilation, range(self.depth)))

    def __call__(self, pose, mask, train: bool = False) -> Reconstruction:
        """Encodes and decodes canonical poses [B, T, J, 3] with mask [B, T], valid frames first.

        T must be a multiple of the stride. Frames outside the mask have no influence on the others.
        """
        tokens = mask[:, :: self.stride]  # [B, N]
        latents, loss = {}, 0.0
        sides = self._tile_sides(tokens)
        results = {}
        for name, z in self.compute_latents(pose, mask).items():
            results[name] = self.quantizers[name](z, sides, train)
            latents[name] = results[name].z
            loss += results[name].loss
        codes = self._join_codes({name: r.codes for name, r in results.items()}, pose.shape[0])
        return Reconstruction(self._decode_latents(latents, tokens), codes, loss)

    def compute_latents(self, pose, mask) -> dict:
        """Latents before quantization, {part: [S * B, N, dim]}."""
        tokens = self._tile_sides(mask[:, :: self.stride])
        frames = {
            name: self._fold_frames(x)
            for name, x in body_parts.cut(hold_last_frame(pose, mask), self.layout).items()
        }
        return {
            name: self.codecs[name].encode(
                _merge_sides(frames[name]), self._gather_context(frames, name), tokens
            )
            for name in self.parts
        }

    def encode(self, pose, mask):
        """Canonical poses [B, T, J, 3], mask [B, T] -> codes [B, N, C] int32."""
        sides = self._tile_sides(mask[:, :: self.stride])
        latents = self.compute_latents(pose, mask)
        codes = {name: self.quantizers[name](z, sides, False).codes for name, z in latents.items()}
        return self._join_codes(codes, pose.shape[0])

    def decode(self, codes, mask):
        """Codes [B, N, C], mask [B, N] over tokens -> canonical poses [B, N * stride, J, 3]."""
        parts = self._split_codes(codes)
        return self._decode_latents(
            {name: self.quantizers[name].decode(c) for name, c in parts.items()}, mask
        )

    def _decode_latents(self, latents: dict, tokens):
        count = len(body_parts.sides(self.layout))
        split = {name: z.reshape(count, -1, *z.shape[1:]) for name, z in latents.items()}
        frames = {}
        for name, z in latents.items():
            x = self.codecs[name].decode(z, self._gather_context(split, name), self._tile_sides(tokens))
            frames[name] = x.reshape(count, tokens.shape[0], -1, self.parts[name])  # [S, B, T, F]
        return body_parts.join(frames, self.layout)

    def _gather_context(self, parts: dict, first: str):
        """All of {part: [S, B, N, *]} on the last axis, part `first` and each side's own first."""
        names = [first, *(name for name in parts if name != first)]
        own = [parts[name] for name in names]
        others = [x[::-1] for x in own] if len(body_parts.sides(self.layout)) == 2 else []
        return _merge_sides(jnp.concatenate(own + others, axis=-1))

    def _fold_frames(self, x):
        """[S, B, T, F] -> [S, B, N, stride * F]."""
        return x.reshape(*x.shape[:2], -1, self.stride * x.shape[-1])

    def _tile_sides(self, mask):
        """[B, N] -> [S * B, N]."""
        return jnp.concatenate([mask] * len(body_parts.sides(self.layout)))

    def _join_codes(self, codes: dict, batch: int):
        """{part: [S * B, N, Q]} -> [B, N, C], by part, then side, then level."""
        columns = []
        for part in codes.values():
            columns += list(part.reshape(-1, batch, *part.shape[1:]))
        return jnp.concatenate(columns, axis=-1)

    def _split_codes(self, codes) -> dict:
        """[B, N, C] -> {part: [S * B, N, Q]}, the inverse of `_join_codes`."""
        parts, at, count = {}, 0, len(body_parts.sides(self.layout))
        for name in self.parts:
            levels = self.quantizers[name].levels
            columns = [codes[..., at + s * levels : at + (s + 1) * levels] for s in range(count)]
            parts[name] = jnp.concatenate(columns)
            at += count * levels
        return parts


def _merge_sides(x):
    """[S, B, ...] -> [S * B, ...]."""
    return x.reshape(-1, *x.shape[2:])


def hold_last_frame(pose, mask):
    """Poses [B, T, J, 3] whose frames outside mask [B, T] repeat the last one inside: padding must not reach
    a part-filled token."""
    last = jnp.maximum(mask.sum(1) - 1, 0)
    index = jnp.minimum(jnp.arange(mask.shape[1]), last[:, None])  # [B, T]
    return jnp.take_along_axis(pose, index[..., None, None], axis=1)
