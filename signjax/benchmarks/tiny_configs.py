"""Configs of any model family made tiny, so that training takes seconds."""

import operator

from signjax.training.configs import get_config

TINY = {  # fields of any config that has them
    "num_steps": 2,
    "log_every": 2,
    "eval_every": 2,
    "save_every": 2,
    "window": 32,
    "batch_size": 8,
    "batch_tokens": 256,
    "batch_frames": 512,
    "eval_batch_size": 4,
    "versions": 2,
    "text.min_count": 2,
    "layout": "whole",
    "quantizer.levels.whole": 2,
    "quantizer.codes": 16,
    "model.size.width": 16,
    "model.size.depth": 1,
    "model.width": 16,
    "model.depth": 1,
    "model.text_depth": 1,
    "model.heads": 2,
    "model.mlp": 32,
    "model.dim": 12,
    "model.lift": 1,
    # So few that all clips have the same padded length: an untrained model ends them anywhere, and each new
    # length would compile a program.
    "sampler.max_tokens": 4,
    # Smoke runs go on beyond num_steps, where another schedule would have come to its end.
    "optim.schedule": "constant",
    # One device, so that a family needs the same memory on every machine.
    "mesh.shape": (1,),
}


def make_tiny_config(name: str, home: str):
    """The config of a family, "vqvae" or "vqvae:kl", made tiny, and the names of those it depends on.

    Data and runs lie in the folder `home`.
    """
    c = get_config(name)
    # Fields such as tokenizer name another run, "runs/vqvae-kl"; that run is then made tiny in `home`, too.
    runs = {field: run for field, run in c.items() if str(run).startswith("runs/")}
    run_folders = {field: f"{home}/{run}" for field, run in runs.items()}
    changes = TINY | {"data.root": f"{home}/datasets"} | run_folders
    c.update_from_flattened_dict({field: value for field, value in changes.items() if has_field(c, field)})
    return c, [run.removeprefix("runs/").replace("-", ":", 1) for run in runs.values()]


def has_field(c, field: str) -> bool:
    """Whether a config has a field, such as "model.size.width"."""
    try:
        operator.attrgetter(field)(c)
    except AttributeError:
        return False
    return True
