"""The training step of all tasks: a pure function of the state and the batch.

Model families differ in the functions of their task only: in the loss, in collections that are updated
without gradients, such as codebooks of moving averages, and in their use of random numbers.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import struct

from signjax.training import optimizer, sharding
from signjax.training.random_key import make_key
from signjax.training.task import Task

# A gradient so many times as long as recent ones is left out. In ordinary runs none was 3 times as long.
SPIKE = 10.0


@struct.dataclass
class TrainState:
    """Everything that a step reads and writes, and that a checkpoint contains."""

    # The names of the fields are those of checkpoints on disk.
    step: jax.Array  # [] int32, number of batches consumed
    skipped: jax.Array  # [2] int32, updates left out: in a row until now, and in total
    usual: jax.Array  # [] running mean of the gradient's norm, 0 before the first step
    params: Any
    extra: dict  # collections beside params, e.g. codebooks of moving averages
    opt_state: Any
    ema: Any  # averaged params, {} if they are not averaged
    rng: jax.Array  # [] key; that of a step is fold_in(rng, step)


def init_state(rng, batch, *, task: Task, tx, decay: float) -> TrainState:
    """The state before the first step.

    Args:
      rng: a key.
      batch: a global batch.
      task: of the run.
      tx: the optimizer.
      decay: of the averaged parameters; with 0 there are none.
    """
    init_rng, rng = jax.random.split(rng)
    extra = dict(task.init(init_rng, batch))
    params = extra.pop("params")
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        skipped=jnp.zeros(2, jnp.int32),
        usual=jnp.zeros(()),
        params=params,
        extra=extra,
        opt_state=tx.init(params),
        # Copied, as the step donates its state: one buffer cannot be donated twice.
        ema=jax.tree.map(jnp.copy, params) if decay else {},
        rng=rng,
    )


def train_step(state: TrainState, batch, *, task: Task, tx, decay: float):
    """Makes one update, or leaves it out.

    If the loss, the gradient or a collection is not finite, only `step` and `skipped` change. If the norm of
    the gradient is more than SPIKE times the mean of recent ones, that mean changes as well.

    Args:
      state: before the step.
      batch: a global batch.
      task: of the run.
      tx: the optimizer.
      decay: of the averaged parameters; with 0 there are none.

    Returns:
      (state, metrics {name: []}).
    """
    # Of the step number, so that a resumed run draws the same numbers.
    rng = jax.random.fold_in(state.rng, state.step)

    def loss_fn(params):
        return task.loss({"params": params, **state.extra}, batch, rng, state.step)

    (loss, (metrics, collections)), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    norm = optax.tree.norm(grads)
    finite = _is_finite((loss, norm, collections))
    grad_norm_ema = jnp.where(state.usual > 0, state.usual, norm)
    # Clipping would shorten a spike, but its batch would still enter the optimizer's moments and codebooks.
    ok = finite & (norm <= SPIKE * grad_norm_ema)
    # A mean of about 50 steps. A spike counts as the longest that is allowed: if gradients stay that long,
    # they are accepted after some steps.
    share = 1 / jnp.minimum(state.step + 1, 50)
    change = jnp.minimum(norm, SPIKE * grad_norm_ema) - grad_norm_ema
    grad_norm_ema = jnp.where(finite, grad_norm_ema + share * change, state.usual)
    keep_if_ok = functools.partial(jax.tree.map, functools.partial(jnp.where, ok))
    updates, opt_state = tx.update(grads, state.opt_state, state.params, ok=ok)
    # Each from the one before, with the choice made: from both choices, see signjax.training.optimizer.
    params = keep_if_ok(optax.apply_updates(state.params, updates), state.params)
    ema = state.ema
    if decay:
        ema = keep_if_ok(optimizer.average_params(ema, params, state.step, decay), ema)
    extra = keep_if_ok({**state.extra, **collections}, state.extra)
    state = state.replace(params=params, extra=extra, opt_state=opt_state, ema=ema)
    skipped_in_row, skipped_updates = state.skipped
    skipped = jnp.where(
        ok,
        jnp.stack([0, skipped_updates]),
        jnp.stack([skipped_in_row + 1, skipped_updates + 1]),
    )
    state = state.replace(step=state.step + 1, skipped=skipped, usual=grad_norm_ema)
    return state, {"loss": loss, "grad": norm, **metrics, "skipped": skipped}


def _is_finite(tree):
    """Whether every number of a tree is finite: [] bool."""
    floats = [x for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.inexact)]
    return functools.reduce(jnp.logical_and, [jnp.isfinite(x).all() for x in floats])


def get_inference_variables(state: TrainState) -> dict:
    """The variables for evaluation and inference: averaged params if there are any, and the collections."""
    return {"params": state.ema or state.params, **state.extra}


def compile_steps(config, task: Task, mesh, batch):
    """Jits the initialisation, the training step and the evaluation for a mesh.

    Args:
      config: of the run.
      task: of the run.
      mesh: the devices.
      batch: a global batch; only its shapes are used.

    Returns:
      (init, step, evaluate, abstract). init(key, batch) gives a state with the shardings of
      `config.sharding`. step(state, batch) gives (state, metrics) and donates its state. evaluate is that of
      the task. abstract is the state as a tree of ShapeDtypeStruct with shardings.
    """
    tx = optimizer.make_optimizer(config.optim, config.num_steps)
    parts = {"task": task, "tx": tx, "decay": config.optim.ema}
    init = functools.partial(init_state, **parts)
    shapes = jax.eval_shape(init, make_key(config.seed), batch)
    shardings = sharding.choose_shardings(shapes, mesh, config.sharding)
    replicated, gathered = sharding.make_replicated_sharding(mesh), sharding.drop_fsdp_axis(shardings.params)

    def compute_loss(variables, *rest):
        params = variables["params"]
        # Parameters divided along "fsdp" are gathered here, before the loss. The gradients go back through
        # both constraints: they are summed, then divided.
        for layout in (shardings.params, gathered):
            params = jax.lax.with_sharding_constraint(params, layout)
        return task.loss({**variables, "params": params}, *rest)

    step = functools.partial(train_step, **parts | {"task": task._replace(loss=compute_loss)})
    # Donated, so that the old state does not take memory beside the new one.
    step = jax.jit(step, donate_argnums=0, out_shardings=(shardings, replicated))
    abstract = jax.tree.map(
        lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), shapes, shardings
    )
    evaluate = jax.jit(task.evaluate, out_shardings=replicated)
    return jax.jit(init, out_shardings=shardings), step, evaluate, abstract


def run_evaluation(task: Task, evaluate, mesh, variables, stopping=lambda: False) -> dict[str, float] | None:
    """Evaluates on all evaluation batches of a task: {name: mean}, and what `task.finish` adds.

    Args:
      task: of the run.
      evaluate: compiled by `compile_steps`.
      mesh: the devices.
      variables: with any shardings.
      stopping: called before each batch; if it returns True, the evaluation ends and there is no result.
    """
    # A whole copy on every device, as in `task.finish` each host runs models by itself.
    sums, variables = {}, jax.device_put(variables, sharding.make_replicated_sharding(mesh))
    for batch in task.eval_batches():
        if stopping():
            return None
        results = jax.device_get(evaluate(variables, sharding.make_global_batch(batch, mesh)))
        for name, pair in results.items():
            # float64 on the host: a sum over a large dev split would lose digits in float32.
            sums[name] = sums.get(name, 0.0) + np.array(pair, np.float64)
    evals = {name: float(total / count) if count else math.nan for name, (total, count) in sums.items()}
    return evals | (task.finish(variables, evals) if task.finish else {})
