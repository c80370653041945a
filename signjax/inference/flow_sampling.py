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
from signjax.inference.contracts import Watch
from signjax.inference.kept_programs import KeptProgram
from signjax.inference.step_loop import run_steps
from signjax.models import flow_transformer, text_alignment, text_conditioning
from signjax.models.text_conditioning import EncodedText

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


class FlowProgram(NamedTuple):
    """What a compiled program has or does not have; all other options are numbers that it is called with.

    Attributes:
      solver: see Sampler.
      guided: whether guidance is not 1, so that each text is also decoded without its text.
    """

    solver: str
    guided: bool


class FlowState(NamedTuple):
    """State of the solver over B clips of at most N positions."""

    step: jax.Array  # [] steps so far
    z: jax.Array  # [B, N, dim]


def sample_latents(
    model: flow_transformer.FlowTransformer,
    variables,
    text,
    mask,
    keys,
    sampler: Sampler,
    watch: Watch | None = None,
):
    """Samples latents for each text, of as many positions as the model expects for the text.

    One program is compiled for a size of the batch, a length, a solver and whether there is guidance. The
    number of steps and the scale of guidance are numbers that it is called with. The solvers are programs of
    their own, as one evaluates the network twice.

    Args:
      model: the flow.
      variables: its params, and "latents", the space of signjax.inference.latent_space.
      text: [B, L] ids, or features [B, L, F].
      mask: [B, L] bool.
      keys: [B] random keys, one for each clip.
      sampler: sampling options.
      watch: is told after every step.

    Returns:
      (positions [B, N, D] float32, arbitrary after a clip's end; lengths [B] in positions).
    """
    program = FlowProgram(sampler.solver, sampler.guidance != 1)
    params = {"params": variables["params"]}
    texts, expected = ENCODE(model, params, text, mask, program.guided)
    # On the host: the lengths decide the shape that the rest is compiled for.
    lengths = np.clip(np.round(np.asarray(expected)).astype(int), 1, sampler.max_tokens)
    inside = np.arange(choose_bucket(int(lengths.max()), SIZES)) < lengths[:, None]
    sampling_memory.check_attention_memory(model, *inside.shape)
    # As much as the longest clip could need: a clip's noise must not depend on the batch's longest.
    noise = np.asarray(DRAW_NOISE(keys, sampler.max_tokens, model.dim))
    # The padded length may be beyond max_tokens.
    noise = np.pad(noise, ((0, 0), (0, max(0, inside.shape[1] - noise.shape[1])), (0, 0)))
    state = FlowState(*map(jax.device_put, (np.zeros((), np.int32), noise[:, : inside.shape[1]])))
    numbers = sampler.steps, sampler.guidance

    def take_steps(state: FlowState, until: int) -> FlowState:
        return INTEGRATE(model, params, texts, inside, state, until, numbers, program)

    state = run_steps(take_steps, state, sampler.steps, watch)
    return TO_LATENTS(variables["latents"], state.z), lengths


def _encode_texts(model, params, text, mask, guided: bool):
    """Encodes B texts: ((encoded texts, with guidance encoded null texts), positions [B] of their clips)."""
    null = text_conditioning.null_text(text), jnp.broadcast_to(jnp.arange(text.shape[1]) == 0, mask.shape)
    run = functools.partial(model.apply, params, method="encode_text")
    # Without guidance the null text is not computed at all.
    encoded = tuple(run(*texts) for texts in ((text, mask), null)[: 1 + guided])
    return encoded, text_alignment.expected_length(encoded[0])


def _draw_noise(keys, length: int, dim: int):
    """Draws noise [B, length, dim], each row with its own key: a clip's noise is the same in any batch."""
    return jax.vmap(lambda key: jax.random.normal(key, (length, dim)))(keys)


def _integrate_flow(
    model, params, texts, mask, state: FlowState, until, numbers, program: FlowProgram
) -> FlowState:
    """Takes steps of equal size from noise to latents until there were `until` [].

    Args:
      model: the flow.
      params: its params.
      texts: (encoded texts, with guidance also encoded null texts).
      mask: [B, N] positions.
      state: the steps so far.
      until: [] steps.
      numbers: (steps [] from noise to latents, guidance []).
      program: see FlowProgram.
    """
    steps, guidance = numbers
    run = functools.partial(model.apply, params, method="predict_clean")
    times = [text_alignment.clip_times(mask, memory) for memory in texts]

    def guided_velocity(z, t):
        t = jnp.full(mask.shape, t)
        clean = [run(z, t, mask, *of) for of in zip(texts, times, strict=True)]
        # The velocity is linear in the clean latents, so that guidance of one is guidance of the other.
        mixed = clean[-1] + guidance * (clean[0] - clean[-1]) if program.guided else clean[0]
        return flow_transformer.compute_velocity(z, mixed, t)

    def take_step(k, state: FlowState) -> FlowState:
        z, t, h = state.z, k / steps, 1 / steps
        velocity = guided_velocity(z, t)
        if program.solver == "midpoint":
            velocity = guided_velocity(z + h / 2 * velocity, t + h / 2)
        return FlowState(k + 1, z + h * velocity)

    return jax.lax.fori_loop(state.step, until, take_step, state)


ENCODE = KeptProgram(
    "encode_flow_texts", jax.jit(_encode_texts, static_argnums=(0, 4)), (0, 4), trees=(EncodedText,)
)
DRAW_NOISE = KeptProgram("draw_noise", jax.jit(_draw_noise, static_argnums=(1, 2)), (1, 2))
INTEGRATE = KeptProgram(
    "integrate_flow", jax.jit(_integrate_flow, static_argnums=(0, 7)), (0, 7), trees=(FlowState,)
)
TO_LATENTS = KeptProgram("from_latent_space", jax.jit(latent_space.from_latent_space))
