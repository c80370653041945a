"""The planar auto-encoder (second line, stage 1): python -m signjax.main --config=configs/ae2d.py

One latent of 64 numbers for every frame, of x and y only; the depth of 3-D data is learned. No variants.
Own data: --config.data.root=datasets --config.data.name=how2sign
"""

import ml_collections

from signjax.errors import ConfigError


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    if variant:
        raise ConfigError(f"configs/ae2d.py has no variants, so not {variant!r} either")
    c = ml_collections.ConfigDict()
    c.task = "ae2d"
    c.seed = 0
    c.data = {"root": "datasets", "name": "demo"}
    c.window = 64  # frames
    c.batch_size = 32
    c.eval_batch_size = 16
    c.augment = {"mirror": 0.5, "turn": 0.15, "size": 0.06}

    c.model = {"width": 192, "depth": 2, "lift": 6, "dim": 64, "noise": 0.02, "decay": 0.99}
    c.loss = {"joints": 1.0, "body": 0.5, "hands": 1.0, "velocity": 0.5, "bones": 0.1}

    c.num_steps = 2400
    c.log_every = 100
    c.eval_every = 800
    c.save_every = 400
    c.best = "mpjpe"
    c.optim = {
        "lr": 5e-4,
        "warmup": 100,
        "weight_decay": 1e-4,
        "clip": 1.0,
        "b2": 0.99,
        "schedule": "cosine",
        "ema": 0.995,
    }
    c.mesh = {"shape": (-1,), "axes": ("data",)}
    c.sharding = ()
    return c
