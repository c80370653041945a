"""Configs by name or path: "gpt", "gpt:quick" (a variant), "configs/gpt.py:quick", "my_own.py"."""

import importlib.util
import pathlib
import traceback
from types import ModuleType
from typing import Any

import ml_collections

from signjax.errors import ConfigError, SignjaxError, closest_match
from signjax.training import config_fields

_ROOT = pathlib.Path(__file__).parents[1]
# In a checkout the configs are beside the package, in an installed wheel inside it.
SHIPPED = next(f for f in (_ROOT / "configs", _ROOT.parent / "configs") if (f / "common.py").is_file())
# In the working folder. It takes precedence, so that a project can have configs of its own.
HERE = pathlib.Path("configs")
NO_CONFIGS = {"common"}  # imported by the configs, and none itself


def get_config(spec: str, **changes: Any) -> ml_collections.ConfigDict:
    """The config of a training run, for `signjax.train`.

        get_config("gpt:quick", **{"data.name": "mine", "optim.lr": 1e-3})

    Args:
      spec: the name or path of a file with a function `get_config(variant)`, and after a colon the variant.
        A name is that of a file in the folder `configs` here, or of one that comes with signjax.
      changes: values of fields by their full names.

    Returns:
      The config, locked: fields can be changed, but not added.

    Raises:
      ConfigError: there is no such config, variant or field, or a value is of the wrong type.
    """
    config = load_config_file(spec)
    for name, value in changes.items():
        config_fields.set_field(config, spec, name, value)
    return config


def load_config_file(spec: str) -> ml_collections.ConfigDict:
    """The config of a name or path without changes, locked; raises ConfigError as `get_config` does."""
    variant, path = spec.partition(":")[2], find_config(spec)
    try:
        make = getattr(_import_file(path), "get_config", None)
        config = None if make is None else make(variant) if variant else make()
    except SignjaxError:
        raise
    # A config is a program and may raise anything; its author needs the line, not a traceback.
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"line {frame.lineno} of {pathlib.PurePath(frame.filename).name}"
        raise ConfigError(f"{path}: {type(error).__name__} in {where}: {error}") from error
    if not isinstance(config, ml_collections.ConfigDict):
        returned = f"get_config returns {type(config).__name__}" if make else "get_config is missing"
        raise ConfigError(f"{path}: {returned}; it must return an ml_collections.ConfigDict")
    # Locked, so that a misspelled field raises instead of being added and ignored.
    return config.lock()


def _import_file(path: pathlib.Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{path.stem}_config", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path}: is not a Python file; give a config such as configs/gpt.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def find_config(spec: str) -> pathlib.Path:
    """The file of a config.

    Raises:
      ConfigError: there is none.
    """
    name = spec.partition(":")[0]
    configs = list_configs()
    if not is_path(name) and name in configs:
        return configs[name]
    path = pathlib.Path(name)
    if is_path(name) and path.is_file():
        return path
    match = closest_match(path.stem, configs)
    suggestion = f"did you mean {format_config_name(match)}? " if match else ""
    raise ConfigError(f"{name}: no such config; {suggestion}there are: {', '.join(configs)}")


def is_path(name: str) -> bool:
    """Whether this is the path of a config and not its name."""
    return name.endswith(".py") or "/" in name


def list_configs(*folders: pathlib.Path) -> dict[str, pathlib.Path]:
    """{name: file} of all configs that can be found by name, sorted.

    Args:
      folders: where they are, by default SHIPPED and HERE; a later folder takes precedence.
    """
    paths = (path for folder in folders or (SHIPPED, HERE) for path in folder.glob("[!_]*.py"))
    return dict(sorted((path.stem, path) for path in paths if path.stem not in NO_CONFIGS))


def format_config_name(name: str) -> str:
    """How to write a config in a command: as a path if it is a file of the working folder, else as a name."""
    path = HERE / f"{name}.py"
    return path.as_posix() if path.is_file() else name
