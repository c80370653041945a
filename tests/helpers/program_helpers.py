"""What tests of compiled programs share: training steps of any size, lowered without a state in memory."""

import flax.linen as nn
import jax
from gpt_run import get_config

from signjax.tasks.registry import make_task
from signjax.training import sharding
from signjax.training.train_step import compile_steps


def counted(lowered) -> float:
    """XLA's own count of a program's operations; what a loop holds is counted once, see `unroll`."""
    return lowered.cost_analysis()["flops"]


def unroll(monkeypatch) -> None:
    """Writes every layer out, where programs have a loop over layers."""
    scan = nn.scan
    monkeypatch.setattr(nn, "scan", lambda *args, **options: scan(*args, **options | {"unroll": 1000}))


def lower(c, workdir):
    """The training step of a config's task: (lowered, its state's shapes, a batch)."""
    task, mesh = make_task(c, workdir), sharding.make_mesh(c.mesh)
    batch = next(iter(task.batches(0)))
    _, step, _, abstract = compile_steps(c, task, mesh, sharding.make_global_batch(batch, mesh))
    return step.lower(abstract, batch), abstract, batch


def size(tree) -> int:
    """Bytes of a tree of arrays or their shapes."""
    return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(tree) if not _key(x))


def _key(x) -> bool:
    return jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key)


def families(root) -> dict:
    """{name: config} of the tokenizer and of each generator of tokens, on the tiny runs of a folder."""
    data = {"data.root": str(root / "datasets")}
    needs = data | {"tokenizer": str(root / "runs/vqvae"), "versions": 1}
    return {
        "vqvae": get_config("vqvae", **data, layout="whole"),
        "gpt": get_config("gpt", **needs),
        "masked": get_config("masked", **needs),
    }
