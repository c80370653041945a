"""The text side of every generator: texts become keys and values, and each token a place in the clip.

Text and signing run in the same order. Each text token has a learned duration, and cross-attention prefers
the text that is expected at the present position (Gaussian alignment as in the Non-Attentive Tacotron, Shen
et al. 2020, but as a bias that every head can weaken). So a model need not discover the order from few data.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from signjax.models import layers
from signjax.models.special_ids import NULL


class EncodedText(NamedTuple):
    """Encoded texts, as the decoder's layers attend to them."""

    keys: jax.Array  # [layers, B, L, H, D / H]
    values: jax.Array  # [layers, B, L, H, D / H]
    mask: jax.Array  # [B, L] bool
    centres: jax.Array  # [B, L] the position at which each text token is expected to be signed
    states: jax.Array  # [B, L, D] from which keys and values were computed


class TextConditionedModel(nn.Module):
    """Base class of models that follow a text. A subclass calls this `setup` first.

    Attributes:
      vocabulary: number of text ids.
      width: D.
      depth: layers that attend to the text.
      text_depth: encoder layers.
      heads: H.
      mlp: hidden width of the MLPs.
      dropout: rate in training.
      dtype: that layers compute in, "float32" or "bfloat16"; times and logits are always float32.
      remat: for the gradient, compute layers again instead of keeping what they computed.
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
        # No bias: features of zeros must stay zeros, as they are the text of no text.
        self.feature_norm = nn.LayerNorm(use_bias=False, use_scale=False)
        # As small as embedded ids, so that both kinds of text train with the same settings.
        small = nn.initializers.variance_scaling(0.02**2, "fan_in", "normal")
        self.feature_in = layers.Dense(self.width, kernel_init=small, dtype=self.dtype)
        self.text_around = layers.Dense(self.width, use_bias=False, dtype=self.dtype)
        self.text_layers = layers.EncoderBlock(**self.block)
        self.text_norm = nn.LayerNorm(dtype=self.dtype)
        # softplus(1.5) = 1.7: at first each text token is expected to take about two motion tokens.
        # Exact on every machine: TPUs would otherwise round to 8 bits, GPUs to 10, and over the length of a
        # text the errors of durations add up to positions.
        self.duration = layers.Dense(1, bias_init=nn.initializers.constant(1.5), precision="highest")
        self.memory_in = layers.KeyValueDense(self.depth, self.heads, dtype=self.dtype)
        self.drop = nn.Dropout(self.dropout)

    def encode_text(self, ids, mask, segments=None, positions=None, train: bool = False) -> EncodedText:
        """Encodes texts.

        Args:
          ids: [B, L], or features [B, L, F] of a pretrained encoder (signjax.text.pretrained).
          mask: [B, L] bool.
          segments: [B, L] number of the text each id belongs to, if several texts are packed in one row; they
            do not see one another. None for one text a row.
          positions: [B, L] within each text; None for one text a row.
          train: use dropout.
        """
        positions = jnp.arange(ids.shape[1])[None] if positions is None else positions
        self_mask = mask
        if segments is not None:
            self_mask = mask[:, None, :] & (segments[:, :, None] == segments[:, None, :])  # [B, L, L]
        if ids.ndim == 2:
            embedded = self.text_embedding(ids)
        else:
            embedded = self.feature_in(self.feature_norm(ids.astype(jnp.float32)))
        x = self._add_neighbours(embedded, mask if segments is None else segments)
        # The scale that sinusoids have (Vaswani et al. 2017): embeddings start far smaller.
        x = x * self.width**0.5
        x = x + layers.sinusoidal_embedding(positions, self.width, x.dtype)
        x = self.drop(x, deterministic=not train)

        def apply_layer(block, x, _):
            return block(x, self_mask, train)

        x = layers.scan_layers(apply_layer, self.text_layers, self.text_depth, x, remat=self.remat)
        x = self.text_norm(x)
        # Keys and values of all layers at once, as no layer of the decoder changes the text.
        keys, values = jnp.split(jnp.moveaxis(self.memory_in(x), 2, 0), 2, axis=-1)
        return EncodedText(keys, values, mask, self._expected_centres(x, mask, segments), x)

    def _add_neighbours(self, embedded, segments):
        """Embeddings [B, L, D] plus a projection of the tokens before and after them, in the same segment.

        As in a convolution, neighbours reach one another directly: that saves data, and spelled words need it
        most, since each of their letters is a token.
        """
        # A token at the edge of its text has no neighbour there: in a packed row it would be another text's.
        padded_segments = jnp.pad(segments, ((0, 0), (1, 1)))
        same_text = padded_segments[:, 1:] == padded_segments[:, :-1]  # [B, L + 1], as the token before
        padded = jnp.pad(embedded, ((0, 0), (1, 1), (0, 0)))
        before = padded[:, :-2] * same_text[:, :-1, None]
        after = padded[:, 2:] * same_text[:, 1:, None]
        return embedded + self.text_around(jnp.concatenate([before, after], -1))

    def _expected_centres(self, x, mask, segments):
        """[B, L] where each text token is expected: the middle of its duration, after those before it."""
        duration = nn.softplus(self.duration(x)[..., 0]) * mask
        earlier = jnp.tril(jnp.ones((x.shape[1], x.shape[1])), -1)  # [L, L]
        if segments is not None:
            earlier = earlier * (segments[:, :, None] == segments[:, None, :])  # [B, L, L]
        # A product instead of a cumulative sum: it starts again with every text of a packed row.
        return jnp.matmul(earlier, duration[..., None], precision="highest")[..., 0] + duration / 2


def null_text(ids):
    """The text of no text, in the shape of ids [B, L] or features [B, L, F]; only its first token counts."""
    return jnp.full_like(ids, NULL if ids.ndim == 2 else 0)
