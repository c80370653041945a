"""The variables that the model of a config has, compared with those of a shared folder before it is used.

A shared folder may come from a stranger, and its weights need not be those of its config, vocabulary and
tokenizer. Nothing is allocated here: models are traced with shapes alone.
"""

import functools
import json
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
from flax import traverse_util

from signjax.errors import SignjaxError, StorageError
from signjax.inference import kept_programs
from signjax.io import machine_errors, model_file
from signjax.models import build, code_layout
from signjax.pose.skeleton import NUM_JOINTS, WITH_FACE
from signjax.training import config_fields

# What shapes depend on: what signjax.models.build reads of a config, and `fold`.
_READ = ("task", "model", "quantizer", "layout", "tokenizer", "fold", "window")
_FRAMES = 64  # a multiple of every stride


def check_variables(
    run, config, variables: dict, *, vocabulary: int = 0, features: int = 0, codec_config=None
) -> None:
    """Raises unless the variables of a shared folder are those of its config; other runs are not checked.

    Args:
      run: folder of the run. The checksums of a run's own checkpoints are of its config, too.
      config: of the run.
      variables: of the run.
      vocabulary: number of text ids of a model that reads or writes text, 0 if texts come as features.
      features: numbers of a feature of such texts.
      codec_config: of the tokenizer or auto-encoder that a generator writes for.

    Raises:
      StorageError: a variable is missing, unknown, or has another shape; the message has the first such name.
      ConfigError: the config and that of the codec contradict each other.
    """
    if not model_file.is_shared_run(run):
        return
    path = f"{run}/{model_file.FILE}"
    found: dict[str, Any] = {**traverse_util.flatten_dict(variables, sep=".")}
    if not all(jnp.issubdtype(x.dtype, jnp.floating) for x in found.values()):
        raise StorageError(f"{path}: has weights that are whole numbers; download {run} again")
    saved = {name: tuple(x.shape) for name, x in found.items()}
    # As many as were fitted to the latents of the training data: no config says it.
    dim = next(iter(saved.get("latents.deviation", ())), 0)
    about, codec = (None if c is None else _format_config(c) for c in (config, codec_config))
    try:
        expected = _list_shapes(about, codec, vocabulary, features, dim)
    except SignjaxError:
        raise
    except Exception as error:  # flax and jax raise nearly anything at sizes that cannot be
        if machine_errors.describe_shortage(error):
            raise
        reason = machine_errors.describe_reason(error)
        raise StorageError(f"{run}/config.json: no model can be built of it ({reason})") from error
    for name in sorted(saved.keys() | expected.keys()):
        if saved.get(name) != expected.get(name):
            raise StorageError(
                f"{path}: {name[:100]} is {_describe(saved.get(name))}, and {_describe(expected.get(name))} "
                f"by {run}/config.json; download {run} again"
            )


def _describe(shape: tuple | None) -> str:
    return "missing" if shape is None else str(list(shape))


def _format_config(config) -> str:
    fields = {name: config[name] for name in _READ if name in config}
    return ml_collections.ConfigDict(fields).to_json(sort_keys=True)


# Tracing a model takes tenths of a second, and the same one is often loaded twice.
@functools.lru_cache(maxsize=256)
def _list_shapes(
    about: str, codec: str | None, vocabulary: int, features: int, dim: int
) -> dict[str, tuple[int, ...]]:
    """{"params.stem.kernel": shape} of all variables of a model."""
    key = [about, str(codec), str(vocabulary), str(features), str(dim)]
    trace = functools.partial(_trace_shapes, about, codec, vocabulary, features, dim)
    return {name: tuple(shape) for name, shape in kept_programs.recall("shapes", key, trace).items()}


def _trace_shapes(about: str, codec: str | None, vocabulary: int, features: int, dim: int) -> dict:
    config, codec_config = _parse_config(about), _parse_config(codec) if codec else None
    model, inputs = _describe_inputs(config, codec_config, vocabulary, features, dim)
    keys = {name: jax.random.key(0) for name in ("params", "quantize")}
    tree: Any = jax.eval_shape(model.init, keys, *(jax.ShapeDtypeStruct(*x) for x in inputs))
    flat: dict[str, Any] = {**traverse_util.flatten_dict(tree, sep=".")}
    shapes = {name: tuple(x.shape) for name, x in flat.items()}
    if config.task == "flow":
        size = config.fold * _count_latents(codec_config)
        shapes |= {"latents.mean": (size,), "latents.basis": (size, dim), "latents.deviation": (dim,)}
    return shapes


def _parse_config(text: str) -> ml_collections.ConfigDict:
    return ml_collections.ConfigDict(config_fields.convert_to_tuples(json.loads(text)))


def _count_latents(config) -> int:
    """Numbers of a latent of an auto-encoder's config."""
    return config.model.dim if config.task == "ae2d" else len(code_layout.code_columns(config))


def _describe_inputs(config, codec_config, vocabulary: int, features: int, dim: int):
    """A model and the (shape, dtype) of the inputs that it is initialized with."""
    mask, frames = ((1, 1), bool), ((1, _FRAMES), bool)
    text = ((1, 1), jnp.int32) if vocabulary else ((1, 1, features), jnp.float16)
    if config.task == "vqvae":
        joints = WITH_FACE if code_layout.has_face(config) else NUM_JOINTS
        return build.build_tokenizer(config), [((1, _FRAMES, joints, 3), jnp.float32), frames]
    if config.task == "ae2d":
        return build.build_autoencoder2d(config), [((1, _FRAMES, NUM_JOINTS, 2), jnp.float32), frames]
    if config.task == "recognizer":
        joints = (1, config.window, NUM_JOINTS)
        return build.build_recognizer(config, vocabulary), [((*joints, 3), jnp.float32), (joints, bool)]
    if config.task == "backtranslate":
        pose = (1, _FRAMES, NUM_JOINTS, 3), jnp.float32
        return build.build_back_translator(config, vocabulary), [pose, frames, text]
    model = build.build_generator(config, vocabulary, codec_config, dim)
    if config.task == "flow":
        return model, [((1, 1, dim), jnp.float32), ((1, 1), jnp.float32), mask, text, mask]
    codes = (1, 1, code_layout.code_shape(codec_config)[0]), jnp.int32
    return model, [codes, mask, mask, text, mask] if config.task == "masked" else [codes, text, mask]
