"""A task small enough to test the engine with: regression with dropout and an EMA of its activations.

Run as a script it is signjax.main with this task: python tests/helpers/engine_toy.py
--config=tests/helpers/engine_toy.py
"""

import sys
import time

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from signjax.tasks import registry
from signjax.training.task import Task

HOOKS = {"batch": lambda number: None, "evals": lambda number: None, "finish": lambda evals: {}}


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        x = nn.gelu(nn.Dense(16)(x))
        center = self.variable("codebook", "center", jnp.zeros, (16,))
        if train and not self.is_initializing():
            center.value = 0.9 * center.value + 0.1 * x.mean(0)
        x = nn.Dropout(0.2, deterministic=not train)(x - center.value)
        return nn.Dense(1)(x)


def batch_of(number, rows, bad=False):
    rng = np.random.default_rng(number)
    x = rng.normal(size=(rows, 8)).astype(np.float32)
    y = np.sin(x[:, :1] * 2) + (np.nan if bad else 0)
    return {"x": x, "y": y.astype(np.float32), "weight": np.ones(rows, np.float32)}


def share(batch):
    """This host's part of a batch."""
    return {name: np.split(x, jax.process_count())[jax.process_index()] for name, x in batch.items()}


def make_toy_task(config, workdir):
    net = Net()

    def loss(variables, batch, rng, step):
        y, new = net.apply(variables, batch["x"], train=True, mutable=["codebook"], rngs={"dropout": rng})
        error = ((y - batch["y"]) ** 2).mean()
        return error, ({"draw": jax.random.uniform(rng)}, new)

    def evaluate(variables, batch):
        error = ((net.apply(variables, batch["x"]) - batch["y"]) ** 2)[:, 0]
        return {"error": (jnp.sum(error * batch["weight"]), jnp.sum(batch["weight"]))}

    def batches(start):
        number = start
        while True:
            time.sleep(config.nap)
            HOOKS["batch"](number)
            yield share(batch_of(number, config.batch_size, number in range(*config.bad)))
            number += 1

    def evals():
        for number in range(2):
            HOOKS["evals"](number)
            batch = batch_of(10_000 + number, 16)
            batch["weight"][12:] = 0
            yield share(batch)

    def finish(variables, evals):
        weight = float(variables["params"]["Dense_0"]["kernel"][0, 0])
        return {"root": evals["error"] ** 0.5, "weight": weight, **HOOKS["finish"](evals)}

    def init(rng, batch):
        return net.init(rng, batch["x"])

    return Task(init, loss, evaluate, batches, evals, finish)


def get_config(variant=""):
    c = ml_collections.ConfigDict()
    c.task, c.seed, c.batch_size, c.num_steps = "toy", 0, 16, 12
    c.log_every, c.eval_every, c.save_every, c.best = 2, 4, 5, "error"
    c.nap, c.bad = 0.0, (0, 0)  # seconds before each batch; batches from and until where targets are NaN
    c.optim = ml_collections.ConfigDict()
    c.optim.lr, c.optim.warmup, c.optim.schedule = 1e-2, 3, "cosine"
    c.optim.weight_decay, c.optim.clip, c.optim.b2, c.optim.ema = 0.01, 1.0, 0.99, 0.9
    c.mesh = ml_collections.ConfigDict({"shape": (-1,), "axes": ("data",)})
    c.sharding = ((r"(params|mu|nu|ema)/Dense_0/kernel", (None, "data")),) if variant == "fsdp" else ()
    return c


def install():
    """Makes "toy" the name of a task."""
    registry.FAMILIES["toy"] = make_toy_task


if __name__ == "__main__":
    from signjax import main

    install()
    jax.config.update("jax_platforms", "cpu")
    sys.exit(main.main())
