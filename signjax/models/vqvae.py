"""The VQ-VAE that tokenizes poses: canonical poses to codes and back, with one codec for each body part."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from signjax.models import layers
from signjax.pose import body_parts


class Reconstruction(NamedTuple):
    """Poses after encoding, quantization and decoding."""

    pose: jax.Array  # [B, T, J, 3], canonical; J is 120 with a face, else 50
    codes: jax.Array  # [B, N, C] int32
    loss: jax.Array  # [], sum of the quantizers' losses


def block_dilation(block: int) -> int:
    """Dilation in tokens of the convolutions (kernel 3) of block number `block`: 1, 2, 4, 1, 2, 4, ..."""
    # Starting again keeps the reach to a few tokens a block, which streaming must wait for.
    return 2 ** (block % 3)


class Codec(nn.Module):
    """Encoder and decoder of one body part; every layer runs at token rate.

    `stride` frames are folded into the features of one token, so that each layer is a few large matrix
    products at a fraction of the frame rate. A linear path runs beside the deep one in encoder and decoder.
    It starts as the principal components of the data (signjax.models.linear_start), and the deep path ends
    with zeros, so training begins at the best linear code and only has to improve on it.

    Attributes:
      features: F of the part, per frame.
      stride: frames a token.
      width: D of the hidden layers.
      depth: blocks in the encoder, and as many in the decoder.
      dim: of the latents.
      dtype: that hidden layers compute in, None for float32; latents and poses are always float32.
    """

    features: int
    stride: int
    width: int
    depth: int
    dim: int
    dtype: Any = None

    def setup(self):  # noqa: D102
        compute = {"dtype": self.dtype}
        self.stem = layers.Dense(self.width, **compute)
        self.encoder = [layers.ConvBlock(dilation=block_dilation(i), **compute) for i in range(self.depth)]
        self.encoder_norm = nn.LayerNorm(**compute)
        # These and the heads have no dtype: in bfloat16 latents and poses would lose digits that count.
        self.to_latent = layers.Dense(self.dim, kernel_init=nn.initializers.zeros)
        self.linear_in = layers.Dense(self.dim)
        self.from_latent = layers.Dense(self.width, **compute)
        self.decoder = [layers.ConvBlock(dilation=block_dilation(i), **compute) for i in range(self.depth)]
        self.decoder_norm = nn.LayerNorm(**compute)
        self.head = layers.Dense(self.features * self.stride, kernel_init=nn.initializers.zeros)
        self.linear_out = layers.Dense(self.features * self.stride)

    def encode(self, x, context, mask):
        """Encodes a part.

        Args:
          x: [B, N, stride * F] frames of the part, as tokens.
          context: [B, N, *] frames of all parts.
          mask: [B, N] bool.

        Returns:
          latents [B, N, dim].
        """
        h = self.stem(context)
        for block in self.encoder:
            h = block(h, mask)
        return self.to_latent(self.encoder_norm(h)) + self.linear_in(x)

    def decode(self, z, context, mask):
        """Decodes a part.

        Args:
          z: [B, N, dim] latents of the part.
          context: [B, N, *] latents of all parts.
          mask: [B, N] bool.

        Returns:
          frames [B, N, stride * F], as tokens.
        """
        h = self.from_latent(context)
        for block in self.decoder:
            h = block(h, mask)
        return self.head(self.decoder_norm(h)) + self.linear_out(z)


class VQVAE(nn.Module):
    """Poses to codes [B, N, C] and back, N = ceil(T / stride), C codes a token over all parts and sides.

    The two sides S of a part (right and left) share codec and codebooks (signjax.pose.body_parts). Every
    codec sees all parts, its own side first, since what one hand does tells much about the other.

    Attributes:
      layout: a name of signjax.pose.body_parts.LAYOUTS.
      stride, width, depth, dtype: see Codec.
      dims: part -> latent dimensions.
      quantizer: part -> a new quantizer (signjax.models.quantizers).
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
        """Tokens to either side of a token that its frames depend on when decoded."""
        return sum(map(block_dilation, range(self.depth)))

    def __call__(self, pose, mask, train: bool = False) -> Reconstruction:
        """Encodes and decodes canonical poses [B, T, J, 3] with mask [B, T], valid frames first.

        T must be a multiple of the stride. Frames outside the mask do not influence the others.
        """
        # A clip's frames come first, so a token exists if its first frame does.
        token_mask = mask[:, :: self.stride]  # [B, N]
        quantized, loss = {}, 0.0
        for part, z in self.compute_latents(pose, mask).items():
            quantized[part] = self.quantizers[part](z, self._tile_sides(token_mask), train)
            loss += quantized[part].loss
        codes = self._join_codes({part: q.codes for part, q in quantized.items()}, pose.shape[0])
        latents = {part: q.z for part, q in quantized.items()}
        return Reconstruction(self._decode_latents(latents, token_mask), codes, loss)

    def compute_latents(self, pose, mask) -> dict:
        """Latents {part: [S * B, N, dim]} before quantization, of poses and mask as for a call."""
        token_mask = self._tile_sides(mask[:, :: self.stride])
        frames = {
            name: self._fold_frames(x)
            for name, x in body_parts.split_parts(hold_last_frame(pose, mask), self.layout).items()
        }
        return {
            name: self.codecs[name].encode(
                _merge_sides(frames[name]), self._gather_context(frames, name), token_mask
            )
            for name in self.parts
        }

    def encode(self, pose, mask):
        """Canonical poses [B, T, J, 3], mask [B, T] -> codes [B, N, C] int32."""
        token_mask = self._tile_sides(mask[:, :: self.stride])
        latents = self.compute_latents(pose, mask)
        codes = {part: self.quantizers[part](z, token_mask, False).codes for part, z in latents.items()}
        return self._join_codes(codes, pose.shape[0])

    def decode(self, codes, mask):
        """Codes [B, N, C], mask [B, N] over tokens -> canonical poses [B, N * stride, J, 3]."""
        parts = self._split_codes(codes)
        latents = {part: self.quantizers[part].decode(c) for part, c in parts.items()}
        return self._decode_latents(latents, mask)

    def _decode_latents(self, latents: dict, token_mask):
        """Latents {part: [S * B, N, dim]}, mask [B, N] -> canonical poses [B, N * stride, J, 3]."""
        num_sides = len(body_parts.list_sides(self.layout))
        by_side = {part: z.reshape(num_sides, -1, *z.shape[1:]) for part, z in latents.items()}
        frames = {}
        for part, z in latents.items():
            context = self._gather_context(by_side, part)
            x = self.codecs[part].decode(z, context, self._tile_sides(token_mask))
            frames[part] = x.reshape(num_sides, token_mask.shape[0], -1, self.parts[part])  # [S, B, T, F]
        return body_parts.merge_parts(frames, self.layout)

    def _gather_context(self, parts: dict, first: str):
        """All of {part: [S, B, N, *]} side by side on the last axis, [S * B, N, *].

        Part `first` comes first, and for each side the parts of that side before those of the other.
        """
        # By this order the right and the left codec call see the same kind of input at the same place. Only
        # so can they share weights, and a mirrored clip get the codes of the other side.
        names = [first, *(name for name in parts if name != first)]
        same_side = [parts[name] for name in names]
        other_side = [x[::-1] for x in same_side] if len(body_parts.list_sides(self.layout)) == 2 else []
        return _merge_sides(jnp.concatenate(same_side + other_side, axis=-1))

    def _fold_frames(self, x):
        """Frames [S, B, T, F] to tokens [S, B, N, stride * F]."""
        return x.reshape(*x.shape[:2], -1, self.stride * x.shape[-1])

    def _tile_sides(self, mask):
        """A mask [B, N] for each side, [S * B, N]."""
        return jnp.concatenate([mask] * len(body_parts.list_sides(self.layout)))

    def _join_codes(self, codes: dict, batch: int):
        """Codes {part: [S * B, N, Q]} to columns [B, N, C], by part, then side, then level."""
        # Never in another order: saved codes and generators trained on them have it.
        columns = []
        for part in codes.values():
            columns += list(part.reshape(-1, batch, *part.shape[1:]))
        return jnp.concatenate(columns, axis=-1)

    def _split_codes(self, codes) -> dict:
        """Columns [B, N, C] to codes {part: [S * B, N, Q]}, the inverse of `_join_codes`."""
        parts, start, num_sides = {}, 0, len(body_parts.list_sides(self.layout))
        for part in self.parts:
            levels = self.quantizers[part].levels
            sides = [codes[..., start + s * levels : start + (s + 1) * levels] for s in range(num_sides)]
            parts[part] = jnp.concatenate(sides)
            start += num_sides * levels
        return parts


def _merge_sides(x):
    """[S, B, ...] -> [S * B, ...]: for a codec, a side is one more example."""
    return x.reshape(-1, *x.shape[2:])


def hold_last_frame(pose, mask):
    """Poses [B, T, J, 3] in which all frames after those of mask [B, T] repeat the last one of the mask."""
    # A token is `stride` frames: in the last one of a clip padding would stand beside real frames.
    last = jnp.maximum(mask.sum(1) - 1, 0)
    index = jnp.minimum(jnp.arange(mask.shape[1]), last[:, None])  # [B, T]
    return jnp.take_along_axis(pose, index[..., None, None], axis=1)
