"""Times of the positions of packed rows, for models that fill a clip as a whole."""

import jax.numpy as jnp


def measure_row_times(batch, encoded):
    """Times of the positions of packed rows, and how far the expected lengths of texts are from their clips'.

    Args:
      batch: rows, see signjax.data.token_rows.TokenRows.
      encoded: their texts, see signjax.models.text_conditioning.

    Returns:
      (number of a position in its clip [B, W], its time in the text [B, W]), and the squared error of the
      lengths' logarithms: (sum, count of clips whose text was not dropped).
    """
    segments, text_segments = batch["segment"], batch["text_segment"]
    token = (segments > 0) & ~batch["ends"]  # [B, W]
    same = segments[:, None] == text_segments[:, :, None]  # [B, L, W]
    size = (same & token[:, None]).sum(-1)  # [B, L] tokens of the clip of each text id
    ends = jnp.pad(text_segments[:, 1:], ((0, 0), (0, 1))) != text_segments
    # The expected time of a text's last id is its length. A dropped text has one id only, and no length.
    last = ends & (batch["text_position"] > 0) & (size > 0)  # [B, L]
    length = jnp.where(last, encoded.centres, 0.0)
    miss = jnp.where(last, jnp.log(jnp.maximum(length, 1e-3)) - jnp.log(jnp.maximum(size, 1)), 0.0)
    # For every position the one text id that is the last of its clip.
    of_clip = (segments[:, :, None] == text_segments[:, None]) & last[:, None]  # [B, W, L]
    pace = (of_clip * length[:, None]).sum(-1) / jnp.maximum((of_clip * size[:, None]).sum(-1), 1)
    position = batch["position"].astype(jnp.float32)
    return (position, (position + 0.5) * pace), ((miss**2).sum(), last.sum())
