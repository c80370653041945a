"""What models of motion tokens share: embeddings of tokens, and a head that predicts a token's codes.

One position is one token, that is C codes. They are predicted one after another from the position's state
(the "depth" scheme, as in the RQ-Transformer of Lee et al. 2022, here with one hidden layer a code), so the
joint distribution of a token is exact while the transformer runs once for all its codes.
"""

import flax.linen as nn
import jax.numpy as jnp

from signjax.models.text import TextConditioned


class TokenModel(TextConditioned):
    """A model of tokens that follow a text; it is subclassed, and its `setup` called.

    Attributes:
      columns: C, codes a token.
      codes: K, values of a code.
    """

    columns: int
    codes: int

    def setup(self):  # noqa: D102
        super().setup()
        init = nn.initializers.normal(0.02)
        self.code_embedding = nn.Embed(self.columns * self.codes, self.width, embedding_init=init)
        # the depth head, all columns side by side
        shape = (self.columns, self.width)
        fan_in = nn.initializers.lecun_normal(batch_axis=(0,))
        self.depth_embedding = nn.Embed(self.columns * self.codes, self.width, embedding_init=init)
        self.depth_norm = nn.LayerNorm()
        self.depth_in = self.param("depth_in", fan_in, (*shape, self.width))
        self.depth_bias = self.param("depth_bias", nn.initializers.zeros, shape)
        self.depth_out = self.param("depth_out", fan_in, (*shape, self.codes))

    def code_logits(self, states, codes):
        """Logits [B, N, C, K] of each code, given states [B, N, D] and the codes before it in its token."""
        own = self.depth_embedding(codes + jnp.arange(self.columns) * self.codes)  # [B, N, C, D]
        earlier = jnp.cumsum(own, axis=-2) - own
        x = self.depth_norm(states[..., None, :] + earlier)
        x = x.reshape(-1, self.columns, self.width).swapaxes(0, 1)  # [C, B * N, D], quick to multiply
        h = nn.gelu(jnp.einsum("cnd,cdh->cnh", x, self.depth_in) + self.depth_bias[:, None])
        x = x + h
        logits = jnp.einsum("cnd,cdk->cnk", x, self.depth_out)
        return logits.swapaxes(0, 1).reshape(*codes.shape, self.codes)

    def column_logits(self, states, earlier, column: int):
        """Logits [B, K] of code `column`, from states [B, D] and the sum of earlier codes' embeddings."""
        x = self.depth_norm(states + earlier)
        h = nn.gelu(x @ self.depth_in[column] + self.depth_bias[column])
        return (x + h) @ self.depth_out[column]

    def column_embedding(self, codes, column: int):
        """What code `column` [B] adds to `earlier` [B, D] for the codes after it."""
        return self.depth_embedding(codes + column * self.codes)

    def _tokens(self, codes):
        """Embeddings [..., D] of tokens [..., C]."""
        return self.code_embedding(codes + jnp.arange(self.columns) * self.codes).sum(-2)
