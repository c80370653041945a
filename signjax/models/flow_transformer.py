"""The flow's network: latents of a whole clip without their noise, from noisy ones and a text, all at once.

Flow matching (Lipman et al. 2023). The network predicts the clean latents and not the velocity, because clips
lie on a smaller set than noise does; the velocity follows from them (`compute_velocity`).

The durations that the text encoder predicts, stretched to the clip's length, say which part of the text each
position should look at first (signjax.models.text_alignment). Their sum is the length of the clip.
"""

import flax.linen as nn

from signjax.models import layers
from signjax.models.decoder_blocks import BidirectionalBlock
from signjax.models.text_alignment import aligned_text, alignment_offsets, attention_masks, clip_times
from signjax.models.text_conditioning import EncodedText, TextConditionedModel


class FlowTransformer(TextConditionedModel):
    """Noisy latents, their flow time and a text to clean latents.

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
        # Without a dtype: latents stay float32, whatever the layers compute in.
        self.latent_out = layers.Dense(self.dim)

    def predict_clean(self, z, t, mask, memory: EncodedText, times, segments=None, train: bool = False):
        """Latents [B, N, dim] without their noise, from latents z [B, N, dim] at flow times t [B, N].

        Args:
          z: t parts of clean latents and 1 - t parts of noise.
          t: 0 is noise, 1 is clean.
          mask: [B, N] bool, positions that exist; the others change nothing.
          memory: encoded texts.
          times: (position in the clip [B, N], text time at it [B, N]), see text_alignment.clip_times.
          segments: ([B, N], [B, L]) numbers of the clip of each position and of each text token, if several
            clips are packed in a row; None for one clip a row.
          train: use dropout.
        """
        position, text_time = times
        # Stretched to 0 to 1000, as diffusion models do: sinusoids tell apart positions, not small fractions.
        condition = nn.gelu(self.time_in(layers.sinusoidal_embedding(1000 * t, self.width)))  # [B, N, D]
        x = self.latent_in(z) + layers.sinusoidal_embedding(position, self.width, condition.dtype) + condition
        self_mask, text_mask = attention_masks(mask, memory, segments)
        # No error of the tempo: the length is known, and the tempo follows from it.
        offsets = alignment_offsets(text_time, memory.centres, 0.0)
        x = x + self.text_in(aligned_text(memory, text_mask[:, 0], offsets, self.focus))
        x = self.drop(x, deterministic=not train)

        def apply_layer(block, x, layer_memory):
            return block(x, mask, self_mask, layer_memory, text_mask, offsets, condition, train)

        keys_values = memory.keys, memory.values
        x = layers.scan_layers(apply_layer, self.layers, self.depth, x, keys_values, self.remat)
        return self.latent_out(self.norm(x))

    def __call__(self, z, t, mask, text, text_mask):
        """Clean latents [B, N, dim], one clip a row; see `predict_clean`."""
        memory = self.encode_text(text, text_mask)
        return self.predict_clean(z, t, mask, memory, clip_times(mask, memory))


def compute_velocity(z, clean, t):
    """The velocity [B, N, dim] of latents z at flow times t [B, N] < 1 towards clean latents."""
    return (clean - z) / (1 - t)[..., None]
