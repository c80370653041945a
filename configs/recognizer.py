"""Single signs to words, to judge generated signs.

Train: python -m signjax.main --config=configs/recognizer.py

It learns from recorded clips only. To judge a generator it must have learned from other recordings than the
generator: give it a data set of its own, with other sessions or signers in its training split.
Own data: --config.data.root=datasets --config.data.name=words
"""

import ml_collections

from signjax.configs import common


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    common.parse_variants("recognizer", variant)
    c = common.make_config("recognizer")
    c.window = 32  # frames that a sign is resampled to, however long it is
    c.batch_size = 64
    c.eval_batch_size = 64
    c.augment = {"mirror": 0.2, "turn": 0.15, "size": 0.08, "drop": 0.2, "garbage": 0.08}
    c.model = {"members": 3, "width": 128, "convolutions": 2, "depth": 2, "heads": 4, "mlp": 256}
    c.model.dropout = 0.3
    c.smooth = 0.1  # of the labels

    optim = common.make_optimizer(2e-3, weight_decay=0.05, b2=0.98, ema=0.99)
    common.set_run(c, num_steps=600, eval_every=300, best="loss", optim=optim)
    return c
