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
# In a checkout the configs lie beside the package, in an installed package inside it.
SHIPPED = next(f for f in (_ROOT / "configs", _ROOT.parent / "configs") if (f / "common.py").is_file())
HERE = pathlib.Path("configs")  # in the working folder; goes first, so that a project may have its own
NO_CONFIGS = {"common"}  # files beside the configs that they share


def get_config(spec: str, **changes: Any) -> ml_collections.ConfigDict:
    """The config of a training run, to be passed to `signjax.train`.

        get_config("gpt:quick", **{"data.name": "mine", "optim.lr": 1e-3})

    Args:
      spec: a name or the path of a file that has `get_config(variant)`, and after a colon its variants.
        A name is a file of the folder `configs` here, or one that comes with signjax.
      changes: fields by their whole names, and their values.

    Returns:
      The config, locked: fields can be changed, none can be added.

    Raises:
      ConfigError: there is no such config, variant or field, or a value is of another type.
    """
    config = load_config_file(spec)
    for name, value in changes.items():
        config_fields.set_field(config, spec, name, value)
    return config


def load_config_file(spec: str) -> ml_collections.ConfigDict:
    """The config of a name or path as its file has it, locked; raises ConfigError as `get_config` does."""
    variant, path = spec.partition(":")[2], find_config(spec)
    try:
        make = getattr(_import_file(path), "get_config", None)
        config = None if make is None else make(variant) if variant else make()
    except SignjaxError:
        raise
    except Exception as error:  # a file may raise anything; its author needs to know where
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"line {place.lineno} of {pathlib.PurePath(place.filename).name}"
        raise ConfigError(f"{path}: {type(error).__name__} in {where}: {error}") from error
    if not isinstance(config, ml_collections.ConfigDict):
        returned = f"get_config returns {type(config).__name__}" if make else "get_config is not there"
        raise ConfigError(f"{path}: {returned}; it must return an ml_collections.ConfigDict")
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
    shown = {key: format_config_name(key) for key in configs}
    meant = closest_match(path.stem, configs)
    # By its path where the wrong one is a path of this folder, by its name elsewhere.
    suggestion = f"did you mean {shown[meant]}? " if meant else ""
    raise ConfigError(f"{name}: no such config; {suggestion}there are: {', '.join(configs)}")


def is_path(name: str) -> bool:
    """Whether a config is named by its file."""
    return name.endswith(".py") or "/" in name


def list_configs(*folders: pathlib.Path) -> dict[str, pathlib.Path]:
    """The files of the configs that have names, by name; later folders go before earlier ones.

    Args:
      folders: where to look; by default SHIPPED and HERE.
    """
    paths = (path for folder in folders or (SHIPPED, HERE) for path in folder.glob("[!_]*.py"))
    return dict(sorted((path.stem, path) for path in paths if path.stem not in NO_CONFIGS))


def format_config_name(name: str) -> str:
    """How a command here names a config: by its path if it lies in the working folder."""
    path = HERE / f"{name}.py"
    return path.as_posix() if path.is_file() else name
