"""signjax: text to sign-language pose in JAX.

    import signjax

    config = signjax.get_config("vqvae:quick")
    signjax.train(config, "runs/vqvae-quick")
    model = signjax.load("runs/gpt")
    model.generate("hello").save("hello.gif")

All names are loaded when they are first used, so that importing signjax is quick and imports no JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signjax import metrics
    from signjax.data.load import load_dataset
    from signjax.data.packed_dataset import PackedDataset
    from signjax.errors import ConfigError, DataError, NumericsError, SignjaxError, StorageError
    from signjax.evaluation.score import Scorecard, score
    from signjax.inference.load import load
    from signjax.inference.pose_autoencoder import PoseAutoencoder
    from signjax.inference.pose_to_text import PoseToText
    from signjax.inference.pose_tokenizer import PoseTokenizer
    from signjax.inference.text_to_pose import TextToPose
    from signjax.pose.clip import Clip, Tokens
    from signjax.tasks.train import train
    from signjax.training.configs import get_config
    from signjax.training.loop import TrainResult

__version__ = "0.2.0"

__all__ = [
    "Clip",
    "ConfigError",
    "DataError",
    "NumericsError",
    "PackedDataset",
    "PoseAutoencoder",
    "PoseToText",
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

# Where each name lives; `metrics` is a package itself.
_HOMES = {
    "Clip": "pose.clip",
    "ConfigError": "errors",
    "DataError": "errors",
    "NumericsError": "errors",
    "PackedDataset": "data.packed_dataset",
    "PoseAutoencoder": "inference.pose_autoencoder",
    "PoseToText": "inference.pose_to_text",
    "PoseTokenizer": "inference.pose_tokenizer",
    "Scorecard": "evaluation.score",
    "SignjaxError": "errors",
    "StorageError": "errors",
    "TextToPose": "inference.text_to_pose",
    "Tokens": "pose.clip",
    "TrainResult": "training.loop",
    "get_config": "training.configs",
    "load": "inference.load",
    "load_dataset": "data.load",
    "score": "evaluation.score",
    "train": "tasks.train",
}


def __getattr__(name: str) -> Any:
    if name == "metrics":
        return importlib.import_module("signjax.metrics")
    if name not in _HOMES:
        raise AttributeError(f"module 'signjax' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"signjax.{_HOMES[name]}"), name)
    globals()[name] = value  # found at once from now on
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
