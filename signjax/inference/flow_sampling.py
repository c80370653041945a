"""Sampling with a flow: noise becomes latents along the velocities that the network learned.

Flow matching of Lipman et al. 2023 (arXiv 2210.02747). A clip's latents depend on its text and its random key
only, never on the other clips of the batch or on padding.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from signjax.data.sources import choose_bucket
from signjax.inference import latent_space, sampling_memory
from signjax.models import flow_transformer, text_alignment, text_conditioning

SOLVERS = ("euler", "midpoint")
# Lengths in positions that batches are padded to: few, because each other length is compiled anew.
SIZES = (16, 32, 64, 96, 128, 192, 256)


class Sampler(NamedTuple):
    """Options of sampling with a flow.

    Attributes:
      steps: number of steps of the solver.
      solver: "euler", or "midpoint" (of second order), which evaluates the network twice a step.
      guidance: classifier-free guidance scale (Ho and Salimans 2022); 1 is the plain conditional model.
      max_tokens: largest number of positions of a clip.
    """

    steps: int
    solver: str
    guidance: float
    max_tokens: int


def sample_latents(model: flow_transformer.FlowTransformer, variables, text, mask, keys, sampler: Sampler):
    """Samples latents for each text, of as many positions as the model expects for the text.

    Args:
      model: the flow.
      variables: its params, and "latents", the space of signjax.inference.latent_space.
      text: [B, L] ids, or features [B, L, F].
      mask: [B, L] bool.
      keys: [B] random keys, one for each clip.
      sampler: sampling options.

    Returns:
      (positions [B, N, D] float32, arbitrary after a clip's end; lengths [B] in positions).
    """
    # On the host: the lengths decide the shape that the rest is compiled for.
    lengths = np.asarray(_predict_lengths(model, variables, text, mask))
    lengths = np.clip(np.round(lengths).astype(int), 1, sampler.max_tokens)
    inside = np.arange(choose_bucket(int(lengths.max()), SIZES)) < lengths[:, None]
    sampling_memory.check_attention_memory(model, *inside.shape)
    # As much as the longest clip could need: a clip's noise must not depend on the batch's longest.
    noise = _draw_noise(keys, sampler.max_tokens, model.dim)
    # The padded length may be beyond max_tokens.
    noise = np.pad(noise, ((0, 0), (0, max(0, inside.shape[1] - noise.shape[1])), (0, 0)))
    noise = noise[:, : inside.shape[1]]
    compiled = model, sampler.solver, sampler.guidance != 1
    positions = _integrate_flow(
        *compiled, variables, (text, mask), inside, noise, sampler.steps, sampler.guidance
    )
    return positions, lengths


@functools.partial(jax.jit, static_argnums=0)
def _predict_lengths(model, variables, text, mask):
    """Predicts the number of positions [B] of each text's clip, not rounded."""
    params = {"params": variables["params"]}
    return text_alignment.expected_length(model.apply(params, text, mask, method="encode_text"))


@functools.partial(jax.jit, static_argnums=(1, 2))
def _draw_noise(keys, length: int, dim: int):
    """Draws noise [B, length, dim], each row with its own key: a clip's noise is the same in any batch."""
    return jax.vmap(lambda key: jax.random.normal(key, (length, dim)))(keys)


# Steps and guidance are traced: trying other values compiles nothing anew.
@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _integrate_flow(model, solver: str, guided: bool, variables, texts, mask, noise, steps, guidance):
    """Integrates from noise to latents [B, N, D] of the auto-encoder, in `steps` steps of equal size.

    Args:
      model: the flow.
      solver: see Sampler.
      guided: whether guidance is not 1.
      variables: params and the space of the latents.
      texts: (ids [B, L] or features [B, L, F], mask [B, L]).
      mask: [B, N] positions.
      noise: [B, N, dim].
      steps: [] of the solver.
      guidance: [] scale.
    """
    run = functools.partial(model.apply, {"params": variables["params"]})
    ids, text_mask = texts
    null = text_conditioning.null_text(ids), jnp.broadcast_to(jnp.arange(ids.shape[1]) == 0, text_mask.shape)
    # Without guidance the null text is not computed at all.
    memories = [run(*t, method="encode_text") for t in ((ids, text_mask), null)[: 1 + guided]]
    times = [text_alignment.clip_times(mask, memory) for memory in memories]

    def guided_velocity(z, t):
        t = jnp.full(mask.shape, t)
        clean = [run(z, t, mask, *of, method="predict_clean") for of in zip(memories, times, strict=True)]
        # The velocity is linear in the clean latents, so that guidance of one is guidance of the other.
        return flow_transformer.compute_velocity(
            z, clean[-1] + guidance * (clean[0] - clean[-1]) if guided else clean[0], t
        )

    def take_step(k, z):
        t, h = k / steps, 1 / steps
        if solver == "midpoint":
            return z + h * guided_velocity(z + h / 2 * guided_velocity(z, t), t + h / 2)
        return z + h * guided_velocity(z, t)

    z = jax.lax.fori_loop(0, steps, take_step, noise)
    return latent_space.from_latent_space(variables["latents"], z)
