"""Masked tokens of a whole clip from those known and a text, all positions at once.

Masked generative modelling (MaskGIT, Chang et al. 2022; of motion MoMask, Guo et al. 2024): training hides a
random share of a clip's tokens, and sampling fills a clip in a few parallel passes
(signjax.inference.masked_decoding). A token is hidden with all its codes, which the depth head predicts one
after another (signjax.models.token_head). As in signjax.models.flow_transformer, the text's learned durations
say how long a clip is and which part of the text every position should look at first.
"""

import flax.linen as nn
import jax.numpy as jnp

from signjax.models import layers
from signjax.models.text_conditioning import (
    BidirectionalBlock,
    EncodedText,
    aligned_text,
    alignment_offsets,
    attention_masks,
    clip_times,
)
from signjax.models.token_head import TokenModel


class MaskedTransformer(TokenModel):
    """Text ids and the tokens known of a clip to the others."""

    def setup(self):  # noqa: D102
        super().setup()
        self.unknown = self.param("unknown", nn.initializers.normal(0.02), (self.width,))
        self.text_in = layers.Dense(self.width, dtype=self.dtype)
        self.focus = self.param("focus", nn.initializers.ones, ())
        self.layers = BidirectionalBlock(**self.block)
        self.norm = nn.LayerNorm(dtype=self.dtype)

    def compute_states(
        self, codes, hidden, mask, memory: EncodedText, places, segments=None, train: bool = False
    ):
        """States [B, N, D], from which `code_logits` and `column_logits` predict the tokens that are hidden.

        Args:
          codes: [B, N, C].
          hidden: [B, N] positions whose codes are not seen.
          mask: [B, N] positions that are there; the others change nothing.
          memory: of the texts.
          places: (position within its clip [B, N], the same in the text's own time [B, N]).
          segments: ([B, N], [B, L]) clips packed in a row, and the clip of each text token; None for one
            clip a row.
          train: use dropout.
        """
        position, time = places
        known = self._embed_tokens(codes)
        x = jnp.where(hidden[..., None], self.unknown.astype(known.dtype), known)
        x = x * self.width**0.5 + layers.sinusoidal_embedding(position, self.width, x.dtype)
        see, read = attention_masks(mask, memory, segments)
        offsets = alignment_offsets(time, memory.centres, 0.0)  # the length is known, and so the tempo
        told = self.text_in(aligned_text(memory, read[:, 0], offsets, self.focus))
        x = self.drop(x + told, deterministic=not train)

        def layer(block, x, both):
            return block(x, mask, see, both, read, offsets, train=train)

        both = memory.keys, memory.values
        return self.norm(layers.scan_layers(layer, self.layers, self.depth, x, both, self.remat))

    def __call__(self, codes, hidden, mask, text, text_mask):
        """Logits [B, N, C, K] without packing; see `compute_states`."""
        memory = self.encode_text(text, text_mask)
        return self.code_logits(
            self.compute_states(codes, hidden, mask, memory, clip_times(mask, memory)), codes
        )
