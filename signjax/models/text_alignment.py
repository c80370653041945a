"""Which text token belongs to which position of a clip, from the durations that the text encoder predicts.

Text time is measured in positions at the average tempo: text token l is expected at `EncodedText.centres`.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from signjax.models import layers
from signjax.models.text_conditioning import EncodedText

PHASE = 8.0  # rad by which the fastest phase turns over 2 positions


def alignment_offsets(time, centres, tempo_error: float):
    """Signed distances [B, N, L] of positions at `time` [B, N] from text tokens expected at `centres` [B, L].

    The unit is 2 positions, plus `tempo_error` times the centre: the further ahead a token is, the more an
    unknown tempo blurs where it is expected.
    """
    return (time[:, :, None] - centres[:, None]) / (2 + tempo_error * centres[:, None])


def aligned_text(memory: EncodedText, text_mask, offsets, focus):
    """The text that is signed at each position and how far into it the position is, [B, N, 2 * D].

    Models that see a whole clip at once learn much faster with this as an input, as in text to speech
    (Gaussian upsampling, Donahue et al. 2021), than by attention alone.

    Args:
      memory: encoded texts.
      text_mask: [B, N, L] bool, text tokens that belong to a position's clip.
      offsets: [B, N, L] see `alignment_offsets`.
      focus: [] learned; the larger, the fewer text tokens have a share in a position.
    """
    # -1e9 and not -inf: a row of padding has no text at all, and its softmax would be NaN.
    share = jax.nn.softmax(jnp.where(text_mask, -nn.softplus(focus) * offsets**2, -1e9))  # [B, N, L]
    states = memory.states
    # The mean alone cannot tell the first position of a sign from its last; the phase does.
    phase = layers.sinusoidal_embedding(PHASE * (share * offsets).sum(-1), states.shape[-1], states.dtype)
    return jnp.concatenate([share.astype(states.dtype) @ states, phase], axis=-1)


def expected_length(memory: EncodedText):
    """The positions [B] that each text is expected to take, one text a row.

    It is the centre of the last token, which is an end mark and has no sign of its own.
    """
    return jnp.where(memory.mask, memory.centres, 0).max(1)


def clip_times(mask, memory: EncodedText):
    """Times of positions, one clip a row: (position in the clip [B, N], text time at it [B, N]), float32.

    Args:
      mask: [B, N] bool, positions that exist.
      memory: encoded texts.
    """
    position = jnp.arange(mask.shape[1])[None] * jnp.ones_like(mask, jnp.float32)
    # The null text is one token without a meaningful duration: its time stays 0.
    has_text = memory.mask.sum(1) > 1
    pace = expected_length(memory) * has_text / jnp.maximum(mask.sum(1), 1)
    # The middle of a position, as centres are the middles of durations.
    return position, (position + 0.5) * pace[:, None]


def attention_masks(mask, memory: EncodedText, segments=None):
    """What each position may attend to: (positions [B, 1, N, N], text tokens [B, 1, N, L]), bool.

    Args:
      mask: [B, N] bool, positions that exist.
      memory: encoded texts.
      segments: ([B, N], [B, L]) numbers of the clip of each position and of each text token, if several clips
        are packed in a row; None for one clip a row.
    """
    self_mask = jnp.broadcast_to(mask[:, None], (*mask.shape, mask.shape[1]))
    text_mask = jnp.broadcast_to(memory.mask[:, None], (*mask.shape, memory.mask.shape[1]))
    if segments is not None:
        clip, text_clip = segments
        self_mask = self_mask & (clip[:, :, None] == clip[:, None, :])
        text_mask = text_mask & (clip[:, :, None] == text_clip[:, None, :])
    return self_mask[:, None], text_mask[:, None]
