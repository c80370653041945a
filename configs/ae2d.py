"""The planar auto-encoder: python -m signjax.main --config=configs/ae2d.py

It encodes x and y of each frame as one latent of 64 numbers. The depth of 3-D data is predicted. No variants.
Own data: --config.data.root=datasets --config.data.name=how2sign
"""

import ml_collections

from signjax.configs import common


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    common.parse_variants("ae2d", variant)
    c = common.make_config("ae2d")
    c.window = 64  # frames
    c.batch_size = 32
    c.eval_batch_size = 16
    c.augment = common.AUGMENT

    c.model = {"width": 192, "depth": 2, "lift": 6, "dim": 64, "noise": 0.02, "decay": 0.99}
    c.loss = {"joints": 1.0, "body": 0.5, "hands": 1.0, "velocity": 0.5, "bones": 0.1}

    optim = common.make_optimizer(5e-4)
    common.set_run(c, num_steps=2400, eval_every=800, save_every=400, best="mpjpe", optim=optim)
    return c
