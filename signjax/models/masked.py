"""Masked tokens of a whole clip from those known and a text, all positions at once.

Masked generative modelling (MaskGIT, Chang et al. 2022; of motion MoMask, Guo et al. 2024): training hides a
random share of a clip's tokens, and sampling fills a clip in a few parallel passes (signjax.filling). A token
is hidden with all its codes, which the depth head predicts one after another (signjax.models.depth). As in
signjax.models.flow, the text's learned durations say how long a clip is and which part of the text every
position should look at first.
"""

import flax.linen as nn
import jax.numpy as jnp

from signjax import layers
from signjax.models.depth import TokenModel
from signjax.models.text import DecoderBlock, Memory, due, offsets_from, places_of, views


class MaskedModel(TokenModel):
    """Text ids and the tokens known of a clip to the others."""

    def setup(self):  # noqa: D102
        super().setup()
        self.unknown = self.param("unknown", nn.initializers.normal(0.02), (self.width,))
        self.text_in = layers.Dense(self.width)
        self.focus = self.param("focus", nn.initializers.ones, ())
        self.mixes = [layers.ConvBlock() for _ in range(self.depth)]
        self.blocks = [DecoderBlock(self.heads, self.mlp, self.dropout) for _ in range(self.depth)]
        self.norm = nn.LayerNorm()

    def states(self, codes, hidden, mask, memory: Memory, places, segments=None, train: bool = False):
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
        x = jnp.where(hidden[..., None], self.unknown, self._tokens(codes))
        x = x * self.width**0.5 + layers.sinusoids(position, self.width)
        see, read = views(mask, memory, segments)
        offsets = offsets_from(time, memory.centres, 0.0)  # the length is known, and so the tempo
        told = self.text_in(due(memory, read[:, 0], offsets, self.focus))
        x = self.drop(x + told, deterministic=not train)
        for i in range(self.depth):
            x = self.mixes[i](x, mask)
            x, _, _ = self.blocks[i](x, see, (memory.keys[i], memory.values[i]), read, offsets, train)
        return self.norm(x)

    def __call__(self, codes, hidden, mask, text, text_mask):
        """Logits [B, N, C, K] without packing; see `states`."""
        memory = self.encode_text(text, text_mask)
        return self.code_logits(self.states(codes, hidden, mask, memory, places_of(mask, memory)), codes)
