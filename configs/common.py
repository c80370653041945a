"""What several configs have in common. This file is no config itself.

A config calls `make_config` first and `set_run` last; each function adds fields or returns a group of fields.
"""

import ml_collections

from signjax.errors import ConfigError, did_you_mean
from signjax.training import sharding

DEVICES = ("fsdp", "tensor")  # variants that divide the state or the work between devices
AUGMENT = {"mirror": 0.5, "turn": 0.15, "size": 0.06}


def parse_variants(config: str, variant: str, known: tuple[str, ...] = ()) -> list[str]:
    """The variants that are joined by commas in `variant`.

    Raises:
      ConfigError: one of them is not among the known ones of this config.
    """
    names = [name for name in variant.split(",") if name]
    for name in names:
        if name not in known:
            if not known:
                raise ConfigError(f"configs/{config}.py has no variants; {variant!r} was given")
            suggestion = did_you_mean(name, known, f"it has: {', '.join(known)}")
            raise ConfigError(f"configs/{config}.py has no variant {name!r}{suggestion}")
    return names


def make_config(task: str) -> ml_collections.ConfigDict:
    """A config of a task with its seed and the demo data."""
    c = ml_collections.ConfigDict()
    c.task = task
    c.seed = 0
    c.data = {"root": "datasets", "name": "demo", "text": "sentence"}  # or "gloss"
    return c


def set_text_rows(c, *, versions: int = 16, batch_tokens: int) -> None:
    """Adds texts, and rows of training that are packed with whole clips."""
    c.data.stitched = ""  # or a data set of stitched clips, which are trained on, too
    c.text = make_text() | {"encoder": ""}  # or a pretrained one, which knows rare words, too
    c.text.conditions = ()  # or "language", "signer" of each clip, which can then be chosen in generation
    c.versions = versions  # encodings of each clip, of different phase and tempo
    c.tempo = 0.1  # largest logarithm of their tempo
    c.batch_tokens = batch_tokens  # positions of a step
    c.eval_batch_size = 8


def make_text() -> dict:
    """The fields `text` of what reads or writes words."""
    return {"kind": "auto", "case": "auto", "min_count": 8}  # rarer words are spelled


def make_transformer(*, depth: int, dropout: float) -> dict:
    """The fields `model` of what turns texts into clips."""
    return {
        "width": 192,
        "depth": depth,
        "text_depth": 2,
        "heads": 4,
        "mlp": 768,
        "dropout": dropout,
        "dtype": "float32",  # or "bfloat16", for GPU and TPU; parameters stay float32
        "remat": False,  # True: less memory for a fifth more operations
    }


def set_flow(c, autoencoder: str, *, fold: int, versions: int) -> None:
    """Adds what flows over latents have in common."""
    c.autoencoder = autoencoder
    c.fold = fold  # latents a position
    set_text_rows(c, versions=versions, batch_tokens=1024)
    c.model = make_transformer(depth=4, dropout=0.1)
    c.text_dropout = 0.1
    c.length_weight = 1.0
    c.sampler = {"steps": 10, "solver": "midpoint", "guidance": 1.5, "max_tokens": 176}


def set_token_corruption(c) -> None:
    """Adds how the training of token models differs from plain prediction."""
    c.corrupt = 0.15
    c.smooth = 4.0  # codes over which a target is spread
    c.text_dropout = 0.1


def make_optimizer(
    lr: float, *, weight_decay: float = 1e-4, b2: float = 0.99, ema: float = 0.995
) -> dict[str, float | int | str]:
    """The fields `optim`, of AdamW; the defaults are those of models of poses alone."""
    return {
        "lr": lr,
        "warmup": 100,
        "weight_decay": weight_decay,
        "clip": 1.0,
        "b2": b2,
        "schedule": "cosine",
        "ema": ema,
    }


def make_text_optimizer() -> dict[str, float | int | str]:
    """The fields `optim` of models of texts: clips are few, so more decay and a longer average."""
    return make_optimizer(1.5e-3, weight_decay=0.05, b2=0.98, ema=0.998)


def set_run(
    c,
    *,
    num_steps: int,
    eval_every: int,
    best: str,
    optim: dict,
    log_every: int = 100,
    save_every: int = 500,
    variants: list[str] | tuple[str, ...] = (),
) -> None:
    """Adds the length of a run, how often it logs, evaluates and saves, its optimizer and its devices.

    The devices share the batch, unless `variants` has one of DEVICES.
    """
    c.num_steps = num_steps
    c.log_every = log_every
    c.eval_every = eval_every
    c.save_every = save_every
    c.best = best
    c.optim = optim
    c.mesh = {"shape": (-1,), "axes": ("data",)}
    c.sharding = ()
    if set(DEVICES) & set(variants):
        c.mesh, c.sharding = sharding.configure_sharding(variants)
