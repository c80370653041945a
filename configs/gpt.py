"""Text to motion tokens (stage 2). Train: python -m signjax.main --config=configs/gpt.py

It needs a trained tokenizer, runs/vqvae unless --config.tokenizer=DIR says otherwise.
Variants:
  seed   the seed's GPT, as a point of reference: it reads by BERT, needs runs/vqvae-seed
  large  60 million parameters in bfloat16 and 64 k tokens a step, for large data on a GPU or TPU
  quick  a short run for the quickstart
  fsdp   the state in parts on all devices, see docs/distributed.md
  tensor each block's work divided between 2 devices, see docs/distributed.md
Own data: --config.data.root=datasets --config.data.name=how2sign
"""

import ml_collections

from signjax.errors import ConfigError, did_you_mean
from signjax.training import sharding

WORDS = ("seed", "large", "quick", "fsdp", "tensor")


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    words = [w for w in variant.split(",") if w]
    for word in words:
        if word not in WORDS:
            known = f"it has: {', '.join(WORDS)}"
            raise ConfigError(f"configs/gpt.py has no variant {word!r}{did_you_mean(word, WORDS, known)}")
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
        "dtype": "float32",  # or "bfloat16", twice as fast on GPU and TPU; parameters stay float32
        "remat": False,  # True: less memory for a third more work
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
    if "large" in words:
        c.model.update({"width": 768, "depth": 8, "text_depth": 4, "heads": 12, "mlp": 3072})
        c.model.update({"dropout": 0.1, "dtype": "bfloat16"})
        c.batch_tokens = 65_536
        c.optim.lr = 4e-4
        c.optim.warmup = 1000
        c.num_steps = 50_000
        c.save_every = c.eval_every = 2000
    if "seed" in words:
        _seed(c)
    if {"fsdp", "tensor"} & set(words):
        c.mesh, c.sharding = sharding.placement(words)
    if "quick" in words:
        c.tokenizer = "runs/vqvae-quick"
        c.versions = 4
        c.model.dropout = 0.1
        c.num_steps = 1500
        c.eval_every = 750
    return c


def _seed(c):
    c.task = "seed_gpt"
    c.tokenizer = "runs/vqvae-seed"
    c.text.encoder = "bert-base-uncased"
    c.versions = 1
    c.tempo = 0.0
    del c.model["text_depth"], c.model["remat"]
    c.model.update({"width": 768, "depth": 8, "heads": 12, "mlp": 3072, "dropout": 0.1})
    c.corrupt = c.text_dropout = 0.0
    c.smooth = c.end_weight = 1.0
    c.sampler.update({"temperature": 1.0, "top_k": 20, "top_p": 1.0, "guidance": 1.0, "max_tokens": 374})
    c.optim.update({"lr": 1e-4, "weight_decay": 0.01})
