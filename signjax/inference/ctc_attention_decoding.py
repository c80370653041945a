"""Pose-to-text decoding: one compiled loop writes texts token by token, by decoder and CTC head together.

An attention decoder may skip or repeat letters of a spelled word; a CTC head cannot, but neither can it put
words in another order than they were signed (Watanabe et al. 2017). A clip's text depends on the clip only,
never on the other clips of the batch or on padding.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from signjax.inference import ctc_prefix
from signjax.models.back_translator import RECENT, STRIDE, BackTranslator, KVCache
from signjax.models.special_ids import END, NULL
from signjax.models.special_ids import PAD as BLANK

# A text may have this many tokens more than its clip has positions. The loop needs a bound: a decoder that
# never predicts the end would not stop.
SPARE_TOKENS = 8
# Lower bound of the CTC head's log probability of a token. By itself the head rules out texts in another
# order than signed, and texts longer than the clip, because it cannot represent them: the decoder must be
# able to overrule it.
LEAST_CTC = -10.0


class _DecodeState(NamedTuple):
    """State of the loop over B texts."""

    position: jax.Array  # [] the next text position
    ids: jax.Array  # [B, RECENT + L], NULL before the text and after its end
    done: jax.Array  # [B] bool
    cache: KVCache
    last: jax.Array  # [B] the last id as the CTC head has it, the blank at first
    prefix: ctc_prefix.Prefix
    prefix_score: jax.Array  # [B] log probability that a text begins like this, by the CTC head


@functools.partial(jax.jit, static_argnums=0)
def decode_texts(model: BackTranslator, variables, pose, mask, ctc_share):
    """Writes texts greedily: the likeliest token at each position, until the text ends.

    Args:
      model: the back-translator.
      variables: its params.
      pose: [B, T, 50, 3] canonical poses, missing joints on their parents, T a multiple of STRIDE.
      mask: [B, T] bool, True on a clip's frames, which come first; a clip without frames gets an empty text.
      ctc_share: weight of the CTC head's log probabilities; the decoder's have the weight 1 - ctc_share.

    Returns:
      ids [B, L], NULL after the end.
    """
    run = cast(Callable[..., Any], functools.partial(model.apply, variables))
    encoded, frames = run(pose, mask, method="encode_pose")
    # The id of padding serves as the blank: no text has that id in it.
    frames = ctc_prefix.log_probabilities(frames, encoded.mask, BLANK)
    positions = encoded.mask.sum(1)
    # From the clip's own frames and not the padded ones, so that padding does not change the text.
    limit = jnp.where(positions > 0, positions + SPARE_TOKENS, 0)  # [B]
    longest = pose.shape[1] // STRIDE + SPARE_TOKENS

    def decode_one(state: _DecodeState) -> _DecodeState:
        # Newest first, as in training: each of the RECENT tokens has its own weights in the decoder.
        recent = jax.lax.dynamic_slice_in_dim(state.ids, state.position, RECENT, axis=1)[:, ::-1]
        logits, cache = run(recent, state.position, state.cache, encoded, method="decode_step")
        scores = ctc_prefix.score_next_tokens(frames, state.prefix, state.last, BLANK, END)  # [B, V]
        # The probability of the next token alone: prefix scores are of the whole text so far.
        ctc = jnp.maximum(scores - state.prefix_score[:, None], LEAST_CTC)
        token = jnp.argmax((1 - ctc_share) * nn.log_softmax(logits) + ctc_share * ctc, axis=-1)
        done = state.done | (token == END)
        written = jnp.where(done, NULL, token)[:, None]
        return _DecodeState(
            position=state.position + 1,
            ids=jax.lax.dynamic_update_slice_in_dim(state.ids, written, state.position + RECENT, axis=1),
            done=done | (state.position + 1 >= limit),
            cache=cache,
            last=token,
            prefix=ctc_prefix.extend_prefix(frames, state.prefix, state.last, token, BLANK),
            prefix_score=jnp.take_along_axis(scores, token[:, None], axis=1)[:, 0],
        )

    start = _init_decode_state(model, frames, limit, longest)
    final = jax.lax.while_loop(lambda s: (s.position < longest) & ~s.done.all(), decode_one, start)
    return final.ids[:, RECENT:]


def _init_decode_state(model: BackTranslator, frames, limit, longest: int) -> _DecodeState:
    """The state before the first token; texts have at most `limit` [B] tokens, none more than `longest`."""
    batch = len(limit)
    return _DecodeState(
        position=jnp.zeros((), jnp.int32),
        # RECENT places before the text: at its first tokens, too, the decoder looks back that far.
        ids=jnp.full((batch, RECENT + longest), NULL),
        done=limit == 0,
        cache=model.init_cache(batch, longest),
        last=jnp.full(batch, BLANK),
        prefix=ctc_prefix.empty_prefix(frames, BLANK),
        prefix_score=jnp.zeros(batch),
    )
