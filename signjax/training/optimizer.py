"""AdamW (arXiv 1711.05101) with gradient clipping, its learning rate schedule, and averaged parameters."""

import jax
import jax.numpy as jnp
import optax

from signjax.errors import ConfigError, did_you_mean

# Ends of the names of parameters that multiply activations: flax's kernels, and those of
# signjax.models.token_head, which are one array for all columns.
KERNELS = ("kernel", "depth_in", "depth_out")


def make_schedule(config, num_steps: int):
    """Builds the learning rate as a function of the number of updates that are done.

    A linear warm-up reaches `config.lr` in `config.warmup` updates. Then the rate falls to 0 at `num_steps`
    along half a cosine (arXiv 1608.03983), or stays constant with the schedule "constant".

    Args:
      config: `optim` of a run's config.
      num_steps: of the run. If the warm-up is longer, the rate rises until the end.

    Raises:
      ConfigError: `config.schedule` is neither "cosine" nor "constant".
    """
    lr, warmup = config.lr, config.warmup
    if config.schedule not in ("cosine", "constant"):
        known = did_you_mean(config.schedule, ("cosine", "constant"), 'it can be "cosine" or "constant"')
        raise ConfigError(f"optim.schedule is {config.schedule!r}{known}")

    def compute_rate(step):
        # step + 1: the first update is not wasted on a rate of 0.
        rise = jnp.minimum(1.0, (step + 1) / max(warmup, 1))
        if config.schedule == "constant":
            return lr * rise
        done = jnp.clip((step - warmup) / max(num_steps - warmup, 1), 0.0, 1.0)
        return lr * rise * 0.5 * (1.0 + jnp.cos(jnp.pi * done))

    return compute_rate


def make_optimizer(config, num_steps: int) -> optax.GradientTransformationExtraArgs:
    """AdamW, behind clipping of the gradient's global norm if `config.clip` is not 0.

    Its `update` has an argument `ok`, [] bool: whether this update is made. If not, the state stays.

    Args:
      config: `optim` of a run's config: `lr`, `warmup`, `schedule`, `b2`, `weight_decay` and `clip`.
      num_steps: of the run, for the schedule.
    """
    adamw = optax.chain(
        _scale_by_adam(config.b2),
        optax.add_decayed_weights(config.weight_decay, make_decay_mask),
        _scale_by_rate(make_schedule(config, num_steps)),
    )
    clip = [optax.clip_by_global_norm(config.clip)] if config.clip else []
    # Chains in a chain: a state on disk has this shape.
    return optax.with_extra_args_support(optax.chain(*clip, adamw) if clip else adamw)


def _scale_by_adam(b2: float, b1: float = 0.9, epsilon: float = 1e-8):
    """optax.scale_by_adam whose `update` has an argument `ok`, [] bool: without it the moments stay.

    Left out after the update instead, as `jnp.where(ok, new, old)`, the new parameters would be computed from
    both, and XLA on CPUs copied all moments and parameters for that: a seventh of a training step.
    """
    adam = optax.scale_by_adam(b1, b2, epsilon)

    def update(grads, state, params=None, *, ok, **_):
        del params
        mu, nu = (
            jax.tree.map(lambda g, m: jnp.where(ok, (1 - b) * g**order + b * m, m), grads, moment)  # noqa: B023
            for b, order, moment in ((b1, 1, state.mu), (b2, 2, state.nu))
        )
        count = state.count + ok
        # Both start as zeros; the division makes up for it.
        mu_share, nu_share = 1 - b1**count, 1 - b2**count
        updates = jax.tree.map(lambda m, v: m / mu_share / (jnp.sqrt(v / nu_share) + epsilon), mu, nu)
        return updates, optax.ScaleByAdamState(count, mu, nu)

    return optax.GradientTransformationExtraArgs(adam.init, update)


def _scale_by_rate(compute_rate):
    """optax.scale_by_learning_rate whose `update` has an argument `ok`: without it no update is counted."""

    def update(updates, state, params=None, *, ok, **_):
        del params
        rate = compute_rate(state.count)
        return jax.tree.map(lambda u: -rate * u, updates), optax.ScaleByScheduleState(state.count + ok)

    return optax.GradientTransformationExtraArgs(optax.scale_by_schedule(compute_rate).init, update)


def make_decay_mask(params):
    """Whether weight decay applies to each parameter, a tree of bool like `params`: only kernels decay."""

    def is_kernel(path, leaf):
        # Dimensions alone do not tell: a stack of layers has all its biases in one array [layers, width], and
        # embeddings and one `focus` a head have two and more, too.
        return leaf.ndim >= 2 and getattr(path[-1], "key", "").endswith(KERNELS)

    return jax.tree_util.tree_map_with_path(is_kernel, params)


def average_params(ema, params, step, decay: float):
    """Updates the exponential moving average of the parameters.

    Args:
      ema: the average so far, a tree like `params`.
      params: the parameters after the update.
      step: number of the update, counted from 0.
      decay: of the average, once it is warmed up.
    """
    # The decay grows up to `decay`: with a constant one the random start would weigh for thousands of steps.
    rate = 1.0 - jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return jax.tree.map(lambda a, p: a + (rate * (p - a)).astype(a.dtype), ema, params)
