"""The GPT: motion tokens from text, by a causal transformer that attends to an encoded text.

One position is one token, whose codes signjax.models.token_head predicts. A head of its own says whether the
clip ends; SOS and end are never codes.

Texts are read and followed as in signjax.models.text_conditioning. The first layer measures time in
positions; the later ones at a pace that it infers from what was signed. The last tokens signed reach a
position directly, as in a convolution: that saves data, and spelled words need it most.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from signjax.models import layers
from signjax.models.text_conditioning import DecoderBlock, EncodedText, alignment_offsets
from signjax.models.token_head import TokenModel

TEMPO_ERROR = 0.2  # error of a time that is expected before the tempo is known, relative
RECENT = 3  # tokens before a position that it reads directly, without attention


class KVCache(NamedTuple):
    """Keys and values of past positions, an array [B, N, H, D / H] for each layer: it is updated in place."""

    keys: tuple[jax.Array, ...]
    values: tuple[jax.Array, ...]
    time: jax.Array  # [B, 1] the time signed so far, in positions at the usual pace


class GPT(TokenModel):
    """Text ids and past codes to the next codes."""

    def setup(self):  # noqa: D102
        # first, as the keys of params that a module draws itself follow their order
        self.start = self.param("start", nn.initializers.normal(0.02), (self.width,))
        super().setup()
        self.code_past = layers.Dense(self.width, use_bias=False, dtype=self.dtype)
        self.first = DecoderBlock(**self.block)
        self.layers = DecoderBlock(**self.block)  # the later ones
        self.pace = layers.Dense(1, kernel_init=nn.initializers.zeros)
        self.norm = nn.LayerNorm(dtype=self.dtype)
        self.end = layers.Dense(1)

    def compute_states(
        self, codes, memory, segments=None, positions=None, text_segments=None, train: bool = False
    ):
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
        padded = jnp.pad(self._embed_tokens(codes), ((0, 0), (RECENT, 0), (0, 0)))
        recent = [padded[:, RECENT - 1 - k : RECENT - 1 - k + length] for k in range(RECENT)]
        x = self._embed_inputs(jnp.stack(recent, axis=-2), positions)
        x = self.drop(x, deterministic=not train)
        mask = jnp.tril(jnp.ones((length, length), bool))[None, None]
        memory_mask = memory.mask[:, None, None, :]
        if segments is not None:
            mask = mask & (segments[:, None, :, None] == segments[:, None, None, :])
            memory_mask = memory_mask & (segments[:, None, :, None] == text_segments[:, None, None, :])
        mask = jnp.broadcast_to(mask, (batch, 1, length, length))
        memory_mask = jnp.broadcast_to(memory_mask, (batch, 1, length, memory.mask.shape[1]))
        offsets = alignment_offsets(positions, memory.centres, TEMPO_ERROR)
        first = memory.keys[0], memory.values[0]
        x, _, _ = self.first(x, mask, first, memory_mask, offsets, train)
        time = (mask[:, 0] @ self._predict_pace(x))[..., 0] - 1
        offsets = alignment_offsets(time, memory.centres, TEMPO_ERROR)

        def layer(block, x, both):
            return block(x, mask, both, memory_mask, offsets, train)[0]

        both = memory.keys[1:], memory.values[1:]
        return self.norm(layers.scan_layers(layer, self.layers, self.depth - 1, x, both, self.remat))

    def decode_step(self, recent, at, cache: KVCache, memory: EncodedText, later):
        """The state [B, D] of position `at`, from the tokens before it and the cache.

        Args:
          recent: [B, RECENT, C] codes of positions at - 1, at - 2, ...; any codes where there is none.
          at: [] the position.
          cache: keys and values of all positions before.
          memory: of the texts.
          later: see `later_layer_params`.
        """
        batch, length = cache.keys[0].shape[:2]
        position = jnp.broadcast_to(at, (batch, 1))
        x = self._embed_inputs(self._embed_tokens(recent)[:, None], position)
        mask = jnp.broadcast_to(jnp.arange(length) <= at, (batch, 1, 1, length))
        memory_mask = memory.mask[:, None, None, :]
        offsets, keys, values = alignment_offsets(position, memory.centres, TEMPO_ERROR), [], []
        blocks = [self.layers.clone(parent=None).bind({"params": params}) for params in later]
        for i, block in enumerate([self.first, *blocks]):
            read, past = (memory.keys[i], memory.values[i]), (cache.keys[i], cache.values[i])
            x, k, v = block(x, mask, read, memory_mask, offsets, False, past, at)
            keys.append(k)
            values.append(v)
            if i == 0:
                time = cache.time + self._predict_pace(x)[..., 0]
                offsets = alignment_offsets(time, memory.centres, TEMPO_ERROR)
        return self.norm(x)[:, 0], KVCache(tuple(keys), tuple(values), time)

    @nn.nowrap
    def later_layer_params(self, variables) -> tuple:
        """Parameters of each layer but the first. They are rows of arrays: what is cut out before a loop of
        steps need not be cut out in each."""
        rows = variables["params"].get("layers", {})  # of one layer there are no later ones
        return tuple(jax.tree.map(lambda p: p[i], rows) for i in range(self.depth - 1))  # noqa: B023

    def init_cache(self, batch: int, length: int) -> KVCache:
        """A cache for `length` positions."""
        shape = batch, length, self.heads, self.width // self.heads
        keys, values = (tuple(jnp.zeros(shape, self.dtype) for _ in range(self.depth)) for _ in range(2))
        return KVCache(keys, values, jnp.full((batch, 1), -1.0))

    def _predict_pace(self, x):
        """How much of the text's time each position takes, [B, N, 1], from states [B, N, D]."""
        return jnp.exp(jnp.tanh(self.pace(x)))

    def end_logits(self, states):
        """Logits [...] that the clip ends before the token of each state [..., D]."""
        return self.end(states)[..., 0]

    def __call__(self, codes, text, text_mask):
        """Next-token logits without packing: (codes [B, N, C, K], end [B, N])."""
        states = self.compute_states(codes, self.encode_text(text, text_mask))
        return self.code_logits(states, codes), self.end_logits(states)

    def _embed_inputs(self, recent, positions):
        """Inputs [B, N, D] of positions, from the embeddings [B, N, RECENT, D] of the tokens before."""
        known = positions[..., None] > jnp.arange(RECENT)  # [B, N, RECENT]
        recent = recent * known[..., None]
        last = jnp.where(known[..., :1], recent[..., 0, :], self.start.astype(recent.dtype))
        x = last + self.code_past(recent[..., 1:, :].reshape(*last.shape[:2], -1))
        return x * self.width**0.5 + layers.sinusoidal_embedding(positions, self.width, x.dtype)
