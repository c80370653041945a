"""Sampling motion tokens: one compiled loop over a batch of texts with a key-value cache.

A clip's tokens depend on its own text and key only, never on its batch mates or on the batch's padding.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from signjax.models.gpt import GPT, RECENT, KVCache
from signjax.models.text_conditioning import null_text


class Sampler(NamedTuple):
    """How to choose among the codes a model proposes.

    Attributes:
      temperature: 0 takes the likeliest code.
      top_k: only the k likeliest codes; 0 for all.
      top_p: only the likeliest codes that together have this probability (Holtzman et al. 2020).
      repetition: logits of codes a stream has already used are divided (positive) or multiplied (negative)
        by this (Keskar et al. 2019); 1 for no penalty.
      guidance: classifier-free guidance scale (Ho and Salimans 2022); 1 is the plain conditional model.
      min_tokens: a clip does not end before this many tokens.
      max_tokens: it ends there at the latest.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    repetition: float = 1.0
    guidance: float = 1.0
    min_tokens: int = 1
    max_tokens: int = 256


class DecodeState(NamedTuple):
    """Clips that are being written."""

    at: jax.Array  # [] the next position
    codes: jax.Array  # [B, M, C]
    used: jax.Array  # [B, C, K] bool, codes a stream has used
    length: jax.Array  # [B] tokens so far
    done: jax.Array  # [B] bool
    cache: KVCache  # of 2 B rows with guidance, the unconditional ones last


def sample_tokens(model: GPT, variables, text, mask, keys, sampler: Sampler):
    """Samples a token sequence for each text.

    Args:
      model: the GPT.
      variables: its params.
      text: [B, L] ids, or features [B, L, F].
      mask: [B, L] bool.
      keys: [B] random keys, one a clip.
      sampler: how to choose.

    Returns:
      (codes [B, max_tokens, C] int32, 0 after a clip's end; lengths [B] in tokens).
    """
    memory, state = init_decode_state(model, variables, text, mask, sampler)
    state = decode_until(model, variables, memory, state, keys, sampler.max_tokens, sampler)
    return state.codes, state.length


@functools.partial(jax.jit, static_argnums=(0, 4))
def init_decode_state(model: GPT, variables, text, mask, sampler: Sampler):
    """The encoded texts, and the State before the first token; see `sample_tokens`."""
    batch = text.shape[0]
    if sampler.guidance != 1.0:
        text, mask = add_null_text(text, mask)
    state = DecodeState(
        jnp.zeros((), jnp.int32),
        jnp.zeros((batch, sampler.max_tokens, model.columns), jnp.int32),
        jnp.zeros((batch, model.columns, model.codes), bool),
        jnp.zeros(batch, jnp.int32),
        jnp.zeros(batch, bool),
        model.init_cache(text.shape[0], sampler.max_tokens),
    )
    return model.apply(variables, text, mask, method="encode_text"), state


@functools.partial(jax.jit, static_argnums=(0, 6), donate_argnums=3)
def decode_until(
    model: GPT, variables, memory, state: DecodeState, keys, until, sampler: Sampler
) -> DecodeState:
    """Samples on until token number `until` [], or until all clips have ended. Gives `state` away."""
    guided = sampler.guidance != 1.0
    run, later = functools.partial(model.apply, variables), model.later_layer_params(variables)

    def body(state: DecodeState) -> DecodeState:
        recent = jnp.take(state.codes, jnp.maximum(state.at - 1 - jnp.arange(RECENT), 0), axis=1)
        hidden, cache = run(
            tile_for_guidance(recent, guided), state.at, state.cache, memory, later, method="decode_step"
        )
        ends = _apply_guidance(run(hidden, method="end_logits"), sampler.guidance, guided)
        steps = jax.vmap(jax.random.fold_in, (0, None))(keys, state.at)
        end = _sample_ends(ends, steps, sampler) & (state.at >= sampler.min_tokens)
        done = state.done | end
        codes = _sample_next_token(run, hidden, state.used, steps, sampler, model.columns)
        codes = jnp.where(done[:, None], 0, codes)
        marks = jax.nn.one_hot(codes, model.codes, dtype=bool) & ~done[:, None, None]
        return DecodeState(
            state.at + 1,
            jax.lax.dynamic_update_index_in_dim(state.codes, codes, state.at, 1),
            state.used | marks,
            state.length + ~done,
            done,
            cache,
        )

    until = jnp.minimum(until, sampler.max_tokens)
    return jax.lax.while_loop(lambda s: (s.at < until) & ~s.done.all(), body, state)


