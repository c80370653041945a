"""Text to motion tokens in a few parallel passes. Train: python -m signjax.main --config=configs/masked.py

It needs a trained tokenizer: runs/vqvae, or the run of --config.tokenizer=DIR.
Own data: --config.data.root=datasets --config.data.name=how2sign
"""

import ml_collections

from signjax.configs import common


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    common.parse_variants("masked", variant)
    c = common.make_config("masked")
    c.tokenizer = "runs/vqvae"
    common.set_text_rows(c, batch_tokens=512)
    c.model = common.make_transformer(depth=3, dropout=0.15)
    common.set_token_corruption(c)
    c.length_weight = 1.0
    c.sampler = {"steps": 12, "temperature": 0.3, "guidance": 1.5, "max_tokens": 176}

    optim = common.make_text_optimizer()
    common.set_run(c, num_steps=4800, eval_every=1200, best="score", optim=optim)
    return c
