"""Text to motion tokens (stage 2). Train: python -m signjax.main --config=configs/gpt.py

It needs a trained tokenizer, runs/vqvae unless --config.tokenizer=DIR says otherwise.
Variants:
  quick  a short run for the quickstart
Own data: --config.data.root=datasets --config.data.name=how2sign
"""

import ml_collections

from signjax.errors import ConfigError

WORDS = ("quick",)


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    words = [w for w in variant.split(",") if w]
    for word in words:
        if word not in WORDS:
            raise ConfigError(f"configs/gpt.py has no variant {word!r}; it has: {', '.join(WORDS)}")
    c = ml_collections.ConfigDict()
    c.task = "gpt"
    c.seed = 0
    c.data = {"root": "datasets", "name": "demo"}
    c.tokenizer = "runs/vqvae"
    c.text = {"min_count": 8, "encoder": ""}  # rarer words are spelled, unless a pretrained encoder reads
    c.versions = 16  # encodings of each clip, of different phase and tempo
    c.tempo = 0.1  # largest logarithm of their tempo
    c.batch_tokens = 512  # positions of a step, in rows packed with whole clips
    c.eval_batch_size = 8

    c.model = {
        "width": 192,
        "depth": 3,
        "text_depth": 2,
        "heads": 4,
        "mlp": 768,
        "dropout": 0.15,
    }
    c.corrupt = 0.15
    c.smooth = 4.0  # codes over which a target is spread
    c.text_dropout = 0.1
    c.end_weight = 0.5
    c.sampler = {"temperature": 0.3, "top_k": 0, "top_p": 0.9, "guidance": 1.5, "max_tokens": 176}

    c.num_steps = 6500
    c.log_every = 100
    c.eval_every = 1300
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
    if "quick" in words:
        c.tokenizer = "runs/vqvae-quick"
        c.versions = 4
        c.model.dropout = 0.1
        c.num_steps = 1500
        c.eval_every = 750
    return c
