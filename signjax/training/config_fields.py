"""The fields of a config by their whole names, such as "optim.lr": listed, and set from values or words."""

import ast
from collections.abc import Mapping
from typing import Any

import ml_collections

from signjax.errors import ConfigError, did_you_mean

BOOLS = {"true": True, "1": True, "false": False, "0": False}


def flatten_fields(config: Mapping | ml_collections.ConfigDict, prefix: str = "") -> dict[str, Any]:
    """The values of a config by whole names, {"optim.lr": 0.001}; a group without fields is a value."""
    fields = {}
    for name, value in config.items():
        is_group = isinstance(value, Mapping | ml_collections.ConfigDict) and len(value)
        fields |= flatten_fields(value, f"{prefix}{name}.") if is_group else {f"{prefix}{name}": value}
    return fields


def set_field(config: ml_collections.ConfigDict, spec: str, name: str, value: Any, option: str = "") -> None:
    """Sets a field to a value of its type, or to what a text says in place of one ("1e-3").

    Args:
      config: is changed.
      spec: what the config is called in messages, "gpt:quick".
      name: of the field, "optim.lr".
      value: for it.
      option: how a command line sets fields, "--config."; it stands before the name in messages.

    Raises:
      ConfigError: the config has no such field, or the value is of another type.
    """
    fields = flatten_fields(config)
    if name not in fields:
        members = [field for field in fields if field.startswith(f"{name}.")]
        if members:
            raise ConfigError(f"{option}{name} is a group of fields; set one of them: {', '.join(members)}")
        all_fields = f"python -m signjax.main --config={spec} --help lists all"
        raise ConfigError(f"{spec} has no field {name!r}{did_you_mean(name, fields, all_fields)}")
    try:
        config.update_from_flattened_dict({name: convert_value(value, fields[name])})
    except (ValueError, TypeError, SyntaxError) as error:
        shown = value if isinstance(value, str) else repr(value)
        raise ConfigError(f"{option}{name}={shown}: {error}") from None


def convert_value(value: Any, current: Any) -> Any:
    """A value in the type of the current one.

    Raises:
      ValueError, TypeError, SyntaxError: it is not of that type; the message says why.
    """
    if isinstance(current, str):
        return _require_type(value, str, "a text")
    if isinstance(current, tuple):
        value = ast.literal_eval(value) if isinstance(value, str) else value
        return convert_to_tuples(value if isinstance(value, list | tuple) else (value,))
    if isinstance(current, bool):
        value = BOOLS.get(value.lower()) if isinstance(value, str) else value
        return _require_type(value, bool, "true or false")
    if isinstance(current, int):
        return int(value) if isinstance(value, str) else _require_type(value, int, "a whole number")
    if isinstance(current, float):
        return float(value if isinstance(value, str) else _require_type(value, int | float, "a number"))
    return value


def _require_type(value: Any, kind, description: str) -> Any:
    # A bool is an int to Python, but nobody means a number by it.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"give {description}")
    return value


def convert_to_tuples(value: Any) -> Any:
    """Every sequence of a config as a tuple, which is how a run's config is read back."""
    if isinstance(value, dict):
        return {name: convert_to_tuples(member) for name, member in value.items()}
    return tuple(map(convert_to_tuples, value)) if isinstance(value, list | tuple) else value
