"""What models of motion tokens share: the embedding of tokens, and a head that predicts a token's codes.

One position is one token, which is C codes. They are predicted one after another from the position's state
(the depth transformer of the RQ-Transformer, Lee et al. 2022, reduced to one hidden layer a code). So the
joint distribution of a token is exact, while the large transformer runs once for all its codes.
"""

import itertools

import flax.linen as nn
import jax.numpy as jnp

from signjax.models.text_conditioning import TextConditionedModel


class TokenModel(TextConditionedModel):
    """Base class of models of tokens that follow a text. A subclass calls this `setup`.

    Attributes:
      columns: C, codes a token.
      codes: K, values of a code.
    """

    columns: int
    codes: int

    def setup(self):  # noqa: D102
        super().setup()
        init = nn.initializers.normal(0.02)
        # One table for all columns: row c * K + k is code k of column c.
        embedding = {"num_embeddings": self.columns * self.codes, "features": self.width}
        self.code_embedding = nn.Embed(**embedding, embedding_init=init, dtype=self.dtype)
        # The depth head, all columns in one array; the fan-in of a column must not count the other columns.
        shape = (self.columns, self.width)
        fan_in = nn.initializers.lecun_normal(batch_axis=(0,))
        self.depth_embedding = nn.Embed(**embedding, embedding_init=init, dtype=self.dtype)
        self.depth_norm = nn.LayerNorm(dtype=self.dtype)
        self.depth_in = self.param("depth_in", fan_in, (*shape, self.width))
        self.depth_bias = self.param("depth_bias", nn.initializers.zeros, shape)
        self.depth_out = self.param("depth_out", fan_in, (*shape, self.codes))

    def code_logits(self, states, codes):
        """Logits [B, N, C, K] of each code, given states [B, N, D] and the codes before it in its token."""
        # Columns first all along, so that each column's weights are one batched matrix product, and the
        # logits, by far the largest array of a step, are not transposed for it.
        columns = jnp.moveaxis(codes, -1, 0).reshape(self.columns, -1)  # [C, B * N]
        embedded = self.depth_embedding(columns + jnp.arange(self.columns)[:, None] * self.codes)
        # Without its own embedding: a code that sees itself would be predicted from itself.
        earlier = itertools.accumulate(embedded[:-1], initial=jnp.zeros_like(embedded[0]))
        states = states.reshape(-1, self.width)
        x = self.depth_norm(states + jnp.stack(list(earlier)))  # [C, B * N, D]
        h = jnp.einsum("cnd,cdh->cnh", x, self.depth_in.astype(x.dtype))
        x = x + nn.gelu(h + self.depth_bias[:, None].astype(x.dtype))
        out = self.depth_out.astype(x.dtype)
        # Logits in float32 also of bfloat16 states: their differences decide which code is likeliest.
        logits = jnp.einsum("cnd,cdk->cnk", x, out, preferred_element_type=jnp.float32)
        return jnp.moveaxis(logits.reshape(self.columns, *codes.shape[:-1], self.codes), 0, -2)

    def column_logits(self, states, earlier, column: int):
        """Logits [B, K] of the code of one column.

        Args:
          states: [B, D].
          earlier: [B, D] sum of `column_embedding` over the codes before it in its token.
          column: which of the C codes.
        """
        # The numbers of `code_logits` for one column: in sampling, later columns need its code first.
        x = self.depth_norm(states + earlier)
        weight, bias, out = (
            p[column].astype(x.dtype) for p in (self.depth_in, self.depth_bias, self.depth_out)
        )
        return jnp.matmul(x + nn.gelu(x @ weight + bias), out, preferred_element_type=jnp.float32)

    def column_embedding(self, codes, column: int):
        """What the codes [B] of column `column` add to `earlier` [B, D] for the codes after them."""
        return self.depth_embedding(codes + column * self.codes)

    def _embed_tokens(self, codes):
        """Embeddings [..., D] of tokens [..., C]: the sum over their codes."""
        return self.code_embedding(codes + jnp.arange(self.columns) * self.codes).sum(-2)
