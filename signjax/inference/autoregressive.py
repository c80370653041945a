"""Sampling motion tokens one after another: one compiled loop over a batch of texts with a key-value cache.

A clip's tokens depend on its text and its random key only, never on the other clips of the batch or on
padding.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

from signjax.inference import sampling_memory
from signjax.inference.contracts import Progress, Watch
from signjax.inference.kept_programs import KeptProgram
from signjax.models.gpt import GPT, RECENT, KVCache
from signjax.models.text_conditioning import EncodedText, null_text


class Sampler(NamedTuple):
    """Options of sampling with an autoregressive model.

    Attributes:
      temperature: 0 takes the likeliest code.
      top_k: only the k likeliest codes; 0 for all.
      top_p: only the likeliest codes that together have this probability (Holtzman et al. 2020).
      repetition: logits of codes that a column has already used are divided (positive) or multiplied
        (negative) by this (Keskar et al. 2019); 1 for no penalty.
      guidance: classifier-free guidance scale (Ho and Salimans 2022); 1 is the plain conditional model.
      min_tokens: a clip does not end before this many tokens.
      max_tokens: largest number of tokens of a clip.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    repetition: float = 1.0
    guidance: float = 1.0
    min_tokens: int = 1
    max_tokens: int = 256

    @property
    def program(self) -> "SamplingProgram":
        """What these options change in a compiled program."""
        # Not without sorting at temperature 0, which would be one more program for the same clips.
        sorts = bool(self.top_k or self.top_p < 1)
        return SamplingProgram(self.guidance != 1.0, sorts, self.max_tokens)


class SamplingProgram(NamedTuple):
    """What a compiled program has or does not have; all other options are numbers that it is called with.

    Attributes:
      guided: whether each text is also decoded without its text, twice the work.
      sorts: whether codes are sorted by their likelihood, to leave some out.
      max_tokens: length of its arrays.
    """

    guided: bool
    sorts: bool
    max_tokens: int


class DecodeState(NamedTuple):
    """State of the loop over B clips of at most M tokens, C codes a token, K values a code."""

    position: jax.Array  # [] the next position
    codes: jax.Array  # [B, M, C]
    used: jax.Array  # [B, C, K] bool, codes that a column has used
    length: jax.Array  # [B] tokens of each clip so far
    done: jax.Array  # [B] bool, whether the clip has ended
    cache: KVCache  # of 2 B rows with guidance, the unconditional ones last


WATCHED = 8  # tokens between two looks of who watches: 1.3 seconds of motion at 4 frames a token


def sample_tokens(model: GPT, variables, text, mask, keys, sampler: Sampler, watch: Watch | None = None):
    """Samples a token sequence for each text.

    Args:
      model: the GPT.
      variables: its params.
      text: [B, L] ids, or features [B, L, F].
      mask: [B, L] bool.
      keys: [B] random keys, one for each clip.
      sampler: sampling options.
      watch: is told every few tokens how many there are.

    Returns:
      (codes [B, max_tokens, C] int32, 0 after a clip's end; lengths [B] in tokens).
    """
    encoded, state = init_decode_state(model, variables, text, mask, sampler)
    most, done = sampler.max_tokens, False
    # The same compiled program in parts, and so the same tokens.
    for until in range(WATCHED, most, WATCHED) if watch else ():
        state = decode_until(model, variables, encoded, state, keys, until, sampler)
        assert watch is not None
        watch(Progress(int(np.asarray(state.length).max())))
        if done := bool(np.asarray(state.done).all()):
            break
    if not done:
        state = decode_until(model, variables, encoded, state, keys, most, sampler)
    return state.codes, state.length


def init_decode_state(model: GPT, variables, text, mask, sampler: Sampler):
    """Encodes texts; returns (the encoded texts, the state before the first token).

    The arguments are those of `sample_tokens`.
    """
    return INIT(model, variables, text, mask, sampler.program)


