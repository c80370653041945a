"""Pose to text, to judge generated clips. Train: python -m signjax.main --config=configs/backtranslate.py

Own data: --config.data.root=datasets --config.data.name=how2sign
"""

import ml_collections

from signjax.configs import common


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    common.parse_variants("backtranslate", variant)
    c = common.make_config("backtranslate")
    c.text = common.make_text()
    c.batch_frames = 2048  # of a step, in rows of joined clips
    c.eval_batch_size = 16
    c.augment = {
        "joins": 0.8,  # chance that another clip follows
        "tempo": 0.15,  # largest logarithm
        "signer": common.AUGMENT,
    }
    # Largest values; see signjax.tasks.backtranslate.degrade_poses.
    c.soften = {"smooth": 3, "noise": 0.01, "drift": 0.06}

    c.model = {
        "width": 192,
        "convolutions": 2,
        "depth": 2,
        "text_depth": 2,
        "heads": 4,
        "mlp": 512,
        "dropout": 0.1,
    }
    c.ctc_weight = 0.5  # of its loss
    c.ctc_share = 0.3  # in choosing a token; 0 leaves it to the decoder
    c.corrupt = 0.15  # mean share of the text shown wrongly
    c.smooth = 0.1  # of the labels

    optim = common.make_text_optimizer()
    common.set_run(c, num_steps=2000, eval_every=500, best="wer", optim=optim)
    return c
