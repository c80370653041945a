"""Texts of clips: one compiled loop that writes them token by token, decoder and CTC head together.

An attention decoder may skip or repeat letters of a spelled word; a CTC head cannot, but it cannot put
words in another order than they were signed either (Watanabe et al. 2017). A clip's text depends on the
clip only, never on the other clips of the batch or on padding.
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

SPARE_TOKENS = 8  # by so many a text may have more tokens than its clip has positions
# The CTC head's log probability of a token counts as no less than this. It rules out texts in another order
# than signed, and texts longer than the clip, because it cannot know them: the decoder must be able to
# overrule it.
LEAST_CTC = -10.0


class _DecodeState(NamedTuple):
    """Texts that are being written, B of them."""

    at: jax.Array  # [] the next text position
    ids: jax.Array  # [B, RECENT + L], NULL before the text and after its end
    done: jax.Array  # [B] bool
    cache: KVCache
    last: jax.Array  # [B] the last id as the CTC head has it, the blank at first
    prefix: ctc_prefix.Prefix
    begun: jax.Array  # [B] log probability that a text begins like this, by the CTC head


@functools.partial(jax.jit, static_argnums=0)
def decode_texts(model: BackTranslator, variables, pose, mask, ctc_share):
    """Writes the likeliest token again and again until the text ends.

    Args:
      model: the back-translator.
      variables: its params.
      pose: [B, T, 50, 3] canonical poses, missing joints on their parents, T a multiple of STRIDE.
      mask: [B, T], a clip's frames first; a clip without frames has no text.
      ctc_share: weight of the CTC head in the sum of log probabilities, 1 - ctc_share is the decoder's.

    Returns:
      ids [B, L], NULL after the end.
    """
    run = cast(Callable[..., Any], functools.partial(model.apply, variables))
    encoded, frames = run(pose, mask, method="encode_pose")
    # The head has the id of padding for its blank: no text has that id in it.
    frames = ctc_prefix.log_probabilities(frames, encoded.mask, BLANK)
    positions = encoded.mask.sum(1)
    limit = jnp.where(positions > 0, positions + SPARE_TOKENS, 0)  # [B]
    most = pose.shape[1] // STRIDE + SPARE_TOKENS

    def decode_one(state: _DecodeState) -> _DecodeState:
        recent = jax.lax.dynamic_slice_in_dim(state.ids, state.at, RECENT, axis=1)[:, ::-1]
        logits, cache = run(recent, state.at, state.cache, encoded, method="decode_step")
        scores = ctc_prefix.score_next_tokens(frames, state.prefix, state.last, BLANK, END)  # [B, V]
        # Of texts that begin so, the share that goes on with each token.
        ctc = jnp.maximum(scores - state.begun[:, None], LEAST_CTC)
        token = jnp.argmax((1 - ctc_share) * nn.log_softmax(logits) + ctc_share * ctc, axis=-1)
        done = state.done | (token == END)
        written = jnp.where(done, NULL, token)[:, None]
        return _DecodeState(
            at=state.at + 1,
            ids=jax.lax.dynamic_update_slice_in_dim(state.ids, written, state.at + RECENT, axis=1),
            done=done | (state.at + 1 >= limit),
            cache=cache,
            last=token,
            prefix=ctc_prefix.extend_prefix(frames, state.prefix, state.last, token, BLANK),
            begun=jnp.take_along_axis(scores, token[:, None], axis=1)[:, 0],
        )

    start = _init_decode_state(model, frames, limit, most)
    final = jax.lax.while_loop(lambda s: (s.at < most) & ~s.done.all(), decode_one, start)
    return final.ids[:, RECENT:]


def _init_decode_state(model: BackTranslator, frames, limit, most: int) -> _DecodeState:
    """The state before the first token of texts that have at most `most` tokens, and limit [B] each."""
    batch = len(limit)
    return _DecodeState(
        at=jnp.zeros((), jnp.int32),
        # The decoder looks back RECENT tokens, at the first one, too.
        ids=jnp.full((batch, RECENT + most), NULL),
        done=limit == 0,
        cache=model.init_cache(batch, most),
        last=jnp.full(batch, BLANK),
        prefix=ctc_prefix.empty_prefix(frames, BLANK),
        begun=jnp.zeros(batch),
    )
