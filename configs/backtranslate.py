"""Pose to text, to judge generated clips. Train: python -m signjax.main --config=configs/backtranslate.py

Own data: --config.data.root=datasets --config.data.name=how2sign
"""

import ml_collections

from signjax.errors import ConfigError


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    if variant:
        raise ConfigError(f"configs/backtranslate.py has no variants; {variant!r} was given")
    c = ml_collections.ConfigDict()
    c.task = "backtranslate"
    c.seed = 0
    c.data = {"root": "datasets", "name": "demo"}
    c.text = {"min_count": 8}  # rarer words are spelled
    c.batch_frames = 2048  # of a step, in rows of joined clips
    c.eval_batch_size = 16
    c.augment = {
        "joins": 0.8,  # chance that another clip follows
        "tempo": 0.15,  # largest logarithm
        "signer": {"mirror": 0.5, "turn": 0.15, "size": 0.06},
    }
    c.soften = {"smooth": 3, "noise": 0.01, "drift": 0.06}  # at most; see signjax.tasks.backtranslate.soften

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

    c.num_steps = 2000
    c.log_every = 100
    c.eval_every = 500
    c.save_every = 500
    c.best = "wer"
    c.optim = {
        "lr": 1.5e-3,
        "warmup": 100,
        "weight_decay": 0.05,
        "clip": 1.0,
        "b2": 0.98,
        "schedule": "cosine",
        "ema": 0.998,
    }
    c.mesh = {"shape": (-1,), "axes": ("data",)}
    c.sharding = ()
    return c
