"""CTC prefix scores: how likely the signing so far bears out each next text token.

What a CTC head believes of whole texts (Graves et al. 2006), asked one token at a time, so that it can be
weighed against an attention decoder's own opinion while a text is written (Watanabe et al. 2017, "Hybrid
CTC/Attention Architecture for End-to-End Speech Recognition", algorithm 2), for all next tokens at once.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

LOG_ZERO = -1e30  # logarithm of no chance; finite, so that differences are


class Prefix(NamedTuple):
    """Alignments of the first n positions to a prefix, for every n: logarithms of their chances."""

    token: jax.Array  # [B, N + 1] those that end in the prefix's last token
    blank: jax.Array  # [B, N + 1] those that end in a blank


def log_probabilities(logits, mask, blank: int):
    """Log chances [B, N, V] of a head's logits, all for the blank where mask [B, N] is False."""
    padding = jnp.where(jnp.arange(logits.shape[-1]) == blank, 0.0, LOG_ZERO)
    return jnp.where(mask[..., None], jax.nn.log_softmax(logits), padding)


def empty_prefix(frames, blank: int) -> Prefix:
    """The prefix without tokens, of frames [B, N, V] as `log_probabilities` gives them."""
    nothing = jnp.pad(jnp.cumsum(frames[..., blank], axis=1), ((0, 0), (1, 0)))
    return Prefix(jnp.full_like(nothing, LOG_ZERO), nothing)


def score_next_tokens(frames, prefix: Prefix, last, blank: int, end: int):
    """Log chances of texts that begin with the prefix and each next token.

    Args:
      frames: [B, N, V], see `log_probabilities`.
      prefix: of the tokens so far.
      last: [B] the last of them, the blank if there is none.
      blank: id of the blank, which is scored LEAST.
      end: id whose score is that of the prefix as the whole text.

    Returns:
      [B, V].
    """
    both = jnp.logaddexp(prefix.token, prefix.blank)
    repeats = (jnp.arange(frames.shape[-1]) == last[:, None])[:, None]  # [B, 1, V]
    before = jnp.where(repeats, prefix.blank[:, :-1, None], both[:, :-1, None])  # [B, N, V]
    found = jax.nn.logsumexp(before + frames, axis=1)  # the token is first seen at any of the positions
    return jnp.maximum(found.at[:, end].set(both[:, -1]).at[:, blank].set(LOG_ZERO), LOG_ZERO)


def extend_prefix(frames, prefix: Prefix, last, token, blank: int) -> Prefix:
    """The prefix with a token [B] more; the other arguments are those of `score_next_tokens`."""
    own = jnp.take_along_axis(frames, token[:, None, None], axis=2)[..., 0]  # [B, N]
    both = jnp.logaddexp(prefix.token, prefix.blank)
    before = jnp.where((token == last)[:, None], prefix.blank, both)[:, :-1]  # [B, N]

    def position(carry, now):
        token, none = carry
        own, pause, before = now
        new = jnp.logaddexp(token, before) + own, jnp.logaddexp(token, none) + pause
        return new, new

    start = jnp.full(token.shape, LOG_ZERO), jnp.full(token.shape, LOG_ZERO)
    _, after = jax.lax.scan(position, start, (own.T, frames[..., blank].T, before.T))
    return Prefix(*(jnp.concatenate([s[:, None], a.T], axis=1) for s, a in zip(start, after, strict=True)))
