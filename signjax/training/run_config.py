"""The config of a run on disk: saved, loaded, and compared when the run is resumed."""

import copy
import json
import pathlib
import re

import ml_collections

from signjax.errors import ConfigError, StorageError, closest_match
from signjax.io import atomic, checksums, machine_errors, safe_read
from signjax.training import config_fields, config_rules, config_schema, configs

# May differ when a run is resumed: how long it trains, how often it reports and saves, on which devices it
# runs. The saved state fits any of them.
CHANGEABLE_FIELDS = ("num_steps", "log_every", "eval_every", "save_every", "mesh", "sharding")
# Folders may move. What is in them is compared, see signjax.training.data_record and .dependencies.
MOVABLE_FIELDS = ("data.root", "tokenizer", "autoencoder", "text.encoder")

# Fields that configs of earlier versions lack, and the value that says what those versions did.
LATER_FIELDS = {
    name: field.before for name, field in config_schema.FIELDS.items() if field.before is not None
}


def get_default_workdir(config_path: str) -> str:
    """The workdir of a config by default: that of "configs/vqvae.py:rvq" is "runs/vqvae-rvq"."""
    file, _, variant = config_path.partition(":")
    name = pathlib.PurePath(file).stem + (f"-{variant}" if variant else "")
    return f"runs/{re.sub(r'[^A-Za-z0-9._-]+', '-', name)}"


def format_train_command(workdir) -> str:
    """The command that trains a run in `workdir`; its config is known if the workdir is a default one."""
    path = pathlib.PurePath(workdir)
    name, _, variant = path.name.partition("-")
    if path.parent.name != "runs":
        return f"python -m signjax.main --config=<model> --workdir={workdir}"
    command = f"python -m signjax.main --config={configs.format_config_name(name)}{variant and f':{variant}'}"
    return command + ("" if str(path.parent) == "runs" else f" --workdir={workdir}")


def save_config(path, config) -> None:
    """Writes a ConfigDict as JSON, atomically."""
    atomic.write_file(path, (json.dumps(_convert_to_dict(config), indent=2, sort_keys=True) + "\n").encode())


def load_config(path) -> ml_collections.ConfigDict:
    """Reads a config that `save_config` wrote; it is locked, and its sequences are tuples.

    It is checked as a whole: it may be a stranger's, or somebody may have edited it.

    Raises:
      StorageError: the file is missing, is not a config, or a field is none that a config can have.
    """
    try:
        saved = safe_read.read_json(path)
        # Other JSON files have no task, and it decides which code is used.
        if type(saved.get("task")) is not str:
            raise safe_read.InvalidFileError("field 'task' is no text")
        _add_later_fields(saved)
        config = ml_collections.ConfigDict(config_fields.convert_to_tuples(saved)).lock()
        config_rules.check_fields(config)
        return config
    except ConfigError as e:
        folder = pathlib.Path(path).parent
        # A wrong byte is a wrong value now and then: whoever downloaded it must not look for a mistake in it.
        if (folder / checksums.FILE).is_file() and (corruption := checksums.find_corruption(folder, True)):
            raise StorageError(f"{folder} is corrupt: {corruption}; download {folder} again") from None
        raise StorageError(f"{path}: {e}") from None
    except safe_read.MissingFileError:
        workdir = pathlib.Path(path).parent
        runs = {config.parent.name: str(config.parent) for config in workdir.parent.glob("*/config.json")}
        match = runs.get(closest_match(workdir.name, runs))
        suggestion = f"did you mean {match}? " if match else ""
        advice = f"{suggestion}train first: {format_train_command(workdir)}"
        if copy := _find_copy(workdir):
            advice = f"the run has a copy of it: cp {copy} {path}"
        raise StorageError(f"{path}: no such file; {advice}") from None
    # ConfigDict raises ValueError and AttributeError for names that no field can have.
    except (safe_read.InvalidFileError, ValueError, AttributeError) as e:
        copy = _find_copy(pathlib.Path(path).parent)
        advice = f"the run has a copy of it: cp {copy} {path}" if copy else "restore it from a backup"
        advice = machine_errors.choose_advice(e, advice)
        raise StorageError(f"{path}: cannot be read as a config ({e}); {advice}") from None


def _find_copy(workdir: pathlib.Path) -> pathlib.Path | None:
    """The config that was saved with the newest checkpoint of a run; None if there is none."""
    copies = workdir.glob("checkpoints/*/[0-9]*/config/metadata")
    # By the step in the path, as a number: nothing here may fail, an error is being told.
    return max(copies, key=lambda path: (len(path.parts[-3]), path.parts[-3]), default=None)


def check_same_config(saved: dict, config, workdir) -> None:
    """Raises if a run would be resumed with another config.

    Args:
      saved: the config of the checkpoint.
      config: the config of this start.
      workdir: folder of the run, for the message.

    Raises:
      ConfigError: a field outside of CHANGEABLE_FIELDS and MOVABLE_FIELDS differs; the message has its name
        and both values.
    """
    if difference := find_difference(saved, config):
        name, old, new = difference
        raise ConfigError(
            f"{name} was {old!r} when {workdir} was started and is {new!r} now; "
            f"give the old value, or start again with another --workdir"
        )


def find_difference(saved: dict, config) -> tuple | None:
    """The first field that differs and has to be the same, (name, saved value, value), or None."""
    old_fields, new_fields = (
        config_fields.flatten_fields(config_fields.convert_to_tuples(_add_later_fields(fields)))
        for fields in (copy.deepcopy(saved), _convert_to_dict(config))
    )
    for name in sorted(old_fields.keys() | new_fields.keys()):
        old, new = old_fields.get(name, "nothing"), new_fields.get(name, "nothing")
        # "" is no folder: without a pretrained encoder, text.encoder says that the run learns its own.
        moved = name in MOVABLE_FIELDS and all(fields.get(name) for fields in (old_fields, new_fields))
        if old != new and not moved and name.partition(".")[0] not in CHANGEABLE_FIELDS:
            return name, old, new
    return None


def _add_later_fields(fields: dict) -> dict:
    """Adds LATER_FIELDS to the groups of a config that has them, in place; returns it."""
    task = fields.get("task")
    known = config_schema.list_fields(task) if task in config_schema.TASKS else LATER_FIELDS
    for name, value in LATER_FIELDS.items():
        group, _, field = name.partition(".")
        if isinstance(fields.get(group), dict) and name in known:
            fields[group].setdefault(field, value)
    return fields


def _convert_to_dict(config) -> dict:
    """A ConfigDict as nested dicts, lists and numbers."""
    # Through JSON, as a saved config has been: otherwise equal configs could differ in types.
    return json.loads(json.dumps(config.to_dict()))
