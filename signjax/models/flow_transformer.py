"""Flow matching: latents of a whole clip from noise and a text, all positions at once.

A network sees latents mixed with noise and says what they would be without it (Lipman et al. 2023; it
predicts the data rather than the velocity, from which the velocity follows, as it lies on a smaller set).
Where each text token is to be signed is known at once: the text's learned durations, stretched to the clip's
length, say which part of the text every position should look at first (signjax.models.text_conditioning).
Their sum is the length that a text takes.
"""

import flax.linen as nn

from signjax.models import layers
from signjax.models.text_conditioning import (
    BidirectionalBlock,
    EncodedText,
    TextConditionedModel,
    aligned_text,
    alignment_offsets,
    attention_masks,
    clip_times,
)


class FlowTransformer(TextConditionedModel):
    """Noisy latents, their time and a text to clean latents.

    Attributes:
      dim: numbers of a position's latent.
    """

    dim: int

    def setup(self):  # noqa: D102
        super().setup()
        self.latent_in = layers.Dense(self.width, dtype=self.dtype)
        self.text_in = layers.Dense(self.width, dtype=self.dtype)
        self.focus = self.param("focus", nn.initializers.ones, ())
        self.time_in = layers.Dense(self.width, dtype=self.dtype)
        self.layers = BidirectionalBlock(**self.block)
        self.norm = nn.LayerNorm(dtype=self.dtype)
        self.latent_out = layers.Dense(self.dim)

    def predict_clean(self, z, t, mask, memory: EncodedText, places, segments=None, train: bool = False):
        """What latents z [B, N, dim] at times t [B, N] are without their noise, [B, N, dim].

        Args:
          z: t parts of the latents and 1 - t parts of noise.
          t: 0 for noise, 1 for latents.
          mask: [B, N] positions that are there; the others change nothing.
          memory: of the texts.
          places: (position within its clip [B, N], the same in the text's own time [B, N]).
          segments: ([B, N], [B, L]) clips packed in a row, and the clip of each text token; None for one
            clip a row.
          train: use dropout.
        """
        position, time = places
        when = nn.gelu(self.time_in(layers.sinusoidal_embedding(1000 * t, self.width)))  # [B, N, D]
        x = self.latent_in(z) + layers.sinusoidal_embedding(position, self.width, when.dtype) + when
        see, read = attention_masks(mask, memory, segments)
        offsets = alignment_offsets(time, memory.centres, 0.0)  # the length is known, and so the tempo
        told = self.text_in(aligned_text(memory, read[:, 0], offsets, self.focus))
        x = self.drop(x + told, deterministic=not train)

        def layer(block, x, both):
            return block(x, mask, see, both, read, offsets, when, train)

        both = memory.keys, memory.values
        return self.latent_out(
            self.norm(layers.scan_layers(layer, self.layers, self.depth, x, both, self.remat))
        )

    def __call__(self, z, t, mask, text, text_mask):
        """Clean latents without packing; see `predict_clean`."""
        memory = self.encode_text(text, text_mask)
        return self.predict_clean(z, t, mask, memory, clip_times(mask, memory))


def compute_velocity(z, clean, t):
    """The velocity [B, N, dim] of latents z at times t [B, N] < 1 towards clean ones."""
    return (clean - z) / (1 - t)[..., None]
