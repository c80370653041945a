"""BERT (Devlin et al. 2019, arXiv 1810.04805) and DistilBERT (Sanh et al. 2019, arXiv 1910.01108).

Encoders for evaluation only, so there is no dropout. Their outputs equal those of PyTorch to 1e-5.
signjax.text.bert_files reads their weights.
"""

import jax.numpy as jnp
from flax import linen as nn

from signjax.models import layers


class BertLayer(nn.Module):
    """Post-norm transformer block. [B, L, D] -> [B, L, D]."""

    heads: int
    mlp: int
    epsilon: float

    @nn.compact
    def __call__(self, x, mask):
        """x [B, L, D], mask [B, L] bool."""
        width = x.shape[-1]
        # Three layers and not one for all: files of BERT have a tensor for each.
        parts = [layers.Dense(width, name=name)(x) for name in ("query", "key", "value")]
        q, k, v = (part.reshape(*x.shape[:2], self.heads, -1) for part in parts)  # [B, L, H, D / H]
        h = layers.attend(q, k, v, mask=mask[:, None, None])
        x = _layer_norm(self.epsilon, "out_norm")(x + layers.Dense(width, name="out")(h.reshape(x.shape)))
        h = layers.apply_gelu(layers.Dense(self.mlp, name="up")(x), exact=True)
        return _layer_norm(self.epsilon, "down_norm")(x + layers.Dense(width, name="down")(h))


class Bert(nn.Module):
    """Word pieces to features.

    Attributes:
      vocabulary: number of word pieces.
      positions: length of the longest text, in word pieces.
      width: D.
      depth: layers.
      heads: H.
      mlp: hidden width of the MLPs.
      epsilon: of the norms.
      types: number of token types (first and second text of a pair), 0 for none.
    """

    vocabulary: int
    positions: int
    width: int
    depth: int
    heads: int
    mlp: int
    epsilon: float
    types: int = 0

    @nn.compact
    def __call__(self, ids, mask):
        """ids [B, L], mask [B, L] bool -> features of the last layer [B, L, D]."""
        x = nn.Embed(self.vocabulary, self.width, name="words")(ids)
        x += nn.Embed(self.positions, self.width, name="positions")(jnp.arange(ids.shape[1]))
        # DistilBERT has no types. Others expect pairs of texts; ours is the first of a pair, of type 0.
        if self.types:
            x += nn.Embed(self.types, self.width, name="types")(jnp.zeros_like(ids))
        x = _layer_norm(self.epsilon, "norm")(x)
        for i in range(self.depth):
            x = BertLayer(self.heads, self.mlp, self.epsilon, name=f"layer_{i}")(x, mask)
        return x


def _layer_norm(epsilon: float, name: str) -> nn.LayerNorm:
    # BERT's epsilon is 1e-12: the one-pass variance of flax would lose more digits than that.
    return nn.LayerNorm(epsilon, use_fast_variance=False, name=name)
