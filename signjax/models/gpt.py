"""The GPT: motion tokens from text, by a causal transformer that attends to an encoded text.

One position is one token, that is C codes. They are predicted one after another from the position's state
(the "depth" scheme, as in the RQ-Transformer of Lee et al. 2022, here with one hidden layer a code), so the
joint distribution is exact while the transformer runs only once a token. A head of its own says whether
the clip ends; SOS and end are never codes.

Text and signing run in the same order. Each text token has a learned duration, and cross-attention prefers
the text expected at the present position (Gaussian alignment, as in the Non-Attentive Tacotron of Shen et
al. 2020, but as a bias that every head can weaken): the model need not discover the order from few data.
The first layer measures time in positions; the later ones at a pace that it infers from what was signed.
Neighbouring text tokens and the last tokens signed reach a position directly, as in a convolution: that too
saves data, and spelled words need it most.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from signjax import layers

RECENT = 3  # tokens before a position that it reads directly, without attention


class Cache(NamedTuple):
    """Keys and values of past positions, per layer: [layers, B, N, H, D / H]."""

    keys: jax.Array
    values: jax.Array
    time: jax.Array  # [B, 1] the time signed so far, in positions at the usual pace


class Memory(NamedTuple):
    """The encoded text as every layer reads it."""

    keys: jax.Array  # [layers, B, L, H, D / H]
    values: jax.Array
    mask: jax.Array  # [B, L] bool
    centres: jax.Array  # [B, L] the position at which each text token is expected to be signed


class DecoderBlock(nn.Module):
    """Pre-norm block: causal self-attention, cross-attention to the text, MLP."""

    heads: int
    mlp: int
    dropout: float

    @nn.compact
    def __call__(self, x, mask, memory, memory_mask, offsets, train: bool, cache=None, at=None):
        """x [B, N, D] -> (x, keys, values).

        Args:
          x: one position if a cache is given.
          mask: [B, 1, N, N'] of the self-attention.
          memory: keys and values [B, L, H, D / H].
          memory_mask: [B, 1, N, L].
          offsets: [B, N, L] how far each position is from where a text token is expected.
          train: use dropout.
          cache: past keys and values [B, N', H, D / H].
          at: [] the position that x is.
        """
        width, heads = x.shape[-1], self.heads
        drop = nn.Dropout(self.dropout, deterministic=not train)
        attend = jax.nn.dot_product_attention

        def heads_of(h, name, parts):
            h = layers.Dense(parts * width, name=name)(h)
            return jnp.split(h.reshape(*h.shape[:2], heads, -1), parts, axis=-1)  # [B, N, H, D / H]

        def merged(h, name):
            return drop(layers.Dense(width, name=name)(h.reshape(*h.shape[:2], width)))

        q, k, v = heads_of(nn.LayerNorm(name="self_norm")(x), "self_in", 3)
        if cache is not None:
            k = jax.lax.dynamic_update_slice_in_dim(cache[0], k, at, axis=1)
            v = jax.lax.dynamic_update_slice_in_dim(cache[1], v, at, axis=1)
        x = x + merged(attend(q, k, v, mask=mask), "self_out")
        (q,) = heads_of(nn.LayerNorm(name="cross_norm")(x), "cross_in", 1)
        focus = nn.softplus(self.param("focus", nn.initializers.constant(-0.5), (heads, 1, 1)))
        bias = -focus * offsets[:, None] ** 2  # [B, H, N, L]
        x = x + merged(attend(q, *memory, bias=bias, mask=memory_mask), "cross_out")
        h = nn.gelu(layers.Dense(self.mlp, name="mlp_in")(nn.LayerNorm(name="mlp_norm")(x)))
        return x + drop(layers.Dense(width, name="mlp_out")(h)), k, v


class GPT(nn.Module):
    """Text ids and past codes to the next codes.

    Attributes:
      vocabulary: text ids.
      columns: C, codes a token.
      codes: K, values of a code.
      width: D.
      depth: decoder layers.
      text_depth: encoder layers.
      heads: H.
      mlp: hidden width of the MLPs.
      dropout: in training.
    """

    vocabulary: int
    columns: int
    codes: int
    width: int
    depth: int
    text_depth: int
    heads: int
    mlp: int
    dropout: float

    def setup(self):  # noqa: D102
        init = nn.initializers.normal(0.02)
        self.text_embedding = nn.Embed(self.vocabulary, self.width, embedding_init=init)
        block = {"heads": self.heads, "mlp": self.mlp, "dropout": self.dropout}
        self.text_around = layers.Dense(self.width, use_bias=False)
        self.text_blocks = [layers.EncoderBlock(**block) for _ in range(self.text_depth)]
        self.text_norm = nn.LayerNorm()
        self.duration = layers.Dense(1, bias_init=nn.initializers.constant(1.5))
        self.memory_in = [layers.Dense(2 * self.width) for _ in range(self.depth)]
        self.start = self.param("start", init, (self.width,))
        self.code_embedding = nn.Embed(self.columns * self.codes, self.width, embedding_init=init)
        self.code_past = layers.Dense(self.width, use_bias=False)
        self.blocks = [DecoderBlock(**block) for _ in range(self.depth)]
        self.pace = layers.Dense(1, kernel_init=nn.initializers.zeros)
        self.norm = nn.LayerNorm()
        self.end = layers.Dense(1)
        self.drop = nn.Dropout(self.dropout)
        # the depth head, all columns side by side
        shape = (self.columns, self.width)
        fan_in = nn.initializers.lecun_normal(batch_axis=(0,))
        self.depth_embedding = nn.Embed(self.columns * self.codes, self.width, embedding_init=init)
        self.depth_norm = nn.LayerNorm()
        self.depth_in = self.param("depth_in", fan_in, (*shape, self.width))
        self.depth_bias = self.param("depth_bias", nn.initializers.zeros, shape)
        self.depth_out = self.param("depth_out", fan_in, (*shape, self.codes))

    def encode_text(self, ids, mask, segments=None, positions=None, train: bool = False) -> Memory:
        """Text ids [B, L] with mask [B, L] to what the decoder reads.

        Args:
          ids: [B, L].
          mask: [B, L] bool.
          segments: [B, L], texts packed in one row do not see one another; None for one text a row.
          positions: [B, L] within each text; None for one text a row.
          train: use dropout.
        """
        positions = jnp.arange(ids.shape[1])[None] if positions is None else positions
        see = mask
        if segments is not None:
            see = mask[:, None, :] & (segments[:, :, None] == segments[:, None, :])  # [B, L, L]
        own = self.text_embedding(ids)
        inside = jnp.pad(mask if segments is None else segments, ((0, 0), (1, 1)))
        same = inside[:, 1:] == inside[:, :-1]  # as the one before, [B, L + 1]
        padded = jnp.pad(own, ((0, 0), (1, 1), (0, 0)))
        around = jnp.concatenate([padded[:, :-2] * same[:, :-1, None], padded[:, 2:] * same[:, 1:, None]], -1)
        x = (own + self.text_around(around)) * self.width**0.5 + layers.sinusoids(positions, self.width)
        x = self.drop(x, deterministic=not train)
        for block in self.text_blocks:
            x = block(x, see, train)
        x = self.text_norm(x)
        both = jnp.stack([dense(x) for dense in self.memory_in])  # [layers, B, L, 2 * D]
        keys, values = jnp.split(both.reshape(*both.shape[:3], self.heads, -1), 2, axis=-1)
        return Memory(keys, values, mask, self._centres(x, mask, segments))

    def _centres(self, x, mask, segments):
        """Where each text token is expected: the middle of its duration, after those before it, [B, L]."""
        duration = nn.softplus(self.duration(x)[..., 0]) * mask
        earlier = jnp.tril(jnp.ones((x.shape[1], x.shape[1])), -1)  # [L, L]
        if segments is not None:
            earlier = earlier * (segments[:, :, None] == segments[:, None, :])  # [B, L, L]
        return (earlier @ duration[..., None])[..., 0] + duration / 2

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
        offsets = _offsets(positions, memory.centres)
        for i, block in enumerate(self.blocks):
            x, _, _ = block(x, mask, (memory.keys[i], memory.values[i]), memory_mask, offsets, train)
            if i == 0:
                time = (mask[:, 0] @ self._pace(x))[..., 0] - 1
                offsets = _offsets(time, memory.centres)
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
        offsets, keys, values = _offsets(position, memory.centres), [], []
        for i, block in enumerate(self.blocks):
            read, past = (memory.keys[i], memory.values[i]), (cache.keys[i], cache.values[i])
            x, k, v = block(x, mask, read, memory_mask, offsets, False, past, at)
            keys.append(k)
            values.append(v)
            if i == 0:
                time = cache.time + self._pace(x)[..., 0]
                offsets = _offsets(time, memory.centres)
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


def _offsets(time, centres):
    """Distances [B, N, L] of positions at times [B, N] from expected ones [B, L], in units that grow with
    the error that tempo makes of an expectation."""
    return (time[:, :, None] - centres[:, None]) / (2 + 0.2 * centres[:, None])
