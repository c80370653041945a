"""Text times of the positions of packed rows, for models that generate whole clips at once."""

import jax.numpy as jnp


def measure_row_times(batch, encoded):
    """Computes the times of positions in packed rows, and the error of the predicted lengths.

    Args:
      batch: rows, see signjax.data.token_rows.TokenRows.
      encoded: their texts, see signjax.models.text_conditioning.

    Returns:
      (number of each position in its clip [B, W], its time in the text [B, W]), and the squared error of the
      logarithms of lengths: (sum, count of clips whose text was not dropped).
    """
    segments, text_segments = batch["segment"], batch["text_segment"]
    token = (segments > 0) & ~batch["ends"]  # [B, W]
    same = segments[:, None] == text_segments[:, :, None]  # [B, L, W]
    size = (same & token[:, None]).sum(-1)  # [B, L] tokens of the clip of each text id
    ends = jnp.pad(text_segments[:, 1:], ((0, 0), (0, 1))) != text_segments
    # The expected time of a text's last id is the predicted length. A dropped text is one id and has none.
    last = ends & (batch["text_position"] > 0) & (size > 0)  # [B, L]
    length = jnp.where(last, encoded.centres, 0.0)
    # Of logarithms, so that an error of 10 % counts alike for a short and a long clip.
    error = jnp.where(last, jnp.log(jnp.maximum(length, 1e-3)) - jnp.log(jnp.maximum(size, 1)), 0.0)
    # Picks for every position the last text id of its clip, whose length is the clip's.
    of_clip = (segments[:, :, None] == text_segments[:, None]) & last[:, None]  # [B, W, L]
    pace = (of_clip * length[:, None]).sum(-1) / jnp.maximum((of_clip * size[:, None]).sum(-1), 1)
    position = batch["position"].astype(jnp.float32)
    return (position, (position + 0.5) * pace), ((error**2).sum(), last.sum())
