"""Reads and converts checkpoints of the original project, without PyTorch and without unpickling."""

from signjax.compat.seed import convert, pose_statistics
from signjax.compat.seed.convert import SeedModel
from signjax.errors import DataError
from signjax.io import torch_checkpoint
from signjax.io.safe_read import InvalidFileError


def read_tokenizer(path: str) -> SeedModel:
    """Reads the VQ-VAE of a checkpoint and the statistics of its poses.

    Raises:
      DataError: it cannot be read or is another model; the statistics are missing.
    """
    saved, fields = read_checkpoint(path)
    try:
        model = convert.convert_vqvae(saved, fields)
    except InvalidFileError as error:
        raise DataError(f"{path}: cannot be imported: it {error}") from None
    statistics = pose_statistics.read_statistics(path, fields)
    model.variables["standard"] = pose_statistics.standardize_canonical(*statistics)
    return model


def read_gpt(path: str, codes: int) -> SeedModel:
    """Reads the GPT of a checkpoint, for a tokenizer with `codes` codes; raises as `read_tokenizer`."""
    try:
        return convert.convert_gpt(*read_checkpoint(path), codes)
    except InvalidFileError as error:
        raise DataError(f"{path}: cannot be imported: it {error}") from None


def read_checkpoint(path: str) -> tuple[object, dict]:
    """Reads (what was saved, {name: value} of the config in it); raises DataError if it cannot be read."""
    try:
        saved = torch_checkpoint.read_torch(path)
    except InvalidFileError as error:
        hint = "give a checkpoint of the original project"
        raise DataError(f"{path}: cannot be read ({error}); {hint}") from None
    config = saved.get("cfg") if isinstance(saved, dict) else None
    # The original project pickled its config as an object of its own class or as a dict; of an object only
    # the fields were read, and no class was made.
    fields = config.fields if isinstance(config, torch_checkpoint.Instance) else config
    return saved, {k: v for k, v in fields.items() if type(k) is str} if isinstance(fields, dict) else {}
