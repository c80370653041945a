"""AdamW (arXiv 1711.05101) behind gradient clipping, its schedule, and averaged parameters."""

import jax
import jax.numpy as jnp
import optax

from signjax.errors import ConfigError, did_you_mean


def make_schedule(config, num_steps: int):
    """Builds the learning rate as a function of the number of updates done, 0-based.

    Linear warm-up that reaches `config.lr` at update number `config.warmup` (the first update is not
    wasted on a rate of 0), then down to 0 at `num_steps` along half a cosine (arXiv 1608.03983), or
    level for schedule "constant". A warm-up longer than the run never ends: short trials need no care.

    Raises:
      ConfigError: `config.schedule` is neither "cosine" nor "constant".
    """
    lr, warmup = config.lr, config.warmup
    if config.schedule not in ("cosine", "constant"):
        known = did_you_mean(config.schedule, ("cosine", "constant"), 'it can be "cosine" or "constant"')
        raise ConfigError(f"optim.schedule is {config.schedule!r}{known}")

    def schedule(step):
        rise = jnp.minimum(1.0, (step + 1) / max(warmup, 1))
        if config.schedule == "constant":
            return lr * rise
        done = jnp.clip((step - warmup) / max(num_steps - warmup, 1), 0.0, 1.0)
        return lr * rise * 0.5 * (1.0 + jnp.cos(jnp.pi * done))

    return schedule


def make_optimizer(config, num_steps: int) -> optax.GradientTransformation:
    """AdamW with `lr`, `warmup`, `schedule`, `b2`, `weight_decay` and `clip` (global norm, 0 for none).

    Weight decay reaches kernels only (two dimensions or more), not biases or gains.
    """
    adamw = optax.adamw(
        make_schedule(config, num_steps), b2=config.b2, weight_decay=config.weight_decay, mask=make_decay_mask
    )
    return optax.chain(optax.clip_by_global_norm(config.clip), adamw) if config.clip else adamw


def make_decay_mask(params):
    """Tells for each parameter whether weight decay applies: a tree of bool like `params`."""

    def kernel(path, leaf):
        name = jax.tree_util.keystr(path)  # layers that are alike have one array of all their gains
        return leaf.ndim >= 2 and not name.endswith("bias']") and not name.endswith("scale']")

    return jax.tree_util.tree_map_with_path(kernel, params)


def average_params(ema, params, step, decay: float):
    """Moves the averaged parameters towards `params` after update number `step` (0-based).

    The decay grows as (1 + step) / (10 + step) up to `decay`, so the random start is soon forgotten.
    """
    rate = 1.0 - jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return jax.tree.map(lambda a, p: a + (rate * (p - a)).astype(a.dtype), ema, params)
