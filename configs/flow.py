"""Text to latents by flow matching. Train: python -m signjax.main --config=configs/flow.py

It needs a trained continuous tokenizer (configs/vqvae.py:kl), runs/vqvae-kl unless
--config.autoencoder=DIR says otherwise.
Variants:
  whole  over one stream for the whole body (configs/vqvae.py:kl,whole)
Own data: --config.data.root=datasets --config.data.name=how2sign
"""

import ml_collections

from signjax.errors import ConfigError


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    if variant not in ("", "whole"):
        raise ConfigError(f"configs/flow.py has no variant {variant!r}; it has: whole")
    c = ml_collections.ConfigDict()
    c.task = "flow"
    c.seed = 0
    c.data = {"root": "datasets", "name": "demo"}
    c.autoencoder = "runs/vqvae-kl-whole" if variant else "runs/vqvae-kl"
    c.fold = 1  # latents a position
    c.text = {"min_count": 8, "encoder": ""}  # rarer words are spelled, unless a pretrained encoder reads
    c.versions = 16  # encodings of each clip, of different phase and tempo
    c.tempo = 0.1  # largest logarithm of their tempo
    c.batch_tokens = 1024  # positions of a step, in rows packed with whole clips
    c.eval_batch_size = 8

    c.model = {
        "width": 192,
        "depth": 4,
        "text_depth": 2,
        "heads": 4,
        "mlp": 768,
        "dropout": 0.1,
        "dtype": "float32",  # or "bfloat16", twice as fast on GPU and TPU; parameters stay float32
        "remat": False,  # True: less memory for a third more work
    }
    c.text_dropout = 0.1
    c.length_weight = 1.0
    c.sampler = {"steps": 10, "solver": "midpoint", "guidance": 1.5, "max_tokens": 176}

    c.num_steps = 2450
    c.log_every = 100
    c.eval_every = 700
    c.save_every = 500
    c.best = "score"
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
