"""One generic train step for every task: a pure function of the state and the batch.

The differences between model families are the task's functions: its loss, whether a collection such
as an EMA codebook moves beside the parameters, whether randomness is used.
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
from signjax.training.task import Task

SPIKE = 10.0  # in ordinary runs no gradient was 3 times as long as usual


@struct.dataclass
class TrainState:
    """Everything a step reads and writes, and a checkpoint holds."""

    step: jax.Array  # [] int32, batches consumed
    skipped: jax.Array  # [2] int32, updates left out: in a row until now, and in all
    usual: jax.Array  # [] running mean of the gradient's norm, 0 before the first step
    params: Any
    extra: dict  # collections beside params, e.g. EMA codebooks
    opt_state: Any
    ema: Any  # averaged params, {} if not wanted
    rng: jax.Array  # [] key; a step's own is fold_in(rng, step)


def init_state(rng, batch, *, task: Task, tx, decay: float) -> TrainState:
    """The state before the first step; decay > 0 asks for averaged parameters."""
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
        ema=jax.tree.map(jnp.copy, params) if decay else {},
        rng=rng,
    )


def train_step(state: TrainState, batch, *, task: Task, tx, decay: float):
    """One update: (state, batch) -> (state, metrics {name: []}).

    With a loss, gradient or collection that is not finite everything but `step` and `skipped` keeps
    its bits. With a gradient SPIKE times as long as usual only `usual` moves besides; clipping alone would
    not keep such a batch out of the optimizer's averages and of codebooks.
    """
    rng = jax.random.fold_in(state.rng, state.step)

    def loss_fn(params):
        return task.loss({"params": params, **state.extra}, batch, rng, state.step)

    (loss, (metrics, collections)), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    norm = optax.tree.norm(grads)
    updates, opt_state = tx.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    ema = optimizer.average_params(state.ema, params, state.step, decay) if decay else {}
    moved = state.replace(params=params, extra={**state.extra, **collections}, opt_state=opt_state, ema=ema)
    finite = _is_finite((loss, norm, collections))
    usual = jnp.where(state.usual > 0, state.usual, norm)
    ok = finite & (norm <= SPIKE * usual)
    # of the last 50 steps; a spike counts as the longest allowed, so what stays long is usual in some steps
    share = 1 / jnp.minimum(state.step + 1, 50)
    usual = jnp.where(finite, usual + share * (jnp.minimum(norm, SPIKE * usual) - usual), state.usual)
    state = jax.tree.map(functools.partial(jnp.where, ok), moved, state)
    in_row, in_all = state.skipped
    skipped = jnp.where(ok, jnp.stack([0, in_all]), jnp.stack([in_row + 1, in_all + 1]))
    state = state.replace(step=state.step + 1, skipped=skipped, usual=usual)
    return state, {"loss": loss, "grad": norm, **metrics, "skipped": skipped}


def _is_finite(tree):
    """Whether every number of a tree is finite: [] bool."""
    floats = [x for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.inexact)]
    return functools.reduce(jnp.logical_and, [jnp.isfinite(x).all() for x in floats])


def get_inference_variables(state: TrainState) -> dict:
    """The variables a trained model is judged and used with: averaged params if there are any."""
    return {"params": state.ema or state.params, **state.extra}


def compile_steps(config, task: Task, mesh, batch):
    """Jits initialisation, train step and evaluation for a mesh.

    Args:
      batch: a global batch; only its shapes matter.

    Returns:
      (init, step, evaluate, abstract): init (key, batch) -> state, laid out by `config.sharding`; step
      donates its state, and gathers parameters that lie in parts along "fsdp" before the loss; abstract is
      the state's tree of ShapeDtypeStruct with shardings.
    """
    tx = optimizer.make_optimizer(config.optim, config.num_steps)
    parts = {"task": task, "tx": tx, "decay": config.optim.ema}
    init = functools.partial(init_state, **parts)
    shapes = jax.eval_shape(init, jax.random.key(config.seed), batch)
    places = sharding.choose_shardings(shapes, mesh, config.sharding)
    everywhere, used = sharding.make_replicated_sharding(mesh), sharding.drop_fsdp_axis(places.params)

    def loss(variables, *rest):
        params = variables["params"]
        for layout in (places.params, used):  # gradients come back the other way: summed, then divided
            params = jax.lax.with_sharding_constraint(params, layout)
        return task.loss({**variables, "params": params}, *rest)

    step = functools.partial(train_step, **parts | {"task": task._replace(loss=loss)})
    step = jax.jit(step, donate_argnums=0, out_shardings=(places, everywhere))
    abstract = jax.tree.map(lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), shapes, places)
    evaluate = jax.jit(task.evaluate, out_shardings=everywhere)
    return jax.jit(init, out_shardings=places), step, evaluate, abstract


def run_evaluation(task: Task, evaluate, mesh, variables, stopping=lambda: False) -> dict[str, float] | None:
    """Evaluates on all of a task's evaluation batches: {name: mean}, with what `task.finish` adds.

    Args:
      evaluate: compiled, see `compile_steps`.
      variables: of any layout. Here every device has them whole, as `task.finish` runs models on each host.
      stopping: asked before each batch; True ends the evaluation, and there is no result.
    """
    sums, variables = {}, jax.device_put(variables, sharding.make_replicated_sharding(mesh))
    for batch in task.eval_batches():
        if stopping():
            return None
        results = jax.device_get(evaluate(variables, sharding.make_global_batch(batch, mesh)))
        for name, pair in results.items():
            sums[name] = sums.get(name, 0.0) + np.array(pair, np.float64)
    evals = {name: float(total / count) if count else math.nan for name, (total, count) in sums.items()}
    return evals | (task.finish(variables, evals) if task.finish else {})
