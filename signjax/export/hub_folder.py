"""A run as a folder to share: all that generation and scoring need, nothing that only training needs.

config.json, model.safetensors, text.json,
data_rate.json                                as in the run; weights instead of checkpoints
tokenizer/, autoencoder/, text.encoder/       runs and encoder that it depends on, recorded in <name>.json
SHA256SUMS                                    of all these; checked before any is used
README.md                                     the model card, which may be edited
"""

import json
from pathlib import Path

from signjax.errors import StorageError
from signjax.export import model_card
from signjax.inference import pose_to_word, word_list
from signjax.inference.families import FAMILIES
from signjax.inference.load import load
from signjax.io import atomic, checksums, model_file, safe_read
from signjax.io.digest import digest_variables
from signjax.text import pretrained
from signjax.training import checkpoint, data_rate, dependencies, run_config, text_encoder


def write_hub_folder(run, folder, licence: str = "other", float16: bool = False) -> Path:
    """Writes the folder, completely or not at all; its name is the name of the model.

    Args:
      run: folder of the run.
      folder: a new folder.
      licence: identifier of the Hugging Face hub, such as "apache-2.0", or "other".
      float16: whether the weights are stored in half the bytes, rounded to 11 bits.

    Raises:
      StorageError: the folder exists already or cannot be written; or as `collect_files`.
      ConfigError: as `collect_files`.
    """
    folder = Path(folder)
    return atomic.write_folder(folder, collect_files(run, folder.name, licence, float16))


def collect_files(workdir, name: str, licence: str, float16: bool = False) -> dict[str, bytes]:
    """Collects the files of the folder: {path in it: content}.

    Args:
      workdir: of the run, or a shared folder.
      name: of the model, for its card.
      licence: identifier of the Hugging Face hub, such as "apache-2.0", or "other".
      float16: see `write_hub_folder`.

    Raises:
      StorageError: nothing was trained in workdir, or something there or in a run it needs is corrupt.
      ConfigError: a run it needs was replaced by another one, or `licence` is no identifier.
      DataError: with float16, a number is too large for it.
    """
    model_card.check_licence(licence)
    # Loaded although only files are copied: this checks all that the run depends on.
    run = load(workdir)
    files = _collect_run_files(workdir, run.config, float16)
    # After the checksums, and not among them: whoever shares the model should edit the card.
    files["README.md"] = model_card.format_card(workdir, name, licence, run).encode()
    return files


def format_weights(workdir, float16: bool = False) -> bytes:
    """The variables of a run as .safetensors, averaged if the run has averages; config and step as metadata.

    Raises:
      StorageError: nothing was trained in workdir, or it is corrupt.
      DataError: with float16, a number is too large for it.
    """
    variables, step = _load_variables(workdir, float16)
    # Sorted, so that equal runs give equal bytes.
    config = json.dumps(run_config.load_config(f"{workdir}/config.json").to_dict(), sort_keys=True)
    return model_file.pack_variables(variables, float16, config=config, step=str(step))


def _load_variables(workdir, float16: bool) -> tuple[dict, int]:
    """The variables that whoever loads the folder will have, and their step."""
    variables, step = checkpoint.load_variables(workdir)
    return model_file.round_to_float16(variables) if float16 else variables, step


def _collect_run_files(workdir, c, float16: bool) -> dict[str, bytes]:
    """Collects the files of a run and of the runs that it depends on, with their checksums."""
    weights = format_weights(workdir, float16)
    files = {"config.json": _read_bytes(f"{workdir}/config.json"), model_file.FILE: weights}
    for name in ("text.json", word_list.FILE, pose_to_word.CALIBRATION, data_rate.FILE):
        if Path(workdir, name).is_file():
            files[name] = _read_bytes(f"{workdir}/{name}")
    # Only generators need anything else. In the folder of a stranger's codec such a record could lead back.
    if c.task in FAMILIES:
        field = FAMILIES[c.task].codec_field
        folder = dependencies.find_trained_dependency(workdir, field, c[field])
        nested = _collect_run_files(folder, run_config.load_config(f"{folder}/config.json"), float16)
        files |= _nest_files(field, nested, digest_variables(_load_variables(folder, float16)[0]))
    if c.task in FAMILIES and Path(workdir, f"{text_encoder.FIELD}.json").is_file():
        folder = pretrained.find_encoder(
            dependencies.find_dependency(workdir, text_encoder.FIELD, c.text.encoder)
        )
        # Weights of an encoder may be larger than any file of ours, so its files have no limit.
        encoder = {name: _read_bytes(f"{folder}/{name}", None) for name in pretrained.FILES}
        digest = digest_variables(pretrained.load_encoder(folder).variables)
        files |= _nest_files(text_encoder.FIELD, encoder, digest)
    return files | {checksums.FILE: checksums.format_checksums(files)}


def _nest_files(field: str, files: dict[str, bytes], digest: str) -> dict[str, bytes]:
    """Puts files into a folder named after the config's field for them, and adds the record of the folder."""
    # The record names the folder beside it, not the one where the dependency was trained: others lack that.
    note = {f"{field}.json": dependencies.format_dependency(field, digest).encode()}
    return note | {f"{field}/{name}": content for name, content in files.items()}


def _read_bytes(path, max_bytes: int | None = safe_read.MAX_BYTES) -> bytes:
    try:
        with safe_read.open_bounded(path, max_bytes) as (file, size):
            return file.read(size)
    except safe_read.InvalidFileError as error:
        raise StorageError(f"{path}: cannot be read ({error})") from None
