"""Bad batches in the training of each model (soak)."""

import json

import gpt_run
import jax
import jax.numpy as jnp
import pytest
from engine_helpers import plain

from signjax.tasks.registry import make_task
from signjax.training import loop, sharding, train_step

pytestmark = pytest.mark.soak
FAMILIES = ("vqvae", "gpt", "flow")


def trainer(family, tiny_families, workdir, poison):
    """(state after 5 steps, function that takes another); the loss is multiplied by poison(step)."""
    c = gpt_run.get_config(family, **tiny_families[family])
    task, mesh = make_task(c, workdir), sharding.make_mesh(c.mesh)

    def loss(variables, batch, rng, number):
        total, rest = task.loss(variables, batch, rng, number)
        return total * poison(number), rest

    batches = (sharding.make_global_batch(batch, mesh) for batch in task.batches(0))
    first = next(batches)
    init, one_step, *_ = train_step.compile_steps(c, task._replace(loss=loss), mesh, first)
    state = init(jax.random.key(0), first)
    for _ in range(5):
        state, _ = one_step(state, next(batches))
    return state, lambda state: one_step(state, next(batches))[0]


@pytest.mark.parametrize("factor", [jnp.nan, jnp.inf, 100.0])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_bad_batch_changes_no_bit(family, factor, tiny_families, tmp_path, promise):
    state, one_step = trainer(family, tiny_families, tmp_path, lambda n: jnp.where(n == 5, factor, 1.0))
    before = plain(state)
    state = one_step(state)
    after = plain(state)
    changed = {name for name in after if after[name].tobytes() != before[name].tobytes()}
    assert after["skipped"].tolist() == [1, 1]
    what = f"{family}: arrays changed by a batch with {factor:g} times the loss"
    promise(what, len(changed - {"step", "skipped", "usual"}), most=0)
    assert one_step(state).skipped.tolist() == [0, 1]


@pytest.mark.parametrize("family", FAMILIES)
def test_ordinary_training_leaves_nothing_out(family, tiny_families, tmp_path, promise):
    c = gpt_run.get_config(family, **tiny_families[family] | {"num_steps": 300, "eval_every": 300})
    assert loop.train(c, tmp_path, make_task).finished
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    left_out = [json.loads(line).get("train/skipped", 0) for line in lines]
    promise(f"{family}: updates left out in 300 steps of ordinary training", max(left_out), most=0)
