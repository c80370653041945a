"""The back-translator: text from poses, by joint CTC and attention.

An encoder of poses has a CTC head (Graves et al. 2006) beside an autoregressive text decoder, as in Sign
Language Transformers (Camgöz et al. 2020) and hybrid speech recognition (Watanabe et al. 2017). The CTC
teaches the encoder from few clips what is signed where. Its probabilities enter the decoder twice: as the
embeddings of the likely words, added to the encoder's states (self-conditioned CTC, Nozaki and Komatsu 2021),
so that the decoder begins by copying; and as the number of text tokens signed until each position, near which
cross-attention looks first. Every head can weaken that preference, since the text may have another order than
the signs.

Nothing here knows an absolute position: the encoder's attention is local, and the decoder sees the last
tokens as a convolution would. So clips may be longer than any in training.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from signjax.models import layers
from signjax.models.decoder_blocks import DecoderBlock
from signjax.models.special_ids import NULL, PAD
from signjax.pose import body_parts

STRIDE = 4  # frames a position of the encoder
RECENT = 3  # tokens before a text position that it gets as direct input, without attention
# Positions to either side that the encoder's attention sees. Bounded, so that clips may be longer than those
# in training.
REACH = 16


class EncodedClip(NamedTuple):
    """Encoded clips, as the decoder's layers attend to them."""

    keys: jax.Array  # [layers, B, N, H, D / H]
    values: jax.Array  # [layers, B, N, H, D / H]
    mask: jax.Array  # [B, N] bool
    centres: jax.Array  # [B, N] how many text tokens were signed until the middle of each position


class KVCache(NamedTuple):
    """Keys and values of past text positions."""

    keys: jax.Array  # [layers, B, L, H, D / H]
    values: jax.Array  # [layers, B, L, H, D / H]


