"""A run's config on disk: saved whole, read back as it was, compared when the run is resumed."""

import json
import pathlib
import re

import ml_collections

from signjax.errors import ConfigError, StorageError, closest_match
from signjax.io import atomic, safe_read
from signjax.training import config_fields, configs

# These may change when a run is resumed: how long and how often, and on which devices.
CHANGEABLE_FIELDS = ("num_steps", "log_every", "eval_every", "save_every", "mesh", "sharding")


def get_default_workdir(config_path: str) -> str:
    """The folder of a config's run: "configs/vqvae.py:rvq" gives "runs/vqvae-rvq"."""
    file, _, variant = config_path.partition(":")
    name = pathlib.PurePath(file).stem + (f"-{variant}" if variant else "")
    return f"runs/{re.sub(r'[^A-Za-z0-9._-]+', '-', name)}"


def format_train_command(workdir) -> str:
    """The command that trains into `workdir`, the inverse of `get_default_workdir` where it is one."""
    path = pathlib.PurePath(workdir)
    name, _, variant = path.name.partition("-")
    if path.parent.name != "runs":
        return f"python -m signjax.main --config=<model> --workdir={workdir}"
    command = f"python -m signjax.main --config={configs.format_config_name(name)}{variant and f':{variant}'}"
    return command + ("" if str(path.parent) == "runs" else f" --workdir={workdir}")


def save_config(path, config) -> None:
    """Writes a whole ConfigDict as plain JSON, atomically."""
    atomic.write_file(path, (json.dumps(_convert_to_dict(config), indent=2, sort_keys=True) + "\n").encode())


def load_config(path) -> ml_collections.ConfigDict:
    """Reads what `save_config` wrote, locked; every sequence comes back as a tuple.

    Raises:
      StorageError: the file is missing or holds no config.
    """
    try:
        saved = safe_read.read_json(path)
        if type(saved.get("task")) is not str:
            raise safe_read.InvalidFileError("field 'task' is no text")
        return ml_collections.ConfigDict(config_fields.convert_to_tuples(saved)).lock()
    except safe_read.MissingFileError:
        workdir = pathlib.Path(path).parent
        runs = {found.parent.name: str(found.parent) for found in workdir.parent.glob("*/config.json")}
        meant = runs.get(closest_match(workdir.name, runs))
        near = f"did you mean {meant}? " if meant else ""
        raise StorageError(
            f"{path}: no such file; {near}train first: {format_train_command(workdir)}"
        ) from None
    except (
        safe_read.InvalidFileError,
        ValueError,
        AttributeError,
    ) as e:  # the last two: names that no field can have
        advice = "put the file back as it was, or train again"
        raise StorageError(f"{path}: cannot be read as a config ({e}); {advice}") from None


def check_same_config(saved: dict, config, workdir) -> None:
    """Refuses to resume a run under another config.

    Raises:
      ConfigError: names the first field that differs, apart from those in FREE, and both values.
    """
    if differs := find_difference(saved, config):
        name, a, b = differs
        raise ConfigError(
            f"{name} was {a!r} when {workdir} was begun and is {b!r} now; "
            f"give the old value, or begin anew with another --workdir"
        )


def find_difference(saved: dict, config) -> tuple | None:
    """The first field, apart from those in FREE, that differs: (name, saved value, value), or None."""
    old, new = (
        config_fields.flatten_fields(config_fields.convert_to_tuples(saved)),
        config_fields.flatten_fields(config_fields.convert_to_tuples(_convert_to_dict(config))),
    )
    for name in sorted(old.keys() | new.keys()):
        a, b = old.get(name, "nothing"), new.get(name, "nothing")
        if a != b and name.partition(".")[0] not in CHANGEABLE_FIELDS:
            return name, a, b
    return None


def _convert_to_dict(config) -> dict:
    """A ConfigDict as nested dicts, lists and numbers."""
    return json.loads(json.dumps(config.to_dict()))
