"""What models that follow a text share: the encoded text, and blocks that attend to it.

Text and signing run in the same order. Each text token has a learned duration, and cross-attention prefers
the text expected at the present position (Gaussian alignment, as in the Non-Attentive Tacotron of Shen et
al. 2020, but as a bias that every head can weaken): a model need not discover the order from few data.
Neighbouring text tokens reach one another directly, as in a convolution: that too saves data, and spelled
words need it most.
"""

import functools
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from signjax.models import layers
from signjax.models.special_ids import NULL

PHASE = 8.0  # rad by which the fastest phase turns over 2 positions


class EncodedText(NamedTuple):
    """The encoded text as every layer reads it."""

    keys: jax.Array  # [layers, B, L, H, D / H]
    values: jax.Array
    mask: jax.Array  # [B, L] bool
    centres: jax.Array  # [B, L] the position at which each text token is expected to be signed
    states: jax.Array  # [B, L, D] what keys and values were made of


class DecoderBlock(nn.Module):
    """Pre-norm block: causal self-attention, cross-attention to the text, MLP.

    Attributes:
      exact: as PyTorch's layer to the digits: nothing is expected of where a text token is signed, GELU and
        norms are those of signjax.models.layers.EncoderBlock.
    """

    heads: int
    mlp: int
    dropout: float
    dtype: Any = None
    exact: bool = False

    @nn.compact
    def __call__(self, x, mask, memory, memory_mask, offsets, train: bool, cache=None, at=None):
        """x [B, N, D] -> (x, keys, values).

        Args:
          x: one position if a cache is given.
          mask: [B, 1, N, N'] of the self-attention.
          memory: keys and values [B, L, H, D / H].
          memory_mask: [B, 1, N, L].
          offsets: [B, N, L] how far each position is from where a text token is expected; not read if exact.
          train: use dropout.
          cache: past keys and values [B, N', H, D / H].
          at: [] the position that x is.
        """
        width, heads = x.shape[-1], self.heads
        drop = nn.Dropout(self.dropout, deterministic=not train)
        attend = jax.nn.dot_product_attention
        dense = functools.partial(layers.Dense, dtype=self.dtype)
        norm = functools.partial(layers.make_layer_norm, self.exact, dtype=self.dtype)

        def heads_of(h, name, parts):
            h = dense(parts * width, name=name)(h)
            return jnp.split(h.reshape(*h.shape[:2], heads, -1), parts, axis=-1)  # [B, N, H, D / H]

        def merged(h, name):
            return drop(dense(width, name=name)(h.reshape(*h.shape[:2], width)))

        q, k, v = heads_of(norm(name="self_norm")(x), "self_in", 3)
        if cache is not None:
            k = jax.lax.dynamic_update_slice_in_dim(cache[0], k, at, axis=1)
            v = jax.lax.dynamic_update_slice_in_dim(cache[1], v, at, axis=1)
        x = x + merged(attend(q, k, v, mask=mask), "self_out")
        (q,) = heads_of(norm(name="cross_norm")(x), "cross_in", 1)
        bias = None
        if not self.exact:
            focus = nn.softplus(self.param("focus", nn.initializers.constant(-0.5), (heads, 1, 1)))
            bias = -focus * offsets[:, None] ** 2  # [B, H, N, L]
        x = x + merged(attend(q, *memory, bias=bias, mask=memory_mask), "cross_out")
        h = layers.gelu(dense(self.mlp, name="mlp_in")(norm(name="mlp_norm")(x)), self.exact)
        return x + drop(dense(width, name="mlp_out")(h)), k, v


