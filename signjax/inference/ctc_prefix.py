"""CTC prefix scores: the probability that a clip's text begins with a prefix and each possible next token.

A CTC head gives the probability of whole texts (Graves et al. 2006). Prefix scores give it for one token at a
time, so that it can be weighed against an attention decoder while a text is written (Watanabe et al. 2017,
"Hybrid CTC/Attention Architecture for End-to-End Speech Recognition", algorithm 2). Here all next tokens are
scored at once.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

# Stands for the logarithm of 0. Finite, because the difference of two infinities is NaN.
LOG_ZERO = -1e30


class Prefix(NamedTuple):
    """The first tokens of a text: log probabilities that the first n positions say just these, for all n."""

    token: jax.Array  # [B, N + 1] of alignments that end in the prefix's last token
    blank: jax.Array  # [B, N + 1] of alignments that end in a blank


def log_probabilities(logits, mask, blank: int):
    """Log probabilities [B, N, V] of a head's logits; where mask [B, N] is False the blank is certain."""
    # A certain blank at the end adds nothing to any alignment, so padding changes no score.
    padding = jnp.where(jnp.arange(logits.shape[-1]) == blank, 0.0, LOG_ZERO)
    return jnp.where(mask[..., None], jax.nn.log_softmax(logits), padding)


def empty_prefix(frames, blank: int) -> Prefix:
    """The prefix without tokens, of frames [B, N, V] as `log_probabilities` gives them."""
    # All positions up to the n-th are blanks.
    nothing = jnp.pad(jnp.cumsum(frames[..., blank], axis=1), ((0, 0), (1, 0)))
    return Prefix(jnp.full_like(nothing, LOG_ZERO), nothing)


def score_next_tokens(frames, prefix: Prefix, last, blank: int, end: int):
    """Log probabilities that the text begins with the prefix and then has each possible next token.

    Args:
      frames: [B, N, V], see `log_probabilities`.
      prefix: of the tokens so far.
      last: [B] the last of them, the blank if there is none.
      blank: id of the blank, which is scored LOG_ZERO.
      end: id whose score is that of the prefix as the whole text.

    Returns:
      [B, V].
    """
    either = jnp.logaddexp(prefix.token, prefix.blank)
    # CTC merges equal tokens that follow one another: the same token once more needs a blank in between.
    repeats = (jnp.arange(frames.shape[-1]) == last[:, None])[:, None]  # [B, 1, V]
    before = jnp.where(repeats, prefix.blank[:, :-1, None], either[:, :-1, None])  # [B, N, V]
    # The token may be seen first at any of the positions.
    scores = jax.nn.logsumexp(before + frames, axis=1)
    # Impossible texts all score LOG_ZERO, so that the difference of two of them is 0 and not huge.
    return jnp.maximum(scores.at[:, end].set(either[:, -1]).at[:, blank].set(LOG_ZERO), LOG_ZERO)


def extend_prefix(frames, prefix: Prefix, last, token, blank: int) -> Prefix:
    """The prefix with one more token [B]; the other arguments are those of `score_next_tokens`."""
    token_frames = jnp.take_along_axis(frames, token[:, None, None], axis=2)[..., 0]  # [B, N]
    either = jnp.logaddexp(prefix.token, prefix.blank)
    before = jnp.where((token == last)[:, None], prefix.blank, either)[:, :-1]  # [B, N]

    def add_position(carry, now):
        ends_in_token, ends_in_blank = carry
        token_frame, blank_frame, before = now
        # A position repeats the token or is the first that has it; or it is a blank after the token.
        new = (
            jnp.logaddexp(ends_in_token, before) + token_frame,
            jnp.logaddexp(ends_in_token, ends_in_blank) + blank_frame,
        )
        return new, new

    start = jnp.full(token.shape, LOG_ZERO), jnp.full(token.shape, LOG_ZERO)
    _, after = jax.lax.scan(add_position, start, (token_frames.T, frames[..., blank].T, before.T))
    return Prefix(*(jnp.concatenate([s[:, None], a.T], axis=1) for s, a in zip(start, after, strict=True)))
