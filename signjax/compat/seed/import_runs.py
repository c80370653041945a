"""Imports checkpoints of the original project as runs, which every command of signjax can use."""

import pathlib
from typing import NamedTuple

import jax
import numpy as np

from signjax.compat.seed.convert import SeedModel
from signjax.compat.seed.read_checkpoint import read_gpt, read_tokenizer
from signjax.errors import ConfigError, StorageError
from signjax.inference.load import load_codec
from signjax.io.safe_read import InvalidFileError
from signjax.text import bert_files, pretrained
from signjax.training import checkpoint, dependencies, saved_steps, text_encoder
from signjax.training.configs import get_config
from signjax.training.run_config import save_config


class ImportedRun(NamedTuple):
    """A run that was made from a checkpoint."""

    folder: pathlib.Path
    model: SeedModel

    def describe(self) -> str:
        """Folder, number of weights and sizes, in one line."""
        count = sum(x.size for x in jax.tree.leaves(self.model.variables["params"]))
        sizes = ", ".join(f"{name} {value}" for name, value in self.model.sizes.items())
        return f"{self.folder}: {count:,} weights, {sizes}"


def import_checkpoints(
    vqvae_path: str, gpt_path: str | None, out: str, data: dict[str, str], encoder: str
) -> list[ImportedRun]:
    """Writes a run of the original project's tokenizer to <out>/vqvae, and one of its GPT to <out>/gpt.

    Args:
      vqvae_path: checkpoint of the VQ-VAE.
      gpt_path: checkpoint of the GPT, None for the tokenizer alone.
      out: folder for the runs.
      data: {"root": ..., "name": ...} of the data set for scores of the runs.
      encoder: the GPT's BERT, a folder or a name as in the config's text.encoder.

    Raises:
      DataError: a checkpoint cannot be read or is another model.
      ConfigError: the encoder is not that of the checkpoint.
      StorageError: a run exists already, or cannot be written.
    """
    folders = [pathlib.Path(out, name) for name in ("vqvae", "gpt")]
    for folder in folders[: 2 if gpt_path else 1]:
        if saved_steps.find_last_step(folder, "best") is not None:
            raise StorageError(f"{folder}: holds a run already; give another --out")
    # Everything is read and compared before the first run is written: an error leaves no tokenizer without
    # its GPT, which would have to be deleted before the next try.
    tokenizer = read_tokenizer(vqvae_path)
    if gpt_path is None:
        return [_write_tokenizer(folders[0], tokenizer, data)]
    gpt = read_gpt(gpt_path, tokenizer.sizes["codes"])
    bert = load_matching_encoder(encoder, gpt.bert_tensors, gpt_path)
    return [
        _write_tokenizer(folders[0], tokenizer, data),
        _write_gpt(folders[1], gpt, folders[0], bert, data),
    ]


def load_matching_encoder(name: str, tensors: dict, path: str) -> tuple[str, pretrained.PretrainedEncoder]:
    """Loads a BERT and checks that it has these tensors; returns (folder, encoder).

    Args:
      name: folder or name of the encoder.
      tensors: of the BERT in the checkpoint.
      path: of the checkpoint, for the message.

    Raises:
      ConfigError: it is another encoder, or one with other weights.
    """
    # Not from the checkpoint, which lacks the vocabulary; besides, many runs can share the files of one BERT.
    folder = pretrained.find_encoder(name)
    encoder = pretrained.load_encoder(folder)
    try:
        params = bert_files.convert_tensors("bert", encoder.model, tensors)
    except InvalidFileError as error:
        raise ConfigError(f"--encoder {name}: is another than that of {path}, which {error}") from None
    pairs = zip(*map(jax.tree.leaves, (params, encoder.variables["params"])), strict=True)
    if not all(np.allclose(a, b, atol=1e-6) for a, b in pairs):
        raise ConfigError(f"--encoder {name}: its weights are not those of the BERT in {path}; name that one")
    return folder, encoder


def _write_tokenizer(folder: pathlib.Path, model: SeedModel, data: dict[str, str]) -> ImportedRun:
    """Writes a run of configs/vqvae.py:seed."""
    c, sizes = get_config("vqvae:seed"), dict(model.sizes)
    c.quantizer.dim, c.quantizer.codes = sizes.pop("dim"), sizes.pop("codes")
    c.model.size.update(sizes | {"original": True})
    c.data.update(data)
    return _write_run(folder, c, model)


def _write_gpt(
    folder: pathlib.Path,
    model: SeedModel,
    tokenizer: pathlib.Path,
    encoder: tuple[str, pretrained.PretrainedEncoder],
    data: dict[str, str],
) -> ImportedRun:
    """Writes a run of configs/gpt.py:seed."""
    c = get_config("gpt:seed")
    c.model.update(model.sizes)
    c.data.update(data)
    c.tokenizer, c.text.encoder = str(tokenizer), encoder[0]
    folder.mkdir(parents=True, exist_ok=True)
    # As training does: the GPT's codes mean nothing with another tokenizer, so loading compares digests.
    dependencies.record_dependency(folder, "tokenizer", tokenizer, load_codec(tokenizer).variables)
    dependencies.record_dependency(folder, text_encoder.FIELD, encoder[0], encoder[1].variables)
    return _write_run(folder, c, model)


def _write_run(folder: pathlib.Path, c, model: SeedModel) -> ImportedRun:
    """Writes what signjax.training.checkpoint.load_variables reads."""
    with checkpoint.convert_storage_errors(folder, OSError):
        folder.mkdir(parents=True, exist_ok=True)
        save_config(folder / "config.json", c)
    writers = checkpoint.open_checkpoints(folder)
    extra = {name: value for name, value in model.variables.items() if name != "params"}
    # Transposed arrays are views, whose bytes are not in the order that checkpoints need.
    tree = jax.tree.map(np.ascontiguousarray, {"params": model.variables["params"], "extra": extra})
    # As the best checkpoint only: without a state of the optimizer there is nothing to resume from.
    checkpoint.save_checkpoint(writers.best, 1, tree, c, {"step": 1, "best": None})
    checkpoint.close_checkpoints(writers)
    return ImportedRun(folder, model)
