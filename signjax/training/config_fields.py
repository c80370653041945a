"""The fields of a config by their full names, such as "optim.lr": listed, and set from values or text."""

import ast
import re
from collections.abc import Mapping
from typing import Any

import ml_collections

from signjax.errors import ConfigError, did_you_mean
from signjax.training import config_schema

BOOLS = {"true": True, "1": True, "false": False, "0": False}


def flatten_fields(config: Mapping | ml_collections.ConfigDict, prefix: str = "") -> dict[str, Any]:
    """{"optim.lr": 0.001}: the values of a config by their full names."""
    fields = {}
    for name, value in config.items():
        # An empty group counts as a value: otherwise it would be lost, and a comparison would not see it.
        is_group = isinstance(value, Mapping | ml_collections.ConfigDict) and len(value)
        fields |= flatten_fields(value, f"{prefix}{name}.") if is_group else {f"{prefix}{name}": value}
    return fields


def set_field(config: ml_collections.ConfigDict, spec: str, name: str, value: Any, option: str = "") -> None:
    """Sets a field to a value of its type, or to the value that a text stands for ("1e-3").

    Args:
      config: the config, which is changed.
      spec: its name in messages, "gpt:quick".
      name: full name of the field, "optim.lr".
      value: the new value.
      option: what a command line has before the name, "--config.", for messages.

    Raises:
      ConfigError: the config has no such field, or it cannot have the value.
    """
    fields = flatten_fields(config)
    if name not in fields:
        # Setting a group at once would drop the fields that are not mentioned.
        members = [field for field in fields if field.startswith(f"{name}.")]
        if members:
            raise ConfigError(f"{option}{name} is a group of fields; set one of them: {', '.join(members)}")
        all_fields = f"python -m signjax.main --config={spec} --help lists all"
        raise ConfigError(f"{spec} has no field {name!r}{did_you_mean(name, fields, all_fields)}")
    known = config_schema.FIELDS.get(name)
    # A list of names without the marks that Python and every shell want around them: language,signer.
    if known and known.items == (str,) and isinstance(value, str) and re.fullmatch(r"\w+(, *\w+)*", value):
        value = re.split(", *", value)
    try:
        converted = convert_value(value, fields[name])
        # In a config for a task of one's own the same name may mean anything.
        if name in config_schema.FIELDS and fields.get("task") in config_schema.TASKS:
            _require_allowed(config_schema.FIELDS[name], converted)
        config.update_from_flattened_dict({name: converted})
    except (ValueError, TypeError, SyntaxError) as error:
        shown = value if isinstance(value, str) else repr(value)
        raise ConfigError(f"{option}{name}={shown}: {error}") from None


def convert_value(value: Any, current: Any) -> Any:
    """Converts a value, or the text of one, to the type of the current value.

    Raises:
      ValueError, TypeError, SyntaxError: it is not of that type; the message says why.
    """
    if isinstance(current, str):
        return _require_type(value, str, "a text")
    if isinstance(current, tuple):
        # literal_eval: a config may come from a stranger, and is never run as code.
        value = ast.literal_eval(value) if isinstance(value, str) else value
        return convert_to_tuples(value if isinstance(value, list | tuple) else (value,))
    # Before int: a bool is an int to Python.
    if isinstance(current, bool):
        value = BOOLS.get(value.lower()) if isinstance(value, str) else value
        return _require_type(value, bool, "true or false")
    if isinstance(current, int):
        return int(value) if isinstance(value, str) else _require_type(value, int, "a whole number")
    if isinstance(current, float):
        return float(value if isinstance(value, str) else _require_type(value, int | float, "a number"))
    return value


def _require_allowed(field: config_schema.Field, value: Any) -> None:
    if not field.allows(value):
        raise ValueError(f"it can be {field.describe()}")


def _require_type(value: Any, kind, description: str) -> Any:
    # isinstance(True, int) holds, but batch_size=True is a mistake.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"give {description}")
    return value


def convert_to_tuples(value: Any) -> Any:
    """A config with tuples for all its sequences."""
    # JSON has lists only, and a config must be equal to its own copy that was saved.
    if isinstance(value, dict):
        return {name: convert_to_tuples(member) for name, member in value.items()}
    return tuple(map(convert_to_tuples, value)) if isinstance(value, list | tuple) else value
