"""Text to latents by flow matching. Train: python -m signjax.main --config=configs/flow.py

It needs a trained continuous tokenizer (configs/vqvae.py:kl): runs/vqvae-kl, or the run of
--config.autoencoder=DIR.
Variants:
  whole  latents of one stream for the whole body (configs/vqvae.py:kl,whole)
Own data: --config.data.root=datasets --config.data.name=how2sign
"""

import ml_collections

from signjax.configs import common


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    whole = common.parse_variants("flow", variant, ("whole",))
    c = common.make_config("flow")
    common.set_flow(c, "runs/vqvae-kl-whole" if whole else "runs/vqvae-kl", fold=1, versions=16)
    optim = common.make_text_optimizer()
    common.set_run(c, num_steps=2450, eval_every=700, best="score", optim=optim)
    return c
