"""The encoder behind the Fréchet gesture distance: python -m signjax.main --config=configs/motion_encoder.py

Then python -m signjax.tools.motion_encoder runs/motion_encoder writes it where the metrics look for it. The
one that is shipped was made so, from the demo set. Windows are the metric's (signjax.metrics.frechet).
"""

import ml_collections

from signjax.errors import ConfigError


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    if variant:
        raise ConfigError(f"configs/motion_encoder.py has no variants, so not {variant!r} either")
    c = ml_collections.ConfigDict()
    c.task = "motion_encoder"
    c.seed = 0
    c.data = {"root": "datasets", "name": "demo"}
    c.batch_size = 64
    c.eval_batch_size = 64
    c.augment = {"mirror": 0.5, "turn": 0.15, "size": 0.06}
    # Other motion than the data have, so that features tell it from theirs; see `disturb` of the task.
    c.disturb = {"tempo": 1.5, "noise": 0.05, "smooth": 4.0}

    c.model = {"stride": 4, "width": 80, "depth": 2, "features": 32, "noise": 0.1}
    c.loss = {"joints": 1.0, "body": 0.5, "hands": 2.0, "velocity": 0.5, "bones": 0.1, "energy": 0.5}

    c.num_steps = 4000
    c.log_every = 200
    c.eval_every = 1000
    c.save_every = 1000
    c.best = "mpjpe"
    c.optim = {
        "lr": 2e-3,
        "warmup": 100,
        "weight_decay": 1e-4,
        "clip": 1.0,
        "b2": 0.99,
        "schedule": "cosine",
        "ema": 0.0,  # averaged params would not fit the features' means and variances
    }
    c.mesh = {"shape": (-1,), "axes": ("data",)}
    c.sharding = ()
    return c
