"""The GPT: motion tokens from text, by a causal transformer that attends to an encoded text.

One position is one token, that is C codes. They are predicted one after another from the position's state
(the "depth" scheme, as in the RQ-Transformer of Lee et al. 2022, here with one hidden layer a code), so the
joint distribution is exact while the transformer runs only once a token. A head of its own says whether
the clip ends; SOS and end are never codes.

Texts are read and followed as in signjax.models.text. The first layer measures time in positions; the later
ones at a pace that it infers from what was signed. The last tokens signed reach a position directly, as in a
convolution: that saves data, and spelled words need it most.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from signjax import layers
from signjax.models.text import DecoderBlock, Memory, TextConditioned, offsets_from

DRIFT = 0.2  # error of a time that is expected before the tempo is known, relative
RECENT = 3  # tokens before a position that it reads directly, without attention


class Cache(NamedTuple):
    """Keys and values of past positions, per layer: [layers, B, N, H, D / H]."""

    keys: jax.Array
    values: jax.Array
    time: jax.Array  # [B, 1] the time signed so far, in positions at the usual pace


class GPT(TextConditioned):
    """Text ids and past codes to the next codes.

    Attributes:
      columns: C, codes a token.
      codes: K, values of a code.
    """

    columns: int
    codes: int

    def setup(self):  # noqa: D102
        super().setup()
        init = nn.initializers.normal(0.02)
        block = {"heads": self.heads, "mlp": self.mlp, "dropout": self.dropout}
        self.start = self.param("start", init, (self.width,))
        self.code_embedding = nn.Embed(self.columns * self.codes, self.width, embedding_init=init)
        self.code_past = layers.Dense(self.width, use_bias=False)
        self.blocks = [DecoderBlock(**block) for _ in range(self.depth)]
        self.pace = layers.Dense(1, kernel_init=nn.initializers.zeros)
        self.norm = nn.LayerNorm()
        self.end = layers.Dense(1)
        # the depth head, all columns side by side
        shape = (self.columns, self.width)
        fan_in = nn.initializers.lecun_normal(batch_axis=(0,))
        self.depth_embedding = nn.Embed(self.columns * self.codes, self.width, embedding_init=init)
        self.depth_norm = nn.LayerNorm()
        self.depth_in = self.param("depth_in", fan_in, (*shape, self.width))
        self.depth_bias = self.param("depth_bias", nn.initializers.zeros, shape)
        self.depth_out = self.param("depth_out", fan_in, (*shape, self.codes))

    def states(self, codes, memory, segments=None, positions=None, text_segments=None, train: bool = False):
        """States [B, N, D] before each token, given all tokens; position n has seen tokens 0 to n - 1.

        Args:
          codes: [B, N, C]; the last token is not seen.
          memory: of the texts.
          segments: [B, N], clips packed in one row do not see one another; None for one clip a row.
          positions: [B, N] within each clip; 0 marks a clip's start. None for one clip a row.
          text_segments: [B, L], the clip each text id belongs to.
          train: use dropout.
        """
        batch, length = codes.shape[:2]
        positions = jnp.broadcast_to(jnp.arange(length) if positions is None else positions, (batch, length))
        padded = jnp.pad(self._tokens(codes), ((0, 0), (RECENT, 0), (0, 0)))
        recent = [padded[:, RECENT - 1 - k : RECENT - 1 - k + length] for k in range(RECENT)]
        x = self._embed(jnp.stack(recent, axis=-2), positions)
        x = self.drop(x, deterministic=not train)
        mask = jnp.tril(jnp.ones((length, length), bool))[None, None]
        memory_mask = memory.mask[:, None, None, :]
        if segments is not None:
            mask = mask & (segments[:, None, :, None] == segments[:, None, None, :])
            memory_mask = memory_mask & (segments[:, None, :, None] == text_segments[:, None, None, :])
        mask = jnp.broadcast_to(mask, (batch, 1, length, length))
        memory_mask = jnp.broadcast_to(memory_mask, (batch, 1, length, memory.mask.shape[1]))
        offsets = offsets_from(positions, memory.centres, DRIFT)
        for i, block in enumerate(self.blocks):
            x, _, _ = block(x, mask, (memory.keys[i], memory.values[i]), memory_mask, offsets, train)
            if i == 0:
                time = (mask[:, 0] @ self._pace(x))[..., 0] - 1
                offsets = offsets_from(time, memory.centres, DRIFT)
        return self.norm(x)

    def step(self, recent, at, cache: Cache, memory: Memory):
        """The state [B, D] of position `at`, from the tokens before it and the cache.

        Args:
          recent: [B, RECENT, C] codes of positions at - 1, at - 2, ...; any codes where there is none.
          at: [] the position.
          cache: keys and values of all positions before.
          memory: of the texts.
        """
        batch, length = recent.shape[0], cache.keys.shape[2]
        position = jnp.broadcast_to(at, (batch, 1))
        x = self._embed(self._tokens(recent)[:, None], position)
        mask = jnp.broadcast_to(jnp.arange(length) <= at, (batch, 1, 1, length))
        memory_mask = memory.mask[:, None, None, :]
        offsets, keys, values = offsets_from(position, memory.centres, DRIFT), [], []
        for i, block in enumerate(self.blocks):
            read, past = (memory.keys[i], memory.values[i]), (cache.keys[i], cache.values[i])
            x, k, v = block(x, mask, read, memory_mask, offsets, False, past, at)
            keys.append(k)
            values.append(v)
            if i == 0:
                time = cache.time + self._pace(x)[..., 0]
                offsets = offsets_from(time, memory.centres, DRIFT)
        return self.norm(x)[:, 0], Cache(jnp.stack(keys), jnp.stack(values), time)

    def empty_cache(self, batch: int, length: int) -> Cache:
        """A cache for `length` positions."""
        zeros = jnp.zeros((self.depth, batch, length, self.heads, self.width // self.heads))
        return Cache(zeros, zeros, jnp.full((batch, 1), -1.0))

    def _pace(self, x):
        """How much of the text's time each position takes, [B, N, 1], from states [B, N, D]."""
        return jnp.exp(jnp.tanh(self.pace(x)))

    def end_logits(self, states):
        """Logits [...] that the clip ends before the token of each state [..., D]."""
        return self.end(states)[..., 0]

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

    def __call__(self, codes, text, text_mask):
        """Next-token logits without packing: (codes [B, N, C, K], end [B, N])."""
        states = self.states(codes, self.encode_text(text, text_mask))
        return self.code_logits(states, codes), self.end_logits(states)

    def _tokens(self, codes):
        """Embeddings [..., D] of tokens [..., C]."""
        return self.code_embedding(codes + jnp.arange(self.columns) * self.codes).sum(-2)

    def _embed(self, recent, positions):
        """Inputs [B, N, D] of positions, from the embeddings [B, N, RECENT, D] of the tokens before."""
        known = positions[..., None] > jnp.arange(RECENT)  # [B, N, RECENT]
        recent = recent * known[..., None]
        last = jnp.where(known[..., :1], recent[..., 0, :], self.start)
        x = last + self.code_past(recent[..., 1:, :].reshape(*last.shape[:2], -1))
        return x * self.width**0.5 + layers.sinusoids(positions, self.width)
