"""Text to planar latents by flow matching. Train: python -m signjax.main --config=configs/flow2d.py

It needs a trained planar auto-encoder (configs/ae2d.py): runs/ae2d, or the run of
--config.autoencoder=DIR.
Own data: --config.data.root=datasets --config.data.name=how2sign
"""

import ml_collections

from signjax.configs import common


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    common.parse_variants("flow2d", variant)
    c = common.make_config("flow")
    common.set_flow(c, "runs/ae2d", fold=4, versions=8)
    optim = common.make_text_optimizer()
    common.set_run(c, num_steps=2600, eval_every=650, best="score", optim=optim)
    return c
