"""The GPT: motion tokens from text, by a causal transformer that attends to an encoded text.

One position is one token; signjax.models.token_head predicts its codes. An output of its own predicts the
end of the clip, so neither start nor end is ever a code.

The text is followed as in signjax.models.text_alignment. The first layer measures time in positions; the
later layers at a pace that the model infers from what was signed so far.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from signjax.models import layers
from signjax.models.decoder_blocks import DecoderBlock
from signjax.models.text_alignment import alignment_offsets
from signjax.models.text_conditioning import EncodedText
from signjax.models.token_head import TokenModel

TEMPO_ERROR = 0.2  # relative error of the time at which a text token is expected, while the tempo is unknown
# Tokens before a position that it gets as direct input, without attention. Together with the neighbours of
# text tokens they brought the quickstart's word error rate on dev from 17.3 to 10.9 %.
RECENT = 3


class KVCache(NamedTuple):
    """Keys and values of past positions, for steps of one token.

    Each layer has arrays of its own, so that a loop over positions updates them in place.
    """

    keys: tuple[jax.Array, ...]  # of each layer, [B, N, H, D / H]
    values: tuple[jax.Array, ...]  # of each layer, [B, N, H, D / H]
    time: jax.Array  # [B, 1] text time that was signed so far, in positions at the average tempo


class GPT(TokenModel):
    """Text ids and past codes to the next codes."""

    def setup(self):  # noqa: D102
        # Must come first: flax draws a module's own params from keys in the order of their definition, and
        # runs of the same seed should start from the same numbers.
        self.start = self.param("start", nn.initializers.normal(0.02), (self.width,))
        super().setup()
        self.code_past = layers.Dense(self.width, use_bias=False, dtype=self.dtype)
        # Apart from the later layers, since its output gives the pace by which they measure time.
        self.first = DecoderBlock(**self.block)
        self.layers = DecoderBlock(**self.block)  # all later layers, stacked
        # Zeros make the pace 1 at first, the average tempo. Learning it keeps fast and slow signers from
        # drifting away from the text: after 750 steps 17.7 % of dev words were wrong instead of 21.8 %.
        self.pace = layers.Dense(1, kernel_init=nn.initializers.zeros)
        self.norm = nn.LayerNorm(dtype=self.dtype)
        self.end = layers.Dense(1)

    def compute_states(
        self, codes, memory, segments=None, positions=None, text_segments=None, train: bool = False
    ):
        """States [B, N, D] before each token, for training; position n has seen tokens 0 to n - 1.

        Args:
          codes: [B, N, C]; the last token is not seen.
          memory: encoded texts.
          segments: [B, N] number of each position's clip, if several clips are packed in a row; they do not
            see one another. None for one clip a row.
          positions: [B, N] within each clip; 0 marks a clip's start. None for one clip a row.
          text_segments: [B, L] number of the clip that each text id belongs to.
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
        first_memory = memory.keys[0], memory.values[0]
        x, _, _ = self.first(x, mask, first_memory, memory_mask, offsets, train)
        # A causal mask times the paces is their running sum in each clip, whatever a row is packed with.
        time = (mask[:, 0] @ self._predict_pace(x))[..., 0] - 1
        offsets = alignment_offsets(time, memory.centres, TEMPO_ERROR)

        def apply_layer(block, x, layer_memory):
            return block(x, mask, layer_memory, memory_mask, offsets, train)[0]

        later_memory = memory.keys[1:], memory.values[1:]
        x = layers.scan_layers(apply_layer, self.layers, self.depth - 1, x, later_memory, self.remat)
        return self.norm(x)

    def decode_step(self, recent, at, cache: KVCache, memory: EncodedText, later):
        """The state [B, D] of position `at` from the tokens before it, and the new cache.

        Args:
          recent: [B, RECENT, C] codes of positions at - 1, at - 2, ...; any codes where there is no position.
          at: [] the position.
          cache: keys and values of all positions before.
          memory: encoded texts.
          later: see `later_layer_params`.
        """
        batch, length = cache.keys[0].shape[:2]
        position = jnp.broadcast_to(at, (batch, 1))
        x = self._embed_inputs(self._embed_tokens(recent)[:, None], position)
        # The cache is as long as the longest clip; what lies behind position `at` was not written yet.
        mask = jnp.broadcast_to(jnp.arange(length) <= at, (batch, 1, 1, length))
        memory_mask = memory.mask[:, None, None, :]
        offsets, keys, values = alignment_offsets(position, memory.centres, TEMPO_ERROR), [], []
        # Copies without a parent: `self.layers` itself has the stacked parameters of all layers.
        blocks = [self.layers.clone(parent=None).bind({"params": params}) for params in later]
        for i, block in enumerate([self.first, *blocks]):
            layer_memory, past = (memory.keys[i], memory.values[i]), (cache.keys[i], cache.values[i])
            x, k, v = block(x, mask, layer_memory, memory_mask, offsets, False, past, at)
            keys.append(k)
            values.append(v)
            if i == 0:
                time = cache.time + self._predict_pace(x)[..., 0]
                offsets = alignment_offsets(time, memory.centres, TEMPO_ERROR)
        return self.norm(x)[:, 0], KVCache(tuple(keys), tuple(values), time)

    @nn.nowrap
    def later_layer_params(self, variables) -> tuple:
        """The parameters of each layer but the first, to pass to every `decode_step` of a loop."""
        # They are rows of stacked arrays. Sliced in every step, they took 40 % of its time at batch 1.
        stacked = variables["params"].get("layers", {})  # a model of one layer has no later ones
        return tuple(jax.tree.map(lambda p: p[i], stacked) for i in range(self.depth - 1))  # noqa: B023

    def init_cache(self, batch: int, length: int) -> KVCache:
        """An empty cache for `length` positions."""
        shape = batch, length, self.heads, self.width // self.heads
        keys, values = (tuple(jnp.zeros(shape, self.dtype) for _ in range(self.depth)) for _ in range(2))
        # Each position adds its pace first, so position 0 starts from -1 and stands near time 0.
        return KVCache(keys, values, jnp.full((batch, 1), -1.0))

    def _predict_pace(self, x):
        """How much text time each position takes, [B, N, 1], from states [B, N, D]: between 1 / e and e."""
        # Never negative, as text is signed in order, and bounded, so that no single position skips the text.
        return jnp.exp(jnp.tanh(self.pace(x)))

    def end_logits(self, states):
        """Logits [...] that the clip ends before the token of each state [..., D]."""
        return self.end(states)[..., 0]

    def __call__(self, codes, text, text_mask):
        """Next-token logits, one clip a row: (codes [B, N, C, K], end [B, N])."""
        states = self.compute_states(codes, self.encode_text(text, text_mask))
        return self.code_logits(states, codes), self.end_logits(states)

    def _embed_inputs(self, recent, positions):
        """Inputs [B, N, D] of positions, from the embeddings [B, N, RECENT, D] of the tokens before them.

        The recent tokens reach a position directly, as in a convolution: that saves data, and spelled words
        need it most.
        """
        # At a clip's first positions `recent` holds tokens of another clip of the row, or padding.
        exists = positions[..., None] > jnp.arange(RECENT)  # [B, N, RECENT]
        recent = recent * exists[..., None]
        last = jnp.where(exists[..., :1], recent[..., 0, :], self.start.astype(recent.dtype))
        x = last + self.code_past(recent[..., 1:, :].reshape(*last.shape[:2], -1))
        return x * self.width**0.5 + layers.sinusoidal_embedding(positions, self.width, x.dtype)
