"""Runs that a run depends on, such as a GPT's tokenizer: where they are, and whether they changed.

workdir/<field>.json has its folder, relative to workdir, and a digest of its variables.
"""

import json
import os
import pathlib

import jax

from signjax.errors import ConfigError, StorageError
from signjax.io import atomic, machine_errors, model_file, safe_read
from signjax.io.digest import digest_variables
from signjax.training import saved_steps


def record_dependency(workdir, field: str, folder, variables) -> None:
    """Writes down what a new run depends on; checks it for a run that is resumed.

    Args:
      workdir: folder of the run that depends on another.
      field: field of its config that names the other run, such as "tokenizer".
      folder: folder of the other run.
      variables: variables of the other run.

    Raises:
      ConfigError, StorageError: as `check_dependency`, for a run that is resumed.
    """
    if saved_steps.find_last_step(workdir, "latest") is not None:
        check_dependency(workdir, field, folder, variables)
    # Without a checkpoint nothing was trained with the old dependency: a file from such a start is replaced.
    # With one, the same run may have moved to another folder.
    if jax.process_index() == 0:
        # Relative, so that a folder with both runs can be moved or mounted elsewhere.
        relative = os.path.relpath(os.path.realpath(folder), os.path.realpath(workdir))
        record = format_dependency(relative, digest_variables(variables))
        atomic.write_file(_get_record_path(workdir, field), record.encode())


def format_dependency(folder: str, digest: str) -> str:
    """The content of workdir/<field>.json: the other run's folder relative to workdir, and its digest."""
    return json.dumps({"folder": folder, "digest": digest}) + "\n"


def find_dependency(workdir, field: str, config_folder: str) -> str:
    """The folder of the other run: the recorded one, or the one of the config if that does not exist.

    Raises:
      StorageError: the record cannot be read, or leads out of a shared run.
    """
    # The record comes first: the config's folder is relative to wherever the command was started.
    folder = os.path.join(workdir, _read_record(workdir, field)["folder"])
    if os.path.isdir(folder):
        return folder
    if model_file.is_shared_run(workdir):
        raise StorageError(
            f"{folder}: no such folder; {workdir} is a shared folder, which has all it needs in it"
        )
    return config_folder


def find_trained_dependency(workdir, field: str, config_folder: str) -> str:
    """As `find_dependency`, for a dependency that is a trained run.

    Raises:
      StorageError: it is in neither place; the message says which run it is. Or the record cannot be read.
    """
    record = _read_record(workdir, field)
    recorded = os.path.join(workdir, record["folder"])
    # A shared run has all it needs in it; what its config names lies on the machine where it was trained.
    others = () if model_file.is_shared_run(workdir) else (config_folder,)
    for folder in (recorded, *others):
        if is_trained(folder):
            return folder
    # Not normpath: workdir may be a link, and ".." is then beside what it leads to.
    recorded = os.path.realpath(recorded)
    # Not that one be trained: it would have other codes, and this run could not be used with it.
    places = " nor ".join(dict.fromkeys((recorded, *map(str, others))))
    raise StorageError(
        f"{workdir}: needs the {field} that it was trained with, the run {os.path.basename(recorded)!r} of "
        f"digest {record['digest']}, which is not in {places}; put that folder there, or name it as {field} "
        f"in {workdir}/config.json"
    )


def find_to_train_on(workdir, field: str, config_folder: str) -> str:
    """The folder of the other run for a training: the config's; the recorded one if a resumed run lacks that.

    Raises:
      StorageError: as `find_trained_dependency`, for a run that is resumed.
    """
    if is_trained(config_folder) or saved_steps.find_last_step(workdir, "latest") is None:
        return config_folder
    return find_trained_dependency(workdir, field, config_folder)


def is_trained(folder) -> bool:
    """Whether a folder has a trained model, in checkpoints or to be shared."""
    # Not by pathlib, which raises for names that are too long.
    if not os.path.isdir(folder):
        return False
    return model_file.is_shared_run(folder) or saved_steps.has_checkpoint(folder)


def check_dependency(workdir, field: str, folder, variables) -> None:
    """Raises if a run was trained with other variables than these; see `record_dependency` for the arguments.

    Raises:
      ConfigError: it was; the message has the field and both digests.
      StorageError: workdir/<field>.json is missing or corrupt.
    """
    # A tokenizer that was trained again has other codes: everything would run, and give wrong motion.
    recorded, current = _read_record(workdir, field)["digest"], digest_variables(variables)
    if recorded != current:
        raise ConfigError(
            f"{field}: {workdir} was trained with {recorded}, and {folder} is {current}: another run, or "
            "trained again; give the old one, or train in another --workdir"
        )


def _get_record_path(workdir, field: str) -> pathlib.Path:
    return pathlib.Path(workdir, f"{field}.json")


def _read_record(workdir, field: str) -> dict:
    path = _get_record_path(workdir, field)
    try:
        saved = safe_read.read_json(path)
        for name in ("folder", "digest"):
            # A null character would make os.path raise a ValueError without the file's name.
            if type(saved.get(name)) is not str or "\0" in saved[name]:
                raise safe_read.InvalidFileError(f"field {name!r} is no text")
        folder = os.path.join(workdir, saved["folder"])
        # The record of a stranger must not lead to other folders of this machine, nor back.
        if model_file.is_shared_run(workdir):
            safe_read.check_inside(folder, workdir)
            if os.path.realpath(folder) == os.path.realpath(workdir):
                raise safe_read.InvalidFileError("its folder is the one that it lies in")
        return saved
    except safe_read.InvalidFileError as error:
        advice = machine_errors.choose_advice(error, "restore it from a backup")
        raise StorageError(f"{path}: cannot be read ({error}); {advice}") from None
