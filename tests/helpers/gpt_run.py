"""Tiny runs with the real engine: a demo set of a few clips, models trained on it for some steps."""

import importlib.util

from paths import ROOT

from signjax import demo
from signjax.tasks.registry import make_task
from signjax.training import loop

MESH = {"mesh.shape": (1,)}
TOKENIZER = {
    "num_steps": 5,
    "window": 32,
    "batch_size": 8,
    "eval_batch_size": 4,
    "model.size.width": 16,
    "model.size.depth": 1,
    "layout": "whole",
    "quantizer.levels.whole": 2,
    "quantizer.codes": 16,
    "quantizer.dim": 8,
}
GPT = {
    "num_steps": 10,
    "log_every": 1,
    "eval_every": 5,
    "save_every": 5,
    "batch_tokens": 256,
    "eval_batch_size": 2,
    "versions": 2,
    "tempo": 0.0,
    "text.min_count": 2,
    "model.width": 32,
    "model.depth": 1,
    "model.text_depth": 1,
    "model.heads": 2,
    "model.mlp": 64,
    "model.dropout": 0.0,
    "sampler.max_tokens": 12,
    "optim.lr": 1e-2,
    "optim.warmup": 2,
}
LATENTS = TOKENIZER | {"quantizer.kind": "kl", "quantizer.levels.whole": 8, "log_every": 1}
PLANAR = {
    "num_steps": 8,
    "log_every": 1,
    "eval_every": 8,
    "save_every": 8,
    "window": 16,
    "batch_size": 8,
    "eval_batch_size": 4,
    "model.width": 16,
    "model.depth": 1,
    "model.lift": 1,
    "model.dim": 12,
    "optim.warmup": 1,
    "optim.schedule": "constant",
    "optim.lr": 3e-3,
}
FLOW = {name: value for name, value in GPT.items() if name != "tempo"} | {
    "log_every": 1,
    "optim.lr": 5e-3,
    "sampler.steps": 2,
}


def get_config(name, **changes):
    """configs/<name>.py, as "vqvae:kl", with changes, {"model.width": 32}."""
    name, _, variant = name.partition(":")
    spec = importlib.util.spec_from_file_location(f"{name}_config", ROOT / f"configs/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    c = module.get_config(variant)
    c.update_from_flattened_dict(MESH | changes)
    return c


def write(root):
    """Makes root/datasets/demo and trains root/runs/vqvae; two codes a token, to compile little."""
    demo.write_dataset(root / "datasets", sizes=(12, 4, 1))
    data = {"data.root": str(root / "datasets")}
    assert loop.train(get_config("vqvae", **data, **TOKENIZER), root / "runs/vqvae", make_task).finished


def gpt_config(root, name="gpt", **changes):
    data = {"data.root": str(root / "datasets"), "tokenizer": str(root / "runs/vqvae")}
    return get_config(name, **data, **GPT, **changes)
