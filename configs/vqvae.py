"""The motion tokenizer (stage 1). Train: python -m signjax.main --config=configs/vqvae.py

Variants, joined by commas as in configs/vqvae.py:fsq,whole:
  rvq    residual VQ, the default: for 4 frames a code for each arm and two for each hand, of 512 entries
  vq     plain VQ, one code for each stream
  fsq    finite scalar quantization instead of codebooks
  kl     a continuous bottleneck of 64 numbers (VAE), for configs/flow.py
  whole  one stream of six codes instead of arms and hands
  face   also the face, with codes of its own; for data with faces
  seed   the original project's transformer with one code of 512, as a point of reference
  quick  a short run for the quickstart
  fsdp   the state divided among all devices, see docs/distributed.md
  tensor the work of each block divided between 2 devices, see docs/distributed.md
Own data: --config.data.root=datasets --config.data.name=how2sign
"""

import ml_collections

from signjax.configs import common

VARIANTS = ("rvq", "vq", "fsq", "kl", "parts", "whole", "face", "seed", "quick", *common.DEVICES)


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    variants = common.parse_variants("vqvae", variant, VARIANTS)
    c = common.make_config("vqvae")
    c.window = 64  # frames
    c.batch_size = 32
    c.eval_batch_size = 16
    c.augment = common.AUGMENT

    c.layout = "whole" if {"whole", "seed"} & set(variants) else "parts"
    c.model = {"kind": "conv", "size": {"stride": 4, "width": 192, "depth": 2}}
    c.model.size.dtype = "float32"  # or "bfloat16", for GPUs and TPUs; latents and codebooks stay float32
    c.quantizer = {
        "kind": next(
            (name for name in variants if name in ("vq", "fsq", "kl")), "vq" if "seed" in variants else "rvq"
        ),
        "levels": {"arm": 1, "hand": 2, "whole": 6},
        "codes": 512,
        "dim": 32,
        "decay": 0.99,
        "commitment": 0.25,
        "dropout": 0.0,
        "revive": 0.4,
        "steps": (8, 8, 8),  # of fsq, 512 codes too
        "kl": 5e-5,
    }
    if c.quantizer.kind == "vq":
        c.quantizer.levels = {"arm": 1, "hand": 1, "whole": 1}
    if c.quantizer.kind == "kl":
        c.quantizer.levels = {"arm": 12, "hand": 20, "whole": 64}
        if c.layout == "whole":
            c.quantizer.kl = 1.5e-5  # a latent of 64 numbers instead of 20 holds more, each number less
    c.loss = {"joints": 1.0, "body": 0.5, "hands": 1.0, "velocity": 0.5, "bones": 0.1}

    optim = common.make_optimizer(1e-3)
    common.set_run(c, num_steps=2400, eval_every=800, best="mpjpe", optim=optim, variants=variants)
    if "face" in variants:
        _add_face(c)
    if "seed" in variants:
        _use_seed_model(c)
    if "quick" in variants:
        c.num_steps = 1000
    return c


def _add_face(c):
    c.layout += "+face"
    sides = 1 if c.layout == "whole+face" else 2
    c.quantizer.levels.face = {"vq": 1, "kl": 16 // sides}.get(c.quantizer.kind, 2 // sides)
    c.loss.face = 1.0


def _use_seed_model(c):
    c.model.kind = "seed"
    c.model.size.update({"width": 256, "depth": 4, "heads": 4, "mlp": 1024})
    c.model.size.original = False  # True for the original project's weights, see signjax.tools.from_seed
    c.quantizer.levels = {"arm": 0, "hand": 0, "whole": 1}
    c.quantizer.dim = 256
    c.quantizer.commitment = 1.0
    c.quantizer.decay = 0.95
    c.optim.lr = 3e-4
