"""A run as a folder to share: all that signing and scoring take, and nothing of training.

config.json, model.safetensors, text.json     as in the run; weights instead of checkpoints
tokenizer/, autoencoder/, text.encoder/       the runs and the encoder it needs, noted in <name>.json
SHA256SUMS                                    of all these, compared before any is used
README.md                                     the model card, which may be edited
"""

import json
from pathlib import Path

from signjax.errors import StorageError
from signjax.export import model_card
from signjax.inference.load import load
from signjax.io import atomic, checksums, model_file, safe_read
from signjax.io.digest import digest_variables
from signjax.text import pretrained
from signjax.training import checkpoint, dependencies, run_config, text_encoder

FIELDS = ("tokenizer", "autoencoder")  # of configs, that name other runs


def write_hub_folder(run, folder, licence: str = "other") -> Path:
    """Writes the folder, whole or not at all; the model is named after it.

    Args:
      run: folder of the run.
      folder: a new folder.
      licence: identifier of the Hugging Face hub, such as "apache-2.0", or "other".

    Raises:
      StorageError: the folder is there already or cannot be written; or as `files`.
      ConfigError: as `files`.
    """
    folder = Path(folder)
    return atomic.write_folder(folder, files(run, folder.name, licence))


def files(workdir, name: str, licence: str) -> dict[str, bytes]:
    """The files of the folder: {path in it: content}.

    Args:
      workdir: of the run, or a folder that was made from it.
      name: of the model, for its card.
      licence: identifier of the Hugging Face hub, such as "apache-2.0", or "other".

    Raises:
      StorageError: nothing was trained in workdir, or something there or in a run it needs is damaged.
      ConfigError: what it needs is another run now.
    """
    c = run_config.load_config(f"{workdir}/config.json")
    loaded = load(workdir)  # which checks all that it needs
    held = _own(workdir, c)
    digest = digest_variables(loaded.variables)
    held["README.md"] = model_card.text(workdir, name, licence, c, loaded, digest).encode()
    return held


def safetensors(workdir) -> bytes:
    """The variables of a run as .safetensors, averaged ones if it has them; config and step are its metadata.

    Raises:
      StorageError: nothing was trained in workdir, or it is damaged.
    """
    variables, step = checkpoint.load_variables(workdir)
    said = json.dumps(run_config.load_config(f"{workdir}/config.json").to_dict(), sort_keys=True)
    return model_file.pack_variables(variables, config=said, step=str(step))


def _own(workdir, c) -> dict[str, bytes]:
    """The files of a run and of those it needs, with their checksums."""
    held = {"config.json": _read(f"{workdir}/config.json"), model_file.FILE: safetensors(workdir)}
    if Path(workdir, "text.json").is_file():
        held["text.json"] = _read(f"{workdir}/text.json")
    for field in FIELDS:
        if Path(workdir, f"{field}.json").is_file():
            folder = dependencies.find(workdir, field, c[field])
            other = _own(folder, run_config.load_config(f"{folder}/config.json"))
            held |= _below(field, other, digest_variables(checkpoint.load_variables(folder)[0]))
    if Path(workdir, f"{text_encoder.FIELD}.json").is_file():
        folder = pretrained.find_encoder(dependencies.find(workdir, text_encoder.FIELD, c.text.encoder))
        encoder = {name: _read(f"{folder}/{name}", None) for name in pretrained.FILES}
        digest = digest_variables(pretrained.load_encoder(folder).variables)
        held |= _below(text_encoder.FIELD, encoder, digest)
    return held | {checksums.FILE: checksums.format_checksums(held)}


def _below(field: str, held: dict[str, bytes], digest: str) -> dict[str, bytes]:
    """Files in a folder named like the field of the config that they are for, and the note of it."""
    note = {f"{field}.json": dependencies.note(field, digest).encode()}
    return note | {f"{field}/{name}": content for name, content in held.items()}


def _read(path, most: int | None = safe_read.MAX_BYTES) -> bytes:
    try:
        with safe_read.open_bounded(path, most) as (file, size):
            return file.read(size)
    except safe_read.InvalidFileError as error:
        raise StorageError(f"{path}: cannot be read ({error})") from None