class BidirectionalBlock(nn.Module):
    """A layer of models that fill a whole clip: ConvBlock, modulation where asked for, DecoderBlock."""

    heads: int
    mlp: int
    dropout: float
    dtype: Any = None

    @nn.compact
    def __call__(self, x, mask, see, memory, read, offsets, when=None, train: bool = False):
        """x [B, N, D] -> [B, N, D].

        Args:
          x: states.
          mask: [B, N] positions that are there.
          see: [B, 1, N, N] positions that each attends to.
          memory: keys and values [B, L, H, D / H].
          read: [B, 1, N, L] text that each attends to.
          offsets: [B, N, L] how far each position is from where a text token is expected.
          when: [B, N, D] what scales and shifts the states; None for nothing.
          train: use dropout.
        """
        width, zeros = x.shape[-1], nn.initializers.zeros
        x = layers.ConvBlock(dtype=self.dtype, name="mix")(x, mask)
        if when is not None:
            both = layers.Dense(2 * width, kernel_init=zeros, dtype=self.dtype, name="modulate")(when)
            scale, shift = jnp.split(both, 2, axis=-1)
            x = x * (1 + scale) + shift
        block = DecoderBlock(self.heads, self.mlp, self.dropout, self.dtype, name="block")
        return block(x, see, memory, read, offsets, train)[0]


class TextConditionedModel(nn.Module):
    """The part of a model that reads texts; it is subclassed, and its `setup` called first.

    Attributes:
      vocabulary: text ids.
      width: D.
      depth: layers that attend to the text.
      text_depth: encoder layers.
      heads: H.
      mlp: hidden width of the MLPs.
      dropout: in training.
      dtype: that layers compute in, "float32" or "bfloat16"; times and logits are float32 always.
      remat: compute layers again for their gradients instead of keeping what they computed.
    """

    vocabulary: int
    width: int
    depth: int
    text_depth: int
    heads: int
    mlp: int
    dropout: float
    dtype: str
    remat: bool

    def setup(self):  # noqa: D102
        self.block = {"heads": self.heads, "mlp": self.mlp, "dropout": self.dropout, "dtype": self.dtype}
        init = nn.initializers.normal(0.02)
        self.text_embedding = nn.Embed(self.vocabulary, self.width, embedding_init=init, dtype=self.dtype)
        self.feature_norm = nn.LayerNorm(use_bias=False, use_scale=False)  # 0 stays 0: the text of no text
        small = nn.initializers.variance_scaling(0.02**2, "fan_in", "normal")  # as ids are embedded
        self.feature_in = layers.Dense(self.width, kernel_init=small, dtype=self.dtype)
        self.text_around = layers.Dense(self.width, use_bias=False, dtype=self.dtype)
        self.text_layers = layers.EncoderBlock(**self.block)
        self.text_norm = nn.LayerNorm(dtype=self.dtype)
        self.duration = layers.Dense(1, bias_init=nn.initializers.constant(1.5))
        self.memory_in = layers.Dense(2 * self.width * self.depth, dtype=self.dtype)
        self.drop = nn.Dropout(self.dropout)

    def encode_text(self, ids, mask, segments=None, positions=None, train: bool = False) -> EncodedText:
        """Texts with mask [B, L] to what the decoder reads.

        Args:
          ids: [B, L], or features [B, L, F] of a pretrained encoder (signjax.text.pretrained).
          mask: [B, L] bool.
          segments: [B, L], texts packed in one row do not see one another; None for one text a row.
          positions: [B, L] within each text; None for one text a row.
          train: use dropout.
        """
        positions = jnp.arange(ids.shape[1])[None] if positions is None else positions
        see = mask
        if segments is not None:
            see = mask[:, None, :] & (segments[:, :, None] == segments[:, None, :])  # [B, L, L]
        if ids.ndim == 2:
            own = self.text_embedding(ids)
        else:
            own = self.feature_in(self.feature_norm(ids.astype(jnp.float32)))
        inside = jnp.pad(mask if segments is None else segments, ((0, 0), (1, 1)))
        same = inside[:, 1:] == inside[:, :-1]  # as the one before, [B, L + 1]
        padded = jnp.pad(own, ((0, 0), (1, 1), (0, 0)))
        around = jnp.concatenate([padded[:, :-2] * same[:, :-1, None], padded[:, 2:] * same[:, 1:, None]], -1)
        x = (own + self.text_around(around)) * self.width**0.5
        x = self.drop(
            x + layers.sinusoidal_embedding(positions, self.width, x.dtype), deterministic=not train
        )

        def layer(block, x, _):
            return block(x, see, train)

        x = layers.scan_layers(layer, self.text_layers, self.text_depth, x, remat=self.remat)
        x = self.text_norm(x)
        both = self.memory_in(x).reshape(*x.shape[:2], self.depth, self.heads, -1)
        keys, values = jnp.split(jnp.moveaxis(both, 2, 0), 2, axis=-1)
        return EncodedText(keys, values, mask, self._expected_centres(x, mask, segments), x)

    def _expected_centres(self, x, mask, segments):
        """Where each text token is expected: the middle of its duration, after those before it, [B, L]."""
        duration = nn.softplus(self.duration(x)[..., 0]) * mask
        earlier = jnp.tril(jnp.ones((x.shape[1], x.shape[1])), -1)  # [L, L]
        if segments is not None:
            earlier = earlier * (segments[:, :, None] == segments[:, None, :])  # [B, L, L]
        return (earlier @ duration[..., None])[..., 0] + duration / 2