class BackTranslator(nn.Module):
    """Canonical poses and past text ids to the next text id.

    Attributes:
      vocabulary: V, number of text ids; PAD is the blank of the CTC, NULL stands before a text.
      width: D.
      convolutions: convolution blocks of the encoder.
      depth: transformer layers of the encoder.
      text_depth: layers of the decoder.
      heads: H.
      mlp: hidden width of the MLPs.
      dropout: rate in training.
    """

    vocabulary: int
    width: int
    convolutions: int
    depth: int
    text_depth: int
    heads: int
    mlp: int
    dropout: float

    def setup(self):  # noqa: D102
        block = {"heads": self.heads, "mlp": self.mlp, "dropout": self.dropout}
        self.pose_in = layers.Dense(self.width)
        self.pose_norm = nn.LayerNorm()
        self.mixes = [layers.ConvBlock() for _ in range(self.convolutions)]
        self.pose_blocks = [layers.EncoderBlock(**block) for _ in range(self.depth)]
        self.encoder_norm = nn.LayerNorm()
        self.ctc = layers.Dense(self.vocabulary)
        self.memory_norm = nn.LayerNorm()
        self.memory_in = [layers.Dense(2 * self.width) for _ in range(self.text_depth)]
        init = nn.initializers.normal(self.width**-0.5)
        self.text_embedding = nn.Embed(self.vocabulary, self.width, embedding_init=init)
        self.text_past = layers.Dense(self.width, use_bias=False)
        self.text_blocks = [DecoderBlock(**block) for _ in range(self.text_depth)]
        self.text_norm = nn.LayerNorm()
        self.text_bias = self.param("text_bias", nn.initializers.zeros, (self.vocabulary,))
        self.drop = nn.Dropout(self.dropout)

    def encode_pose(self, pose, mask, train: bool = False):
        """Canonical poses [B, T, 50, 3], mask [B, T], valid frames first, to (EncodedClip, CTC logits).

        The logits are [B, N, V] with N = T / STRIDE.
        T must be a multiple of STRIDE. Frames outside the mask do not influence the others.
        """
        x = pose_features(pose, mask)  # [B, T, F]
        x = x.reshape(x.shape[0], -1, STRIDE * x.shape[-1])
        mask = mask[:, ::STRIDE]  # [B, N]
        x = self.drop(self.pose_norm(self.pose_in(x)), deterministic=not train)
        for mix in self.mixes:
            x = mix(x, mask)
        positions = jnp.arange(x.shape[1])
        in_reach = jnp.abs(positions[:, None] - positions) <= REACH
        for block in self.pose_blocks:
            x = block(x, mask[:, None, :] & in_reach, train)
        x = self.encoder_norm(x)
        logits = self.ctc(x)
        # Padding must not speak: its probabilities would be counted as signed tokens.
        probabilities = nn.softmax(logits) * mask[..., None]
        x = self.memory_norm(x + probabilities @ self.text_embedding.embedding * self.width**0.5)
        keys_values = jnp.stack([dense(x) for dense in self.memory_in])  # [layers, B, N, 2 * D]
        keys_values = keys_values.reshape(*keys_values.shape[:3], self.heads, -1)
        keys, values = jnp.split(keys_values, 2, axis=-1)
        # The decoder must not train the counts: early in training it would pull at them and slow down the
        # CTC.
        centres = jax.lax.stop_gradient(count_signed_tokens(probabilities))
        return EncodedClip(keys, values, mask, centres), logits

    def text_logits(self, ids, memory: EncodedClip, train: bool = False):
        """Logits [B, L, V] of each of the ids [B, L], given its clip and the ids before it."""
        batch, length = ids.shape
        padded = jnp.pad(ids, ((0, 0), (RECENT, 0)), constant_values=NULL)
        recent = [padded[:, RECENT - 1 - k : RECENT - 1 - k + length] for k in range(RECENT)]
        x = self.drop(self._embed_recent(jnp.stack(recent, axis=-1)), deterministic=not train)
        mask = jnp.tril(jnp.ones((length, length), bool))[None, None]
        memory_mask = jnp.broadcast_to(memory.mask[:, None, None], (batch, 1, length, memory.mask.shape[1]))
        offsets = _alignment_offsets(jnp.arange(length), memory.centres)
        for i, block in enumerate(self.text_blocks):
            x, _, _ = block(x, mask, (memory.keys[i], memory.values[i]), memory_mask, offsets, train)
        return self._project_logits(x)

    def decode_step(self, recent, at, cache: KVCache, memory: EncodedClip):
        """Logits [B, V] of the id at text position `at`, and the new cache.

        Args:
          recent: [B, RECENT] ids of positions at - 1, at - 2, ...; NULL where there is no position.
          at: [] the position.
          cache: keys and values of all positions before.
          memory: encoded clips.
        """
        x = self._embed_recent(recent[:, None])
        mask = (jnp.arange(cache.keys.shape[2]) <= at)[None, None, None]
        offsets, keys, values = _alignment_offsets(at[None], memory.centres), [], []
        for i, block in enumerate(self.text_blocks):
            layer_memory, past = (memory.keys[i], memory.values[i]), (cache.keys[i], cache.values[i])
            x, k, v = block(x, mask, layer_memory, memory.mask[:, None, None], offsets, False, past, at)
            keys.append(k)
            values.append(v)
        return self._project_logits(x)[:, 0], KVCache(jnp.stack(keys), jnp.stack(values))

    def init_cache(self, batch: int, length: int) -> KVCache:
        """An empty cache for `length` text positions."""
        zeros = jnp.zeros((self.text_depth, batch, length, self.heads, self.width // self.heads))
        return KVCache(zeros, zeros)

    def __call__(self, pose, mask, ids):
        """(text logits [B, L, V], CTC logits [B, N, V]) of poses, mask and ids [B, L]."""
        memory, ctc = self.encode_pose(pose, mask)
        return self.text_logits(ids, memory), ctc

    def _embed_recent(self, recent):
        """Inputs [B, L, D] of text positions, from the ids [B, L, RECENT] before them, the last one first."""
        embedded = self.text_embedding(recent) * self.width**0.5  # [B, L, RECENT, D]
        return embedded[..., 0, :] + self.text_past(embedded[..., 1:, :].reshape(*embedded.shape[:2], -1))

    def _project_logits(self, x):
        # One table embeds ids and scores them (Press and Wolf 2017): fewer weights to learn from few clips.
        return self.text_embedding.attend(self.text_norm(x)) + self.text_bias


def pose_features(pose, mask):
    """The encoder's input [B, T, F]: features of the body parts of poses [B, T, 50, 3], and their changes.

    Frames after those of mask [B, T] repeat the last one.
    """
    # A position is STRIDE frames: in the last one of a clip padding would stand beside real frames.
    last = jnp.maximum(mask.sum(1, keepdims=True) - 1, 0)
    index = jnp.minimum(jnp.arange(mask.shape[1]), last)  # [B, T]
    parts = body_parts.split_parts(jnp.take_along_axis(pose, index[..., None, None], axis=1), "parts")
    x = jnp.concatenate([side for part in parts.values() for side in part], axis=-1)
    change = jnp.diff(x, axis=1, prepend=x[:, :1])
    # Changes from frame to frame are small: times STRIDE they are those from position to position.
    return jnp.concatenate([x, STRIDE * change], axis=-1)


def count_signed_tokens(probabilities):
    """The expected number of text tokens that were signed until the middle of each position, [B, N].

    Args:
      probabilities: [B, N, V] of each id by the CTC; 0 for all ids at padding.
    """
    # In a CTC path an id counts once however long it lasts: only where the position before had another one.
    before = jnp.pad(probabilities, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    new = (probabilities * (1 - before)).at[..., PAD].set(0).sum(-1)  # [B, N]
    return jnp.cumsum(new, axis=1) - new / 2


def _alignment_offsets(positions, centres):
    """Distances [B, L, N] of text positions [L] from the tokens signed so far, centres [B, N]."""
    # The unit grows with the position, as the errors of counting add up. The half is the middle of a token,
    # as centres are middles of positions.
    positions = positions[None, :, None]
    return (positions + 0.5 - centres[:, None]) / (0.5 + 0.02 * positions)
