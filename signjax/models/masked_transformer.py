"""The masked model: the hidden tokens of a whole clip from its other tokens and a text, all at once.

Masked generative modelling (MaskGIT, Chang et al. 2022; for motion MoMask, Guo et al. 2024): training hides a
random share of a clip's tokens, and sampling fills a clip in a few parallel passes
(signjax.inference.masked_decoding). A token is hidden with all its codes, which the depth head predicts one
after another (signjax.models.token_head). As in signjax.models.flow_transformer, the predicted durations of
the text say how long a clip is and which part of the text each position should look at first.
"""

import flax.linen as nn
import jax.numpy as jnp

from signjax.models import layers
from signjax.models.decoder_blocks import BidirectionalBlock
from signjax.models.text_alignment import aligned_text, alignment_offsets, attention_masks, clip_times
from signjax.models.text_conditioning import EncodedText
from signjax.models.token_head import TokenModel


class MaskedTransformer(TokenModel):
    """Text ids and the known tokens of a clip to its hidden tokens."""

    def setup(self):  # noqa: D102
        super().setup()
        self.unknown = self.param("unknown", nn.initializers.normal(0.02), (self.width,))
        self.text_in = layers.Dense(self.width, dtype=self.dtype)
        self.focus = self.param("focus", nn.initializers.ones, ())
        self.layers = BidirectionalBlock(**self.block)
        self.norm = nn.LayerNorm(dtype=self.dtype)

    def compute_states(
        self, codes, hidden, mask, memory: EncodedText, times, segments=None, train: bool = False
    ):
        """States [B, N, D], from which `code_logits` and `column_logits` predict the hidden tokens.

        Args:
          codes: [B, N, C].
          hidden: [B, N] bool, positions whose codes are not seen.
          mask: [B, N] bool, positions that exist; the others change nothing.
          memory: encoded texts.
          times: (position in the clip [B, N], text time at it [B, N]), see text_alignment.clip_times.
          segments: ([B, N], [B, L]) numbers of the clip of each position and of each text token, if several
            clips are packed in a row; None for one clip a row.
          train: use dropout.
        """
        position, time = times
        visible = self._embed_tokens(codes)
        # The float32 parameter in the type of the layers: jnp.where would widen everything after it.
        x = jnp.where(hidden[..., None], self.unknown.astype(visible.dtype), visible)
        x = x * self.width**0.5 + layers.sinusoidal_embedding(position, self.width, x.dtype)
        self_mask, text_mask = attention_masks(mask, memory, segments)
        # No error of the tempo: the length is known, and the tempo follows from it.
        offsets = alignment_offsets(time, memory.centres, 0.0)
        x = x + self.text_in(aligned_text(memory, text_mask[:, 0], offsets, self.focus))
        x = self.drop(x, deterministic=not train)

        def apply_layer(block, x, layer_memory):
            return block(x, mask, self_mask, layer_memory, text_mask, offsets, train=train)

        keys_values = memory.keys, memory.values
        return self.norm(layers.scan_layers(apply_layer, self.layers, self.depth, x, keys_values, self.remat))

    def __call__(self, codes, hidden, mask, text, text_mask):
        """Logits [B, N, C, K], one clip a row; see `compute_states`."""
        memory = self.encode_text(text, text_mask)
        states = self.compute_states(codes, hidden, mask, memory, clip_times(mask, memory))
        return self.code_logits(states, codes)
