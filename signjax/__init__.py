"""signjax: text to sign-language pose in JAX.

    import signjax

    model = signjax.load("demo")  # or a run, such as "runs/gpt"
    model.generate("hello").save("hello.gif")
    config = signjax.get_config("vqvae:quick")
    signjax.train(config, "runs/vqvae-quick")

All names are loaded when they are first used, so that importing signjax is quick and imports no JAX.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signjax import metrics
    from signjax.data.load import load_dataset
    from signjax.data.packed_dataset import PackedDataset
    from signjax.errors import ConfigError, DataError, MachineError, NumericsError, SignjaxError, StorageError
    from signjax.evaluation.score import Scorecard, score
    from signjax.inference.load import load
    from signjax.inference.pose_autoencoder import PoseAutoencoder
    from signjax.inference.pose_to_text import PoseToText
    from signjax.inference.pose_to_word import PoseToWord
    from signjax.inference.pose_tokenizer import PoseTokenizer
    from signjax.inference.text_to_pose import TextToPose
    from signjax.lexicon.lexicon import Lexicon
    from signjax.pose.clip import Clip, Tokens
    from signjax.tasks.train import train
    from signjax.training.configs import get_config
    from signjax.training.loop import TrainResult

__version__ = "0.2.0"

# Locks, checksummed folders that appear at once, and stopping by signals are those of POSIX.
if sys.platform == "win32":
    _REFUSAL = "signjax runs on Linux and macOS; on Windows, install it inside WSL 2 (wsl --install)"
    # A command, python -m, which ends with a line; a program that imports signjax gets an exception.
    raise SystemExit(f"error: {_REFUSAL}") if sys.argv[:1] == ["-m"] else ImportError(_REFUSAL)

__all__ = [
    "Clip",
    "ConfigError",
    "DataError",
    "Lexicon",
    "MachineError",
    "NumericsError",
    "PackedDataset",
    "PoseAutoencoder",
    "PoseToText",
    "PoseToWord",
    "PoseTokenizer",
    "Scorecard",
    "SignjaxError",
    "StorageError",
    "TextToPose",
    "Tokens",
    "TrainResult",
    "get_config",
    "load",
    "load_dataset",
    "metrics",
    "score",
    "train",
]

# The module that each name lives in, imported when the name is first used.
_HOMES: dict[str, Callable[[], ModuleType]] = {
    "Clip": lambda: import_module("signjax.pose.clip"),
    "ConfigError": lambda: import_module("signjax.errors"),
    "DataError": lambda: import_module("signjax.errors"),
    "Lexicon": lambda: import_module("signjax.lexicon.lexicon"),
    "MachineError": lambda: import_module("signjax.errors"),
    "NumericsError": lambda: import_module("signjax.errors"),
    "PackedDataset": lambda: import_module("signjax.data.packed_dataset"),
    "PoseAutoencoder": lambda: import_module("signjax.inference.pose_autoencoder"),
    "PoseToText": lambda: import_module("signjax.inference.pose_to_text"),
    "PoseToWord": lambda: import_module("signjax.inference.pose_to_word"),
    "PoseTokenizer": lambda: import_module("signjax.inference.pose_tokenizer"),
    "Scorecard": lambda: import_module("signjax.evaluation.score"),
    "SignjaxError": lambda: import_module("signjax.errors"),
    "StorageError": lambda: import_module("signjax.errors"),
    "TextToPose": lambda: import_module("signjax.inference.text_to_pose"),
    "Tokens": lambda: import_module("signjax.pose.clip"),
    "TrainResult": lambda: import_module("signjax.training.loop"),
    "get_config": lambda: import_module("signjax.training.configs"),
    "load": lambda: import_module("signjax.inference.load"),
    "load_dataset": lambda: import_module("signjax.data.load"),
    "score": lambda: import_module("signjax.evaluation.score"),
    "train": lambda: import_module("signjax.tasks.train"),
}


def __getattr__(name: str) -> Any:
    if name == "metrics":
        return import_module("signjax.metrics")
    if name not in _HOMES:
        raise AttributeError(f"module 'signjax' has no attribute {name!r}")
    value = getattr(_HOMES[name](), name)
    globals()[name] = value  # found at once from now on
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
