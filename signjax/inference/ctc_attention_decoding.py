"""Reading clips: one compiled loop that writes the texts of a batch, decoder and CTC head together.

A decoder that leads may skip or repeat what is spelled, a CTC head cannot; the head alone cannot say things
in another order than they were signed (Watanabe et al. 2017). A clip's text depends on the clip only, never
on its batch mates or on the batch's padding.
"""

import functools
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from signjax.inference import ctc_prefix
from signjax.models import special_ids
from signjax.models.back_translator import RECENT, STRIDE, BackTranslator, KVCache
from signjax.text import tokenizer

SPARE_TOKENS = 8  # text tokens that a clip may have more than positions
LEAST_CTC = (
    -10.0
)  # The least the CTC head may say of a token, a log chance. It rules out texts in another order
# than signed, and longer ones than the clip, because it cannot know them; that must stay an opinion.


class _DecodeState(NamedTuple):
    at: jax.Array  # [] the next text position
    ids: jax.Array  # [B, RECENT + L], NULL before the text and after its end
    done: jax.Array  # [B] bool
    cache: KVCache
    last: jax.Array  # [B] the last id for the CTC, blank at first
    prefix: ctc_prefix.Prefix
    begun: jax.Array  # [B] log chance that a text begins so


@functools.partial(jax.jit, static_argnums=0)
def decode_texts(model: BackTranslator, variables, pose, mask, ctc_share):
    """Writes the likeliest token again and again until the text ends.

    Args:
      model: the back-translator.
      variables: its params.
      pose: [B, T, 50, 3] filled canonical poses, T a multiple of STRIDE.
      mask: [B, T], own frames first; a clip without frames has no text.
      ctc_share: weight of the CTC head in the sum of log chances, 1 - ctc_share is the decoder's.

    Returns:
      ids [B, L], NULL after the end.
    """
    run = functools.partial(model.apply, variables)
    memory, frames = run(pose, mask, method="encode_pose")
    frames = ctc_prefix.log_probabilities(frames, memory.mask, tokenizer.PAD)
    positions = memory.mask.sum(1)
    limit = jnp.where(positions > 0, positions + SPARE_TOKENS, 0)  # [B]
    batch, most = pose.shape[0], pose.shape[1] // STRIDE + SPARE_TOKENS

    def body(state: _DecodeState) -> _DecodeState:
        recent = jax.lax.dynamic_slice_in_dim(state.ids, state.at, RECENT, axis=1)[:, ::-1]
        logits, cache = run(recent, state.at, state.cache, memory, method="decode_step")
        whole = ctc_prefix.score_next_tokens(
            frames, state.prefix, state.last, tokenizer.PAD, tokenizer.END
        )  # [B, V]
        heard = jnp.maximum(whole - state.begun[:, None], LEAST_CTC)
        one = jnp.argmax((1 - ctc_share) * nn.log_softmax(logits) + ctc_share * heard, axis=-1)
        done = state.done | (one == tokenizer.END)
        ids = jax.lax.dynamic_update_slice_in_dim(
            state.ids, jnp.where(done, special_ids.NULL, one)[:, None], state.at + RECENT, axis=1
        )
        prefix = ctc_prefix.extend_prefix(frames, state.prefix, state.last, one, tokenizer.PAD)
        begun = jnp.take_along_axis(whole, one[:, None], axis=1)[:, 0]
        return _DecodeState(state.at + 1, ids, done | (state.at + 1 >= limit), cache, one, prefix, begun)

    start = _DecodeState(
        jnp.zeros((), jnp.int32),
        jnp.full((batch, RECENT + most), special_ids.NULL),
        limit == 0,
        model.init_cache(batch, most),
        jnp.full(batch, tokenizer.PAD),
        ctc_prefix.empty_prefix(frames, tokenizer.PAD),
        jnp.zeros(batch),
    )
    final = jax.lax.while_loop(lambda s: (s.at < most) & ~s.done.all(), body, start)
    return final.ids[:, RECENT:]