def null_text(ids):
    """As many times no text, for ids [B, L] or features [B, L, F]; only its first token counts."""
    return jnp.full_like(ids, NULL if ids.ndim == 2 else 0)


def alignment_offsets(time, centres, drift: float):
    """Distances [B, N, L] of positions at times [B, N] from expected ones [B, L], in units of 2 positions,
    and of `drift` times the time until then where tempo makes an error of an expectation."""
    return (time[:, :, None] - centres[:, None]) / (2 + drift * centres[:, None])


def aligned_text(memory: EncodedText, read, offsets, focus):
    """The text that is due at each position and how far into it the position is, [B, N, 2 * D].

    Models that fill a whole clip at once learn much faster when told so outright, as in text to speech
    (Gaussian upsampling, Donahue et al. 2021), than by attention alone.

    Args:
      memory: of the texts.
      read: [B, N, L] text that belongs to a position's clip.
      offsets: [B, N, L] see `alignment_offsets`.
      focus: [] learned; the larger, the fewer text tokens have a say.
    """
    share = jax.nn.softmax(jnp.where(read, -nn.softplus(focus) * offsets**2, -1e9))  # [B, N, L]
    states = memory.states
    phase = layers.sinusoidal_embedding(PHASE * (share * offsets).sum(-1), states.shape[-1], states.dtype)
    return jnp.concatenate([share.astype(states.dtype) @ states, phase], axis=-1)


def expected_length(memory: EncodedText):
    """The positions [B] that each text is expected to take, one text a row: where its last token is due."""
    return jnp.where(memory.mask, memory.centres, 0).max(1)


def clip_times(mask, memory: EncodedText):
    """Positions [B, N] of one clip a row, and the same in its text's own time, which is 0 for no text."""
    position = jnp.arange(mask.shape[1])[None] * jnp.ones_like(mask, jnp.float32)
    pace = expected_length(memory) * (memory.mask.sum(1) > 1) / jnp.maximum(mask.sum(1), 1)
    return position, (position + 0.5) * pace[:, None]


def attention_masks(mask, memory: EncodedText, segments=None):
    """What each position of a whole clip may attend to: (positions [B, 1, N, N], text [B, 1, N, L]).

    Args:
      mask: [B, N] positions that are there.
      memory: of the texts.
      segments: ([B, N], [B, L]) clips packed in a row, and the clip of each text token; None for one clip a
        row.
    """
    see = jnp.broadcast_to(mask[:, None], (*mask.shape, mask.shape[1]))
    read = jnp.broadcast_to(memory.mask[:, None], (*mask.shape, memory.mask.shape[1]))
    if segments is not None:
        own, belongs = segments
        see = see & (own[:, :, None] == own[:, None, :])
        read = read & (own[:, :, None] == belongs[:, None, :])
    return see[:, None], read[:, None]
