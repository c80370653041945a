"""Times of the positions of packed rows, for models that fill a clip as a whole."""

import jax.numpy as jnp


def measure_row_times(batch, memory):
    """Where the positions of packed rows stand, and how far the texts' expected lengths miss the clips' own.

    Args:
      batch: rows, see signjax.data.token_rows.TokenRows.
      memory: of their texts, see signjax.models.text_conditioning.

    Returns:
      (position within its clip [B, W], the same in its text's own time [B, W]), and the squared error of the
      lengths' logarithms: (sum, count of clips whose text was not dropped).
    """
    own, belongs = batch["segment"], batch["text_segment"]
    token = (own > 0) & ~batch["ends"]  # [B, W]
    size = ((own[:, None] == belongs[:, :, None]) & token[:, None]).sum(-1)  # [B, L] tokens of its clip
    ends = jnp.pad(belongs[:, 1:], ((0, 0), (0, 1))) != belongs
    last = ends & (batch["text_position"] > 0) & (size > 0)  # [B, L]; a dropped text has one token only
    length = jnp.where(last, memory.centres, 0.0)
    miss = jnp.where(last, jnp.log(jnp.maximum(length, 1e-3)) - jnp.log(jnp.maximum(size, 1)), 0.0)
    # every position's clip: its length and where its text ends
    same = (own[:, :, None] == belongs[:, None]) & last[:, None]  # [B, W, L]
    pace = (same * length[:, None]).sum(-1) / jnp.maximum((same * size[:, None]).sum(-1), 1)
    position = batch["position"].astype(jnp.float32)
    return (position, (position + 0.5) * pace), ((miss**2).sum(), last.sum())
