"""The encoder behind the Fréchet gesture distance: python -m signjax.main --config=configs/motion_encoder.py

Then python -m signjax.tools.motion_encoder runs/motion_encoder writes it where the metrics look for it. The
encoder that comes with signjax was made in this way, from the demo set. Windows are those of the metric
(signjax.metrics.frechet).
"""

import ml_collections

from signjax.configs import common


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    common.parse_variants("motion_encoder", variant)
    c = common.make_config("motion_encoder")
    c.batch_size = 64
    c.eval_batch_size = 64
    c.augment = common.AUGMENT
    # Other motion than the data have, so that features tell it from theirs; see `disturb` of the task.
    c.disturb = {"tempo": 1.5, "noise": 0.05, "smooth": 4.0}

    c.model = {"stride": 4, "width": 80, "depth": 2, "features": 32, "noise": 0.1}
    c.loss = {"joints": 1.0, "body": 0.5, "hands": 2.0, "velocity": 0.5, "bones": 0.1, "energy": 0.5}

    optim = common.make_optimizer(2e-3, ema=0.0)  # averaged params would not fit the features' statistics
    every = {"log_every": 200, "eval_every": 1000, "save_every": 1000}
    common.set_run(c, num_steps=4000, best="mpjpe", optim=optim, **every)
    return c
