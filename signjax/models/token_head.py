"""What models of motion tokens share: embeddings of tokens, and a head that predicts a token's codes.

One position is one token, that is C codes. They are predicted one after another from the position's state
(the "depth" scheme, as in the RQ-Transformer of Lee et al. 2022, here with one hidden layer a code), so the
joint distribution of a token is exact while the transformer runs once for all its codes.
"""

import flax.linen as nn
import jax.numpy as jnp

from signjax.models.text_conditioning import TextConditionedModel


class TokenModel(TextConditionedModel):
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
        embedding = {"num_embeddings": self.columns * self.codes, "features": self.width}
        self.code_embedding = nn.Embed(**embedding, embedding_init=init, dtype=self.dtype)
        # the depth head, all columns side by side
        shape = (self.columns, self.width)
        fan_in = nn.initializers.lecun_normal(batch_axis=(0,))
        self.depth_embedding = nn.Embed(**embedding, embedding_init=init, dtype=self.dtype)
        self.depth_norm = nn.LayerNorm(dtype=self.dtype)
        self.depth_in = self.param("depth_in", fan_in, (*shape, self.width))
        self.depth_bias = self.param("depth_bias", nn.initializers.zeros, shape)
        self.depth_out = self.param("depth_out", fan_in, (*shape, self.codes))

    def code_logits(self, states, codes):
        """Logits [B, N, C, K] of each code, given states [B, N, D] and the codes before it in its token."""
        own = self.depth_embedding(codes + jnp.arange(self.columns) * self.codes)  # [B, N, C, D]
        earlier = jnp.cumsum(own, axis=-2) - own
        x = self.depth_norm(states[..., None, :] + earlier)
        x = x.reshape(-1, self.columns, self.width).swapaxes(0, 1)  # [C, B * N, D], quick to multiply
        h = jnp.einsum("cnd,cdh->cnh", x, self.depth_in.astype(x.dtype))
        x = x + nn.gelu(h + self.depth_bias[:, None].astype(x.dtype))
        out = self.depth_out.astype(x.dtype)
        logits = jnp.einsum("cnd,cdk->cnk", x, out, preferred_element_type=jnp.float32)
        return logits.swapaxes(0, 1).reshape(*codes.shape, self.codes)

    def column_logits(self, states, earlier, column: int):
        """Logits [B, K] of code `column`, from states [B, D] and the sum of earlier codes' embeddings."""
        x = self.depth_norm(states + earlier)
        weight, bias, out = (
            p[column].astype(x.dtype) for p in (self.depth_in, self.depth_bias, self.depth_out)
        )
        return jnp.matmul(x + nn.gelu(x @ weight + bias), out, preferred_element_type=jnp.float32)

    def column_embedding(self, codes, column: int):
        """What code `column` [B] adds to `earlier` [B, D] for the codes after it."""
        return self.depth_embedding(codes + column * self.codes)

    def _embed_tokens(self, codes):
        """Embeddings [..., D] of tokens [..., C]."""
        return self.code_embedding(codes + jnp.arange(self.columns) * self.codes).sum(-2)
