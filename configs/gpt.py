"""Text to motion tokens (stage 2). Train: python -m signjax.main --config=configs/gpt.py

It needs a trained tokenizer: runs/vqvae, or the run of --config.tokenizer=DIR.
Variants:
  seed   the original project's GPT, as a point of reference: it uses BERT, and needs runs/vqvae-seed
  large  60 million parameters in bfloat16 and 64 k tokens in a step, for large data on a GPU or TPU
  quick  a short run for the quickstart
  fsdp   the state divided among all devices, see docs/distributed.md
  tensor the work of each block divided between 2 devices, see docs/distributed.md
Own data: --config.data.root=datasets --config.data.name=how2sign
"""

import ml_collections

from signjax.configs import common

VARIANTS = ("seed", "large", "quick", *common.DEVICES)


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    variants = common.parse_variants("gpt", variant, VARIANTS)
    c = common.make_config("gpt")
    c.tokenizer = "runs/vqvae"
    common.set_text_rows(c, batch_tokens=512)
    c.model = common.make_transformer(depth=3, dropout=0.15)
    common.set_token_corruption(c)
    c.end_weight = 0.5
    c.sampler = {"temperature": 0.3, "top_k": 0, "top_p": 0.9, "guidance": 1.5, "max_tokens": 176}

    optim = common.make_text_optimizer()
    common.set_run(c, num_steps=6500, eval_every=1300, best="score", optim=optim, variants=variants)
    if "large" in variants:
        c.model.update({"width": 768, "depth": 8, "text_depth": 4, "heads": 12, "mlp": 3072})
        c.model.update({"dropout": 0.1, "dtype": "bfloat16"})
        c.batch_tokens = 65_536
        c.optim.lr = 4e-4
        c.optim.warmup = 1000
        c.num_steps = 50_000
        c.save_every = c.eval_every = 2000
    if "seed" in variants:
        _use_seed_model(c)
    if "quick" in variants:
        c.tokenizer = "runs/vqvae-quick"
        c.versions = 4
        c.model.dropout = 0.1
        c.num_steps = 1500
        c.eval_every = 750
    return c


def _use_seed_model(c):
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
