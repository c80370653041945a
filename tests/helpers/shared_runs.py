"""Shared folders (signjax.export.hub_folder) of tiny models of every family, which nobody trained."""

import json
import shutil

import gpt_run
import numpy as np
from paths import ASSETS

from signjax.inference import variable_shapes
from signjax.io import checksums, model_file
from signjax.io.digest import digest_variables
from signjax.text import pretrained, tokenizer
from signjax.training import dependencies, run_config

SEED = {"model.size.heads": 2, "model.size.mlp": 32, "quantizer.dim": 8, "quantizer.levels.whole": 1}
SMALL = {"model.width": 16, "model.depth": 1, "model.heads": 2, "model.mlp": 32}
TEXT = SMALL | {"model.text_depth": 1}
CODEC = {name: value for name, value in gpt_run.TOKENIZER.items() if name != "layout"}
# name -> (config, changes, the folder that it needs)
RUNS = {
    "vqvae": ("vqvae", gpt_run.TOKENIZER, None),
    "parts": ("vqvae:face", CODEC, None),
    "fsq": ("vqvae:fsq,whole", CODEC | {"quantizer.steps": (4, 4)}, None),
    "kl": ("vqvae:kl,whole", CODEC | {"quantizer.levels.whole": 8}, None),
    "seed": ("vqvae:seed", CODEC | SEED, None),
    "ae2d": ("ae2d", gpt_run.PLANAR, None),
    "gpt": ("gpt", TEXT, "vqvae"),
    "masked": ("masked", TEXT, "parts"),
    "flow": ("flow", TEXT, "kl"),
    "flow2d": ("flow2d", TEXT, "ae2d"),
    "seed_gpt": ("gpt:seed", SMALL, "seed"),
    "backtranslate": ("backtranslate", TEXT | {"model.convolutions": 1}, None),
}
ENCODER = ASSETS / "encoders/bert"
DIM = 3  # of the space of latents of a flow
WORDS = tokenizer.fit_tokenizer(["hello how are you ?"], 1)


def write(root, name: str, words=WORDS, **others):
    """Writes RUNS[name] to the folder root/name, with a vocabulary and other changes; returns it."""
    config, changes, needed = RUNS[name]
    c, folder = gpt_run.get_config(config, **changes, **others), root / name
    folder.mkdir(parents=True)
    run_config.save_config(folder / "config.json", c)
    more = {}
    if c.task == "seed_gpt":
        shutil.copytree(ENCODER, folder / "text.encoder")
        encoder = pretrained.load_encoder(ENCODER)
        _record(folder, "text.encoder", encoder.variables)
        more = {"features": encoder.model.width}
    elif "text" in c:
        words.save(folder / "text.json")
        more = {"vocabulary": words.size}
    if needed:
        other = write(folder, needed)
        field = "autoencoder" if c.task == "flow" else "tokenizer"
        _record(folder, field, model_file.load_variables(other)[0])
        more["codec"] = run_config.load_config(other / "config.json")
        other.rename(folder / field)
    variables = make_variables(c, **more)
    (folder / model_file.FILE).write_bytes(model_file.pack_variables(variables, step="1"))
    checksums.write_checksums(folder)
    return folder


def make_variables(c, vocabulary=0, features=0, codec=None) -> dict:
    """Random variables of the model of a config."""
    codec = codec and variable_shapes._format_config(codec)
    about = variable_shapes._format_config(c)
    shapes = variable_shapes._list_shapes(about, codec, vocabulary, features, DIM)
    rng, tree = np.random.default_rng(0), {}
    for path, shape in shapes.items():
        *groups, name = path.split(".")
        group = tree
        for part in groups:
            group = group.setdefault(part, {})
        group[name] = np.float32(0.1 * rng.normal(size=shape) + (name in ("scale", "counts", "square")))
    return tree


def change_config(folder, saved) -> None:
    """Writes another config.json, a dict or text, with right checksums."""
    text = saved if isinstance(saved, str) else json.dumps(saved)
    (folder / "config.json").write_text(text)
    checksums.write_checksums(folder)


def _record(folder, field: str, variables) -> None:
    (folder / f"{field}.json").write_text(dependencies.format_dependency(field, digest_variables(variables)))