def _sample_next_token(run, hidden, used, keys, sampler: Sampler, columns: int):
    """One token [B, C]."""

    def pick(logits, column):
        steps = jax.vmap(jax.random.fold_in, (0, None))(keys, column)
        return sample_code(_penalize_repetition(logits, used[:, column], sampler.repetition), steps, sampler)

    return sample_token(run, hidden, sampler.guidance, columns, pick)


def sample_token(run, hidden, guidance: float, columns: int, pick):
    """One token [B, C], code after code.

    Args:
      run: calls a method of a signjax.models.token_head.TokenModel by name.
      hidden: [B, D] states; with guidance 2 B, the unconditional ones last.
      guidance: see Sampler.
      columns: C.
      pick: (logits [B, K], column) -> code [B].
    """
    guided = guidance != 1.0
    earlier, codes = jnp.zeros_like(hidden), []
    for column in range(columns):
        logits = run(hidden, earlier, column, method="column_logits")
        codes.append(pick(_apply_guidance(logits, guidance, guided), column))
        earlier += run(tile_for_guidance(codes[-1], guided), column, method="column_embedding")
    return jnp.stack(codes, axis=-1)


def add_null_text(text, mask):
    """Ids [B, L] or features [B, L, F] of texts, and mask [B, L]; then as many times no text, [2 B, ...]."""
    first = jnp.broadcast_to(jnp.arange(mask.shape[1]) == 0, mask.shape)
    return jnp.concatenate([text, null_text(text)]), jnp.concatenate([mask, first])


def sample_code(logits, keys, sampler: Sampler):
    """Draws one code [B] from logits [B, K] with keys [B]."""
    if sampler.temperature == 0:
        return jnp.argmax(logits, axis=-1)
    logits = logits / sampler.temperature
    if not sampler.top_k and sampler.top_p >= 1:
        return jax.vmap(jax.random.categorical)(keys, logits)
    # By rank: a compiled program may compute a logit twice, and the two need not be equal.
    ordered, codes = jax.lax.top_k(logits, min(sampler.top_k or logits.shape[-1], logits.shape[-1]))
    chance = jax.nn.softmax(ordered, axis=-1)
    first = jnp.arange(chance.shape[-1]) == 0  # the likeliest is always kept
    kept = (jnp.cumsum(chance, axis=-1) - chance < sampler.top_p) | first
    rank = jax.vmap(jax.random.categorical)(keys, jnp.where(kept, ordered, -jnp.inf))
    return jnp.take_along_axis(codes, rank[:, None], axis=-1)[:, 0]


def _penalize_repetition(logits, used, penalty: float):
    return jnp.where(used, jnp.where(logits > 0, logits / penalty, logits * penalty), logits)


def _sample_ends(logits, keys, sampler: Sampler):
    """Whether each clip ends here, [B] bool."""
    if sampler.temperature == 0:
        return logits > 0
    keys = jax.vmap(jax.random.fold_in, (0, None))(keys, 1 << 20)  # apart from those of the codes
    return jax.vmap(jax.random.uniform)(keys) < jax.nn.sigmoid(logits / sampler.temperature)


def tile_for_guidance(x, guided: bool):
    """x [B, ...] once more for the text of no text, [2 B, ...]."""
    return jnp.concatenate([x, x]) if guided else x


def _apply_guidance(logits, scale: float, guided: bool):
    if not guided:
        return logits
    conditional, unconditional = jnp.split(logits, 2)
    return unconditional + scale * (conditional - unconditional)
