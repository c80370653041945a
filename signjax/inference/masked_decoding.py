"""Sampling motion tokens with a masked model: a few parallel passes, the most confident tokens first.

The cosine schedule of MaskGIT (Chang et al. 2022): after pass k of n, a share cos(pi k / 2 n) of a clip's
tokens is still hidden. A clip's tokens depend on its own text and key only, never on its batch mates or on
padding.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from signjax.inference import autoregressive
from signjax.models import text_alignment

SIZES = (16, 32, 64, 96, 128, 192, 256)  # of a batch, in tokens: few shapes, few compilations


class Sampler(NamedTuple):
    """How hidden tokens become known.

    Attributes:
      steps: parallel passes.
      temperature: 0 takes the likeliest codes.
      guidance: classifier-free guidance scale (Ho and Salimans 2022); 1 is the plain conditional model.
      max_tokens: a clip is no longer.
    """

    steps: int
    temperature: float
    guidance: float
    max_tokens: int


def sample_masked_tokens(model, variables, text, mask, keys, sampler: Sampler):
    """Samples a token sequence for each text, of the length that the text is expected to take.

    Args:
      model: a signjax.models.masked_transformer.MaskedTransformer.
      variables: its params.
      text: [B, L] ids, or features [B, L, F].
      mask: [B, L] bool.
      keys: [B] random keys, one a clip.
      sampler: how to choose.

    Returns:
      (codes [B, N, C] int32, 0 after a clip's end; lengths [B] in tokens).
    """
    guided = sampler.guidance != 1
    memory, expected = _encode_texts(
        model, variables, *(autoregressive.add_null_text(text, mask) if guided else (text, mask))
    )
    lengths = np.clip(np.round(expected[: len(text)]).astype(int), 1, sampler.max_tokens)
    longest = int(lengths.max())
    size = next((s for s in SIZES if s >= longest), longest)
    there = np.arange(size) < lengths[:, None]  # [B, N]
    return _fill_tokens(model, variables, memory, there, keys, sampler), lengths


@functools.partial(jax.jit, static_argnums=0)
def _encode_texts(model, variables, text, mask):
    memory = model.apply(variables, text, mask, method="encode_text")
    return memory, text_alignment.expected_length(memory)


@functools.partial(jax.jit, static_argnums=(0, 5))
def _fill_tokens(model, variables, memory, there, keys, sampler: Sampler):
    """Codes [B, N, C] of the positions there [B, N]; memory of 2 B texts with guidance."""
    guided, size = sampler.guidance != 1, there.sum(1)
    run = functools.partial(model.apply, variables)
    mask = autoregressive.tile_for_guidance(there, guided)
    places = text_alignment.clip_times(mask, memory)
    each = _fold_keys(keys[:, None], jnp.arange(there.shape[1]))  # [B, N]

    def one_pass(k, known):
        codes, hidden = known
        seen = (
            autoregressive.tile_for_guidance(codes, guided),
            autoregressive.tile_for_guidance(hidden, guided),
        )
        states = run(*seen, mask, memory, places, method="compute_states")
        drawn, confidence = _propose_tokens(run, states, _fold_keys(each, k), sampler, model.columns)
        codes = jnp.where(hidden[..., None], drawn, codes)
        left = jnp.floor(size * jnp.cos(jnp.pi / 2 * (k + 1) / sampler.steps))  # [B]
        order = jnp.argsort(jnp.argsort(jnp.where(hidden, confidence, jnp.inf)))
        return codes, hidden & (order < left[:, None])

    start = jnp.zeros((*there.shape, model.columns), jnp.int32), there
    return jax.lax.fori_loop(0, sampler.steps, one_pass, start)[0]


def _propose_tokens(run, states, keys, sampler: Sampler, columns: int):
    """A token [B, N, C] for each of the states [B, N, D] with keys [B, N], and its log-likelihood [B, N]."""
    shape, keys = keys.shape, keys.reshape(-1)
    chosen, chances = autoregressive.Sampler(temperature=sampler.temperature), []

    def pick(logits, column):
        code = autoregressive.sample_code(logits, _fold_keys(keys, column), chosen)
        chances.append(jnp.take_along_axis(jax.nn.log_softmax(logits), code[:, None], axis=1)[:, 0])
        return code

    flat = states.reshape(-1, states.shape[-1])
    codes = autoregressive.sample_token(run, flat, sampler.guidance, columns, pick)
    return codes.reshape(*shape, columns), sum(chances).reshape(shape)


def _fold_keys(keys, numbers):
    """Keys [...] with numbers folded in, each of any shape that broadcasts."""
    return jnp.vectorize(jax.random.fold_in)(*jnp.broadcast_arrays(keys, numbers))