def _encode_texts(model: GPT, variables, text, mask, program: SamplingProgram):
    # Before the null texts are added: they double the rows of the texts and of the cache, not the clips.
    batch = text.shape[0]
    if program.guided:
        text, mask = add_null_text(text, mask)
    sampling_memory.check_cache_memory(model, text.shape[0], program.max_tokens)
    state = DecodeState(
        position=jnp.zeros((), jnp.int32),
        codes=jnp.zeros((batch, program.max_tokens, model.columns), jnp.int32),
        used=jnp.zeros((batch, model.columns, model.codes), bool),
        length=jnp.zeros(batch, jnp.int32),
        done=jnp.zeros(batch, bool),
        cache=model.init_cache(text.shape[0], program.max_tokens),
    )
    return model.apply(variables, text, mask, method="encode_text"), state


def decode_until(
    model: GPT, variables, encoded, state: DecodeState, keys, until, sampler: Sampler
) -> DecodeState:
    """Continues sampling until all clips have `until` [] tokens or have ended.

    The memory of `state` is reused for the result, so `state` cannot be read afterwards.
    """
    return DECODE(model, variables, encoded, state, keys, until, sampler, sampler.program)


def _run_decoding(
    model: GPT,
    variables,
    encoded,
    state: DecodeState,
    keys,
    until,
    sampler: Sampler,
    program: SamplingProgram,
) -> DecodeState:
    guided = program.guided
    run = cast(Callable[..., Any], functools.partial(model.apply, variables))
    # Before the loop: sliced in every step, these parameters took 40 % of its time at batch size 1.
    later = model.later_layer_params(variables)

    def decode_one(state: DecodeState) -> DecodeState:
        # Before the first token there is none to look back to; the model knows that from the position.
        recent = jnp.take(state.codes, jnp.maximum(state.position - 1 - jnp.arange(RECENT), 0), axis=1)
        recent = tile_for_guidance(recent, guided)
        hidden, cache = run(recent, state.position, state.cache, encoded, later, method="decode_step")
        end_logits = _apply_guidance(run(hidden, method="end_logits"), sampler.guidance, guided)
        # A key of its own for every position: a clip's draws do not depend on how long the loop runs.
        step_keys = jax.vmap(jax.random.fold_in, (0, None))(keys, state.position)
        ends = _sample_ends(end_logits, step_keys, sampler) & (state.position >= sampler.min_tokens)
        done = state.done | ends
        codes = _sample_next_token(run, hidden, state.used, step_keys, sampler, program, model.columns)
        # The loop goes on for the longer clips of the batch: what it samples after a clip's end is dropped.
        codes = jnp.where(done[:, None], 0, codes)
        newly_used = jax.nn.one_hot(codes, model.codes, dtype=bool) & ~done[:, None, None]
        return DecodeState(
            position=state.position + 1,
            codes=jax.lax.dynamic_update_index_in_dim(state.codes, codes, state.position, 1),
            used=state.used | newly_used,
            length=state.length + ~done,
            done=done,
            cache=cache,
        )

    until = jnp.minimum(until, program.max_tokens)
    return jax.lax.while_loop(lambda s: (s.position < until) & ~s.done.all(), decode_one, state)


def _sample_next_token(run, hidden, used, keys, sampler: Sampler, program: SamplingProgram, columns: int):
    """Samples the next token [B, C] of each clip from states [B, D] with keys [B]."""

    def pick_code(logits, column):
        column_keys = jax.vmap(jax.random.fold_in, (0, None))(keys, column)
        # Column by column: the same number is another motion in another column.
        logits = _penalize_repetition(logits, used[:, column], sampler.repetition)
        return sample_code(logits, column_keys, sampler, program.sorts)

    return sample_token(run, hidden, sampler.guidance, program.guided, columns, pick_code)


def sample_token(run, hidden, guidance, guided: bool, columns: int, pick_code):
    """Chooses one token [B, C], code by code: each code depends on the codes before it in the token.

    Args:
      run: calls a method of a signjax.models.token_head.TokenModel by name.
      hidden: [B, D] states; if guided 2 B, the unconditional ones last.
      guidance: [], see Sampler.
      guided: whether there is guidance.
      columns: C.
      pick_code: (logits [B, K], column) -> code [B].
    """
    earlier, codes = jnp.zeros_like(hidden), []
    for column in range(columns):
        logits = run(hidden, earlier, column, method="column_logits")
        codes.append(pick_code(_apply_guidance(logits, guidance, guided), column))
        earlier += run(tile_for_guidance(codes[-1], guided), column, method="column_embedding")
    return jnp.stack(codes, axis=-1)


