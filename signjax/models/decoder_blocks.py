"""Transformer blocks that attend to a text (or to a clip) besides their own positions."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from signjax.models import layers


class DecoderBlock(nn.Module):
    """Pre-norm decoder block: self-attention, cross-attention, MLP.

    Cross-attention prefers what is expected at a position: -softplus(focus) * offset**2 is added to its
    logits, with a learned focus for each head.

    Attributes:
      heads: H, attention heads.
      mlp: hidden width of the MLP.
      dropout: rate on all residual branches in training.
      exact: compute as PyTorch's decoder layer does, for weights trained there: without the preference above,
        and with GELU and norms as in signjax.models.layers.EncoderBlock.
    """

    heads: int
    mlp: int
    dropout: float
    dtype: Any = None
    exact: bool = False

    @nn.compact
    def __call__(self, x, mask, memory, memory_mask, offsets, train: bool, cache=None, at=None):
        """x [B, N, D] -> (x [B, N, D], keys and values of its self-attention [B, N', H, D / H]).

        Args:
          x: states; with a cache, those of one position.
          mask: [B, 1, N, N'] bool, what each position may attend to in its own sequence.
          memory: keys and values [B, L, H, D / H] of the text.
          memory_mask: [B, 1, N, L] bool, what each position may attend to in the text.
          offsets: [B, N, L] how far each position is from where a text token is expected; unused if `exact`.
          train: use dropout.
          cache: keys and values [B, N', H, D / H] of earlier positions, or None.
          at: [] the position that x is; only with a cache.
        """
        width, heads = x.shape[-1], self.heads
        drop = nn.Dropout(self.dropout, deterministic=not train)
        dense = functools.partial(layers.Dense, dtype=self.dtype)
        norm = functools.partial(layers.make_layer_norm, self.exact, dtype=self.dtype)

        def split_heads(h, name, parts):
            h = dense(parts * width, name=name)(h)
            return jnp.split(h.reshape(*h.shape[:2], heads, -1), parts, axis=-1)  # [B, N, H, D / H]

        def merge_heads(h, name):
            return drop(dense(width, name=name)(h.reshape(*h.shape[:2], width)))

        q, k, v = split_heads(norm(name="self_norm")(x), "self_in", 3)
        if cache is not None:
            # A slice of a buffer of fixed size: a growing array would be compiled anew at every step.
            k = jax.lax.dynamic_update_slice_in_dim(cache[0], k, at, axis=1)
            v = jax.lax.dynamic_update_slice_in_dim(cache[1], v, at, axis=1)
        x = x + merge_heads(layers.attend(q, k, v, mask=mask), "self_out")
        (q,) = split_heads(norm(name="cross_norm")(x), "cross_in", 1)
        bias = None
        if not self.exact:
            # Softplus keeps the sign: a head can weaken the preference, but not prefer what is far away.
            focus = nn.softplus(self.param("focus", nn.initializers.constant(-0.5), (heads, 1, 1)))
            bias = -focus * offsets[:, None] ** 2  # [B, H, N, L]
        x = x + merge_heads(layers.attend(q, *memory, bias=bias, mask=memory_mask), "cross_out")
        h = layers.apply_gelu(dense(self.mlp, name="mlp_in")(norm(name="mlp_norm")(x)), self.exact)
        return x + drop(dense(width, name="mlp_out")(h)), k, v


class BidirectionalBlock(nn.Module):
    """Layer of models that see a whole clip at once: ConvBlock, modulation if asked for, DecoderBlock.

    Attributes: as of DecoderBlock.
    """

    heads: int
    mlp: int
    dropout: float
    dtype: Any = None

    @nn.compact
    def __call__(self, x, mask, self_mask, memory, text_mask, offsets, condition=None, train: bool = False):
        """x [B, N, D] -> [B, N, D].

        Args:
          x: states.
          mask: [B, N] bool, positions that exist.
          self_mask: [B, 1, N, N] bool, positions that each attends to.
          memory: keys and values [B, L, H, D / H] of the text.
          text_mask: [B, 1, N, L] bool, text tokens that each position attends to.
          offsets: [B, N, L] how far each position is from where a text token is expected.
          condition: [B, N, D] scales and shifts the states (FiLM, Perez et al. 2018); None for no modulation.
          train: use dropout.
        """
        width, zeros = x.shape[-1], nn.initializers.zeros
        # Neighbours reach one another directly, as a GPT's recent tokens do: that saves data.
        x = layers.ConvBlock(dtype=self.dtype, name="mix")(x, mask)
        if condition is not None:
            # Zero weights: every layer starts without modulation (Peebles and Xie 2023).
            modulate = layers.Dense(2 * width, kernel_init=zeros, dtype=self.dtype, name="modulate")
            scale, shift = jnp.split(modulate(condition), 2, axis=-1)
            x = x * (1 + scale) + shift
        block = DecoderBlock(self.heads, self.mlp, self.dropout, self.dtype, name="block")
        return block(x, self_mask, memory, text_mask, offsets, train)[0]
