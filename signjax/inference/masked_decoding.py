"""Sampling motion tokens with a masked model: a few parallel passes, the most confident tokens first.

The schedule is the cosine of MaskGIT (Chang et al. 2022): after pass k of n, a share cos(pi k / 2 n) of a
clip's tokens is still hidden. A clip's tokens depend on its text and its random key only, never on the other
clips of the batch or on padding.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from signjax.data.sources import choose_bucket
from signjax.inference import autoregressive, sampling_memory
from signjax.inference.contracts import Watch
from signjax.inference.kept_programs import KeptProgram
from signjax.inference.step_loop import run_steps
from signjax.models import text_alignment
from signjax.models.text_conditioning import EncodedText

# Lengths in tokens that batches are padded to: few, because each other length is compiled anew.
SIZES = (16, 32, 64, 96, 128, 192, 256)


class Sampler(NamedTuple):
    """Options of sampling with a masked model.

    Attributes:
      steps: number of parallel passes.
      temperature: 0 takes the likeliest codes.
      guidance: classifier-free guidance scale (Ho and Salimans 2022); 1 is the plain conditional model.
      max_tokens: largest number of tokens of a clip.
    """

    steps: int
    temperature: float
    guidance: float
    max_tokens: int


class FillState(NamedTuple):
    """State of the passes over B clips of at most N tokens, C codes a token."""

    step: jax.Array  # [] passes so far
    codes: jax.Array  # [B, N, C]
    hidden: jax.Array  # [B, N] bool, tokens that are still hidden


def sample_masked_tokens(model, variables, text, mask, keys, sampler: Sampler, watch: Watch | None = None):
    """Samples a token sequence for each text, of the length that the model expects for the text.

    One program is compiled for a size of the batch, a length and whether there is guidance. All options, the
    number of passes among them, are numbers that it is called with. Measured on a CPU, at 12 passes over 4
    clips: with a constant number of passes it is no faster; with all options as constants it takes a tenth
    less, but 13 s of compiling for each other value.

    Args:
      model: a signjax.models.masked_transformer.MaskedTransformer.
      variables: its params.
      text: [B, L] ids, or features [B, L, F].
      mask: [B, L] bool.
      keys: [B] random keys, one for each clip.
      sampler: sampling options.
      watch: is told after every pass.

    Returns:
      (codes [B, N, C] int32, 0 after a clip's end; lengths [B] in tokens).
    """
    guided = sampler.guidance != 1
    encoded, expected = ENCODE(model, variables, text, mask, guided)
    # On the host: the lengths decide the shape that the passes are compiled for.
    lengths = np.clip(np.round(np.asarray(expected)).astype(int), 1, sampler.max_tokens)
    inside = np.arange(choose_bucket(int(lengths.max()), SIZES)) < lengths[:, None]  # [B, N]
    sampling_memory.check_attention_memory(model, len(inside) * (1 + guided), inside.shape[1])
    start = np.zeros((), np.int32), np.zeros((*inside.shape, model.columns), np.int32), inside
    state = FillState(*map(jax.device_put, start))

    def run_passes(state: FillState, until: int) -> FillState:
        return FILL(model, variables, encoded, inside, keys, state, until, sampler, guided)

    return run_steps(run_passes, state, sampler.steps, watch).codes, lengths


def _encode_texts(model, variables, text, mask, guided: bool):
    """Encodes B texts, with guidance B null texts, too: (encoded texts, tokens [B] of their clips)."""
    count = text.shape[0]
    if guided:
        text, mask = autoregressive.add_null_text(text, mask)
    encoded = model.apply(variables, text, mask, method="encode_text")
    return encoded, text_alignment.expected_length(encoded)[:count]


def _fill_tokens(
    model, variables, encoded, inside, keys, state: FillState, until, sampler: Sampler, guided: bool
) -> FillState:
    """Runs passes over positions inside clips [B, N] until there were `until` []."""
    size = inside.sum(1)
    run = functools.partial(model.apply, variables)
    tile = functools.partial(autoregressive.tile_for_guidance, guided=guided)
    mask = tile(inside)
    times = text_alignment.clip_times(mask, encoded)
    # A key for each position: one draw for all of them would depend on the padded length.
    position_keys = _fold_keys(keys[:, None], jnp.arange(inside.shape[1]))  # [B, N]

    def run_pass(k, state: FillState) -> FillState:
        codes, hidden = state.codes, state.hidden
        states = run(tile(codes), tile(hidden), mask, encoded, times, method="compute_states")
        pass_keys = _fold_keys(position_keys, k)
        drawn, confidence = _propose_tokens(run, states, pass_keys, sampler, guided, model.columns)
        codes = jnp.where(hidden[..., None], drawn, codes)
        # Rounded down: after the last pass the cosine is 0 only up to rounding, and no token may stay hidden.
        num_hidden = jnp.floor(size * jnp.cos(jnp.pi / 2 * (k + 1) / sampler.steps))  # [B]
        # Tokens that are known already get the highest ranks, so that no later pass hides them again.
        rank = jnp.argsort(jnp.argsort(jnp.where(hidden, confidence, jnp.inf)))
        return FillState(k + 1, codes, hidden & (rank < num_hidden[:, None]))

    return jax.lax.fori_loop(state.step, until, run_pass, state)


def _propose_tokens(run, states, keys, sampler: Sampler, guided: bool, columns: int):
    """Samples tokens [B, N, C] from states [B, N, D] with keys [B, N]; with their log-likelihoods [B, N]."""
    shape, keys = keys.shape, keys.reshape(-1)
    # The other options stay at their defaults, which change nothing.
    by_temperature, likelihoods = autoregressive.Sampler(temperature=sampler.temperature), []

    def pick_code(logits, column):
        code = autoregressive.sample_code(logits, _fold_keys(keys, column), by_temperature, sorts=False)
        likelihoods.append(jnp.take_along_axis(jax.nn.log_softmax(logits), code[:, None], axis=1)[:, 0])
        return code

    # Within a pass positions are sampled independently, so they can be the rows of one batch.
    flat = states.reshape(-1, states.shape[-1])
    codes = autoregressive.sample_token(run, flat, sampler.guidance, guided, columns, pick_code)
    return codes.reshape(*shape, columns), jnp.asarray(sum(likelihoods)).reshape(shape)


def _fold_keys(keys, numbers):
    """Folds numbers into random keys; the shapes of both are broadcast."""
    return jnp.vectorize(jax.random.fold_in)(*jnp.broadcast_arrays(keys, numbers))


ENCODE = KeptProgram(
    "encode_masked_texts", jax.jit(_encode_texts, static_argnums=(0, 4)), (0, 4), trees=(EncodedText,)
)
FILL = KeptProgram("fill_tokens", jax.jit(_fill_tokens, static_argnums=(0, 8)), (0, 8), trees=(FillState,))