def add_null_text(text, mask):
    """Appends B null texts to texts (ids [B, L] or features [B, L, F]) and to their mask [B, L]."""
    # As in training (signjax.tasks.token_run.drop_texts), the null text is one token long.
    first = jnp.broadcast_to(jnp.arange(mask.shape[1]) == 0, mask.shape)
    return jnp.concatenate([text, null_text(text)]), jnp.concatenate([mask, first])


def sample_code(logits, keys, sampler: Sampler, sorts: bool):
    """Chooses a code [B] from logits [B, K] with keys [B].

    Args:
      logits: of the codes.
      keys: random keys.
      sampler: its numbers may be arrays [].
      sorts: see SamplingProgram; without it `top_k` and `top_p` count for nothing.
    """
    # Computed, too, where the likeliest code is taken: then by any temperature but 0.
    softened = logits / jnp.where(sampler.temperature > 0, sampler.temperature, 1)
    drawn = (_draw_likely_code if sorts else _draw_any_code)(softened, keys, sampler)
    return jnp.where(sampler.temperature > 0, drawn, jnp.argmax(logits, axis=-1))


def _draw_any_code(logits, keys, sampler: Sampler):
    del sampler
    return jax.vmap(jax.random.categorical)(keys, logits)


def _draw_likely_code(logits, keys, sampler: Sampler):
    # By rank: a compiled program may compute a logit twice, and the two need not be equal.
    ordered, codes = jax.lax.top_k(logits, logits.shape[-1])
    ranks = jnp.arange(logits.shape[-1])
    ordered = jnp.where((ranks < sampler.top_k) | (sampler.top_k == 0), ordered, -jnp.inf)
    probability = jax.nn.softmax(ordered, axis=-1)
    # The likeliest is kept even if top_p is 0: without any code left, code 0 would be drawn every time.
    kept = (jnp.cumsum(probability, axis=-1) - probability < sampler.top_p) | (ranks == 0)
    rank = jax.vmap(jax.random.categorical)(keys, jnp.where(kept, ordered, -jnp.inf))
    return jnp.take_along_axis(codes, rank[:, None], axis=-1)[:, 0]


def _penalize_repetition(logits, used, penalty: float):
    # Dividing a negative logit would make its code more likely, not less.
    return jnp.where(used, jnp.where(logits > 0, logits / penalty, logits * penalty), logits)


def _sample_ends(logits, keys, sampler: Sampler):
    """Samples whether each clip ends here, [B] bool."""
    # No column has this number, so the end and the codes use independent random numbers.
    keys = jax.vmap(jax.random.fold_in, (0, None))(keys, 1 << 20)
    softened = logits / jnp.where(sampler.temperature > 0, sampler.temperature, 1)
    drawn = jax.vmap(jax.random.uniform)(keys) < jax.nn.sigmoid(softened)
    # A logit above 0 is a probability of more than a half.
    return jnp.where(sampler.temperature > 0, drawn, logits > 0)


def tile_for_guidance(x, guided: bool):
    """Returns x [B, ...], with guidance twice, [2 B, ...]: for the texts and for the null texts."""
    return jnp.concatenate([x, x]) if guided else x


def _apply_guidance(logits, scale: float, guided: bool):
    """Mixes logits of texts and null texts, [2 B, ...], into [B, ...]; does nothing without guidance."""
    if not guided:
        return logits
    conditional, unconditional = jnp.split(logits, 2)
    return unconditional + scale * (conditional - unconditional)


INIT = KeptProgram(
    "init_decode_state",
    jax.jit(_encode_texts, static_argnums=(0, 4)),
    (0, 4),
    trees=(EncodedText, DecodeState, KVCache),
)
# The state is donated: streaming calls this again and again, and each call would copy the whole cache. The
# numbers of the sampler are arguments, so that other ones need no other program.
DECODE = KeptProgram(
    "decode_until",
    jax.jit(_run_decoding, static_argnums=(0, 7), donate_argnums=3),
    (0, 7),
    trees=(DecodeState, KVCache),
)
