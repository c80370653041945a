"""The GPT of the original project, as a point of reference with the methods of gpt.GPT.

Plain decoder layers over the states of a frozen BERT, without a norm after the last one. The output has
logits of K codes, of SOS (start) and of EOS (end). SOS is never sampled; the codes and the end have the
probabilities of one softmax over codes and EOS.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from signjax.models import layers
from signjax.models.decoder_blocks import DecoderBlock
from signjax.models.gpt import KVCache
from signjax.models.text_alignment import attention_masks
from signjax.models.text_conditioning import EncodedText


class SeedGPT(nn.Module):
    """Features of texts and past codes to the next code; a token has one code.

    Attributes:
      codes: K; the id after them is SOS, the next one EOS.
      width: D.
      depth: layers.
      heads: H.
      mlp: hidden width of the MLPs.
      dropout: rate in training.
      dtype: that layers compute in.
    """

    codes: int
    width: int
    depth: int
    heads: int
    mlp: int
    dropout: float
    dtype: Any = None

    columns = 1  # codes a token

    def setup(self):  # noqa: D102
        # Exact blocks, so that weights of the original project give the digits that they gave in PyTorch.
        block = {"heads": self.heads, "mlp": self.mlp, "dropout": self.dropout, "exact": True}
        self.text = layers.Dense(self.width, dtype=self.dtype)
        self.memory_in = layers.KeyValueDense(self.depth, self.heads, dtype=self.dtype)
        self.embed = nn.Embed(self.codes + 2, self.width, dtype=self.dtype)
        self.blocks = [DecoderBlock(**block, dtype=self.dtype) for _ in range(self.depth)]
        self.head = layers.Dense(self.codes + 2)

    def encode_text(self, features, mask, segments=None, positions=None, train: bool = False) -> EncodedText:
        """Features [B, L, F] of texts with mask [B, L] to what the layers attend to."""
        # BERT has seen order and neighbours already; packed texts need no separation, as nothing mixes here.
        del segments, positions, train
        x = self.text(features.astype(jnp.float32))
        keys, values = jnp.split(jnp.moveaxis(self.memory_in(x), 2, 0), 2, axis=-1)
        # Nobody reads the centres: the original project's blocks have no preference for the text that is
        # expected.
        return EncodedText(keys, values, mask, jnp.zeros(mask.shape), x)

    def compute_states(
        self, codes, memory, segments=None, positions=None, text_segments=None, train: bool = False
    ):
        """States [B, N, D] before each token, see signjax.models.gpt.GPT.compute_states."""
        batch, length = codes.shape[:2]
        positions = jnp.broadcast_to(jnp.arange(length) if positions is None else positions, (batch, length))
        x = self._embed_inputs(jnp.pad(codes[:, :-1, 0], ((0, 0), (1, 0))), positions)
        packed = None if segments is None else (segments, text_segments)
        self_mask, text_mask = attention_masks(jnp.ones((batch, length), bool), memory, packed)
        self_mask = self_mask & jnp.tril(jnp.ones((length, length), bool))
        for i, block in enumerate(self.blocks):
            x, _, _ = block(x, self_mask, (memory.keys[i], memory.values[i]), text_mask, None, train)
        return x

    def decode_step(self, recent, at, cache: KVCache, memory: EncodedText, later):
        """The state [B, D] of position `at`, see signjax.models.gpt.GPT.decode_step."""
        del later
        batch, length = cache.keys[0].shape[:2]
        x = self._embed_inputs(recent[:, :1, 0], jnp.broadcast_to(at, (batch, 1)))
        self_mask = jnp.broadcast_to(jnp.arange(length) <= at, (batch, 1, 1, length))
        text_mask, keys, values = memory.mask[:, None, None, :], [], []
        for i, block in enumerate(self.blocks):
            layer_memory, past = (memory.keys[i], memory.values[i]), (cache.keys[i], cache.values[i])
            x, k, v = block(x, self_mask, layer_memory, text_mask, None, False, past, at)
            keys.append(k)
            values.append(v)
        return x[:, 0], KVCache(tuple(keys), tuple(values), cache.time)

    @nn.nowrap
    def later_layer_params(self, variables) -> tuple:
        """Empty: the layers of this model are modules of their own, not rows of stacked arrays."""
        del variables
        return ()

    def init_cache(self, batch: int, length: int) -> KVCache:
        """An empty cache for `length` positions."""
        shape = batch, length, self.heads, self.width // self.heads
        keys, values = (tuple(jnp.zeros(shape, self.dtype) for _ in range(self.depth)) for _ in range(2))
        return KVCache(keys, values, jnp.zeros((batch, 1)))

    def output_logits(self, states):
        """Logits [..., K + 2] of codes, SOS and EOS, of states [..., D]."""
        # In float32 also of bfloat16 states, as in signjax.models.token_head.
        return self.head(states).astype(jnp.float32)

    def code_logits(self, states, codes):
        """Logits [B, N, 1, K] of the codes of states [B, N, D]."""
        del codes
        return self.output_logits(states)[..., None, : self.codes]

    def column_logits(self, states, earlier, column: int):
        """Logits [B, K] of the code of states [B, D]."""
        del earlier, column
        return self.output_logits(states)[..., : self.codes]

    def column_embedding(self, codes, column: int):
        """Zeros [B, D]: there is no later code in a token that the codes [B] could change."""
        del column
        return jnp.zeros((*codes.shape, self.width), self.dtype)

    def end_logits(self, states):
        """Logits [...] that the clip ends before the token of each state [..., D]."""
        # The log odds of EOS in a softmax over codes and EOS, so that a sigmoid gives its probability.
        logits = self.output_logits(states)
        return logits[..., self.codes + 1] - jax.nn.logsumexp(logits[..., : self.codes], axis=-1)

    def __call__(self, codes, text, text_mask):
        """Next-token logits, one clip a row: (codes [B, N, 1, K], end [B, N])."""
        states = self.compute_states(codes, self.encode_text(text, text_mask))
        return self.code_logits(states, codes), self.end_logits(states)

    def _embed_inputs(self, before, positions):
        """Inputs [B, N, D] of positions, from the codes [B, N] before them; SOS stands before position 0."""
        x = self.embed(jnp.where(positions > 0, before, self.codes))
        return x + layers.sinusoidal_embedding(positions, self.width, x.dtype)
