"""The motion tokenizer (stage 1). Train: python -m signjax.main --config=configs/vqvae.py

Variants, joined by commas as in configs/vqvae.py:fsq,whole:
  rvq    residual VQ, the default: one code an arm, two a hand, 512 entries each, every 4 frames
  vq     plain VQ, one code a stream
  fsq    finite scalar quantization instead of codebooks
  kl     a continuous bottleneck of 64 numbers (VAE), for configs/flow.py
  whole  one stream of six codes instead of arms and hands
  face   the face, too, with codes of its own; for data that have one
  seed   the seed's transformer with one code of 512, as a point of reference
  quick  a short run for the quickstart
  fsdp   the state in parts on all devices, see docs/distributed.md
  tensor each block's work divided between 2 devices, see docs/distributed.md
Own data: --config.data.root=datasets --config.data.name=how2sign
"""

import ml_collections

from signjax.errors import ConfigError, did_you_mean
from signjax.training import sharding

WORDS = ("rvq", "vq", "fsq", "kl", "parts", "whole", "face", "seed", "quick", "fsdp", "tensor")


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    words = [w for w in variant.split(",") if w]
    for word in words:
        if word not in WORDS:
            known = f"it has: {', '.join(WORDS)}"
            raise ConfigError(f"configs/vqvae.py has no variant {word!r}{did_you_mean(word, WORDS, known)}")
    c = ml_collections.ConfigDict()
    c.task = "vqvae"
    c.seed = 0
    c.data = {"root": "datasets", "name": "demo"}
    c.window = 64  # frames
    c.batch_size = 32
    c.eval_batch_size = 16
    c.augment = {"mirror": 0.5, "turn": 0.15, "size": 0.06}

    c.layout = "whole" if {"whole", "seed"} & set(words) else "parts"
    c.model = {"kind": "conv", "size": {"stride": 4, "width": 192, "depth": 2}}
    c.model.size.dtype = "float32"  # or "bfloat16", for GPUs and TPUs; latents and codebooks stay float32
    c.quantizer = {
        "kind": next((w for w in words if w in ("vq", "fsq", "kl")), "vq" if "seed" in words else "rvq"),
        "levels": {"arm": 1, "hand": 2, "whole": 6},
        "codes": 512,
        "dim": 32,
        "decay": 0.99,
        "commitment": 0.25,
        "dropout": 0.0,
        "revive": 0.4,
        "steps": (8, 8, 8),  # of fsq, 512 codes too
        "kl": 1e-3,
    }
    if c.quantizer.kind == "vq":
        c.quantizer.levels = {"arm": 1, "hand": 1, "whole": 1}
    if c.quantizer.kind == "kl":
        c.quantizer.levels = {"arm": 12, "hand": 20, "whole": 64}
    c.loss = {"joints": 1.0, "body": 0.5, "hands": 1.0, "velocity": 0.5, "bones": 0.1}

    c.num_steps = 2400
    c.log_every = 100
    c.eval_every = 800
    c.save_every = 500
    c.best = "mpjpe"
    c.optim = {
        "lr": 1e-3,
        "warmup": 100,
        "weight_decay": 1e-4,
        "clip": 1.0,
        "b2": 0.99,
        "schedule": "cosine",
        "ema": 0.995,
    }
    c.mesh = {"shape": (-1,), "axes": ("data",)}
    c.sharding = ()
    if {"fsdp", "tensor"} & set(words):
        c.mesh, c.sharding = sharding.placement(words)
    if "face" in words:
        _face(c)
    if "seed" in words:
        _seed(c)
    if "quick" in words:
        c.num_steps = 1000
    return c


def _face(c):
    c.layout += "+face"
    sides = 1 if c.layout == "whole+face" else 2
    c.quantizer.levels.face = {"vq": 1, "kl": 16 // sides}.get(c.quantizer.kind, 2 // sides)
    c.loss.face = 1.0


def _seed(c):
    c.model.kind = "seed"
    c.model.size.update({"width": 256, "depth": 4, "heads": 4, "mlp": 1024})
    c.model.size.original = False  # True with the seed's own weights, see signjax.tools.from_seed
    c.quantizer.levels = {"arm": 0, "hand": 0, "whole": 1}
    c.quantizer.dim = 256
    c.quantizer.commitment = 1.0
    c.quantizer.decay = 0.95
    c.optim.lr = 3e-4
