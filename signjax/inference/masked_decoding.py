"""Sampling motion tokens with a masked model: a few parallel passes, the most confident tokens first.

The cosine schedule of MaskGIT (Chang et al. 2022): after pass k of n, a share cos(pi k / 2 n) of a clip's
tokens is still hidden. A clip's tokens depend on its text and its random key only, never on the other clips
of the batch or on padding.
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
    count = len(text)
    if sampler.guidance != 1:
        text, mask = autoregressive.add_null_text(text, mask)
    encoded, expected = _encode_texts(model, variables, text, mask)
    lengths = np.clip(np.round(expected[:count]).astype(int), 1, sampler.max_tokens)
    longest = int(lengths.max())
    size = next((s for s in SIZES if s >= longest), longest)
    inside = np.arange(size) < lengths[:, None]  # [B, N]
    return _fill_tokens(model, variables, encoded, inside, keys, sampler), lengths


@functools.partial(jax.jit, static_argnums=0)
def _encode_texts(model, variables, text, mask):
    """(The encoded texts, the number of tokens [B] that each is expected to take)."""
    encoded = model.apply(variables, text, mask, method="encode_text")
    return encoded, text_alignment.expected_length(encoded)


@functools.partial(jax.jit, static_argnums=(0, 5))
def _fill_tokens(model, variables, encoded, inside, keys, sampler: Sampler):
    """Codes [B, N, C] of the positions inside clips [B, N]; with guidance `encoded` has 2 B texts."""
    guided, size = sampler.guidance != 1, inside.sum(1)
    run = functools.partial(model.apply, variables)
    tile = functools.partial(autoregressive.tile_for_guidance, guided=guided)
    mask = tile(inside)
    times = text_alignment.clip_times(mask, encoded)
    # A key for every position: what it draws does not depend on the padding after it.
    position_keys = _fold_keys(keys[:, None], jnp.arange(inside.shape[1]))  # [B, N]

    def run_pass(k, known):
        codes, hidden = known
        states = run(tile(codes), tile(hidden), mask, encoded, times, method="compute_states")
        pass_keys = _fold_keys(position_keys, k)
        drawn, confidence = _propose_tokens(run, states, pass_keys, sampler, model.columns)
        codes = jnp.where(hidden[..., None], drawn, codes)
        left = jnp.floor(size * jnp.cos(jnp.pi / 2 * (k + 1) / sampler.steps))  # [B]
        # Ranks of the confidences, the least first; what is known already comes last and stays known.
        rank = jnp.argsort(jnp.argsort(jnp.where(hidden, confidence, jnp.inf)))
        return codes, hidden & (rank < left[:, None])

    start = jnp.zeros((*inside.shape, model.columns), jnp.int32), inside
    return jax.lax.fori_loop(0, sampler.steps, run_pass, start)[0]


def _propose_tokens(run, states, keys, sampler: Sampler, columns: int):
    """A token [B, N, C] for each of the states [B, N, D] with keys [B, N], and its log-likelihood [B, N]."""
    shape, keys = keys.shape, keys.reshape(-1)
    by_temperature, likelihoods = autoregressive.Sampler(temperature=sampler.temperature), []

    def pick_code(logits, column):
        code = autoregressive.sample_code(logits, _fold_keys(keys, column), by_temperature)
        likelihoods.append(jnp.take_along_axis(jax.nn.log_softmax(logits), code[:, None], axis=1)[:, 0])
        return code

    # Positions are independent of one another within a pass: rows of one batch to the sampler of a token.
    flat = states.reshape(-1, states.shape[-1])
    codes = autoregressive.sample_token(run, flat, sampler.guidance, columns, pick_code)
    return codes.reshape(*shape, columns), jnp.asarray(sum(likelihoods)).reshape(shape)


def _fold_keys(keys, numbers):
    """Keys with numbers folded in; the shapes of both are broadcast."""
    return jnp.vectorize(jax.random.fold_in)(*jnp.broadcast_arrays(keys, numbers))
