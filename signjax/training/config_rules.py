"""Rules for configs, checked before anything is loaded or built: each mistake is one line.

Each field by itself is checked by signjax.training.config_schema; here are the fields that depend on others.
"""

import math
from typing import Any

from signjax.data.sources import BUCKETS
from signjax.errors import ConfigError, did_you_mean
from signjax.limits import show_value
from signjax.metrics.frechet import WINDOW
from signjax.models import quantizers
from signjax.models.code_layout import latent_dim
from signjax.pose import body_parts
from signjax.training import config_fields, config_schema

# Codes of a token are chosen one after another, in a program that grows with their number.
MAX_LEVELS = 64
# Fields that a model of the task takes 1 or more of.
AT_LEAST_ONE = {
    **dict.fromkeys(("gpt", "seed_gpt", "masked", "flow"), "model.depth"),
    "backtranslate": "model.text_depth",
}


def check_fields(config) -> None:
    """Checks which fields there are, what each is, and which have to fit which.

    Raises:
      ConfigError: a field is missing, unknown, or cannot be what it is; the message has its name, its value
        and what it can be.
    """
    fields = config_fields.flatten_fields(config)
    if type(fields.get("task")) is not str:
        _refuse("task", fields.get("task"), f"a text, such as {' or '.join(config_schema.TASKS)}")
    config_schema.check_values(fields)
    if config.task not in config_schema.TASKS:
        return
    for group in ("model", "model.size"):
        width, heads = fields.get(f"{group}.width"), fields.get(f"{group}.heads")
        # Even, as sines and cosines of positions share it.
        if heads and (width % heads or width % 2):
            _refuse(f"{group}.width", width, f"an even multiple of {group}.heads, {heads}")
    # Features of an encoder are of texts alone; vectors of ours beside them would be of another scale.
    if fields.get("text.encoder") and fields.get("text.conditions"):
        allowed = "() beside text.encoder, which reads texts alone"
        _refuse("text.conditions", fields["text.conditions"], allowed)
    positive = AT_LEAST_ONE.get(config.task)
    if positive and not fields[positive]:
        _refuse(positive, 0, f"1 or more of a {config.task} model")
    if fields.get("sampler.min_tokens", 1) > fields.get("sampler.max_tokens", 1):
        _refuse("sampler.min_tokens", config.sampler.min_tokens, "sampler.max_tokens at most")
    if config.task == "motion_encoder" and WINDOW % config.model.stride:
        _refuse("model.stride", config.model.stride, f"a divisor of {WINDOW}, the frames of a window")
    if config.task == "vqvae":
        _check_tokenizer(config, fields)


def _check_tokenizer(config, fields: dict[str, Any]) -> None:
    stride, quantizer = config.model.size.stride, config.quantizer
    # Clips are padded to BUCKETS and to powers of two beyond, whose frames must make whole tokens.
    if BUCKETS[0] % stride:
        strides = [s for s in range(1, BUCKETS[0] + 1) if BUCKETS[0] % s == 0]
        _refuse("model.size.stride", stride, " or ".join(map(str, strides)))
    if config.window % stride:
        _refuse("window", config.window, f"a multiple of model.size.stride, {stride}")
    if quantizer.kind == "fsq" and not (
        len(quantizer.steps) and min(quantizer.steps) >= 2 and math.prod(quantizer.steps) <= 1 << 15
    ):
        _refuse(
            "quantizer.steps", quantizer.steps, f"numbers of 2 or more, whose product is {1 << 15:,} or less"
        )
    if quantizer.kind not in quantizers.QUANTIZERS:
        kinds = f"it can be: {', '.join(quantizers.QUANTIZERS)}"
        hint = did_you_mean(quantizer.kind, quantizers.QUANTIZERS, kinds)
        raise ConfigError(f"quantizer.kind is {show_value(quantizer.kind)}{hint}")
    _check_kind(config, fields)
    for part in body_parts.LAYOUTS[config.layout]:
        _check_part(config, part, quantizer.levels.get(part, 0))


def _check_kind(config, fields: dict[str, Any]) -> None:
    """Checks what the two kinds of models take beside what both do."""
    for name in ("model.size.heads", "model.size.mlp", "model.size.original"):
        if config.model.kind == "conv" and name in fields:
            raise ConfigError(f"the field {name} is of model.kind seed alone, and that is conv")
    for name in ("model.size.heads", "model.size.mlp"):
        if config.model.kind == "seed" and name not in fields:
            raise ConfigError(f"the field {name} is missing, as model.kind is seed")
    # It quantizes the whole pose at once, so its only part is "whole".
    if config.model.kind == "seed" and config.layout != "whole":
        _refuse("layout", config.layout, "whole, as model.kind is seed")
    if body_parts.has_face(config.layout) and "loss.face" not in fields:
        raise ConfigError(f"the field loss.face is missing, as layout is {config.layout}")


def _check_part(config, part: str, levels: int) -> None:
    """Checks the codes of a body part."""
    quantizer, stride = config.quantizer, config.model.size.stride
    features = body_parts.LAYOUTS[config.layout][part]
    if levels < 1:
        _refuse(f"quantizer.levels.{part}", levels, f"1 or more, as layout is {config.layout}")
    if quantizer.kind != "kl" and levels > MAX_LEVELS:
        _refuse(
            f"quantizer.levels.{part}", levels, f"1 to {MAX_LEVELS}, as quantizer.kind is {quantizer.kind}"
        )
    # The linear start has as many components at most.
    if config.model.kind == "conv" and latent_dim(quantizer, part) > stride * features:
        name = f"quantizer.levels.{part}" if quantizer.kind in ("fsq", "kl") else "quantizer.dim"
        raise ConfigError(
            f"{name} gives the part {part} latents of {latent_dim(quantizer, part)} numbers; it can have "
            f"{stride * features}, the numbers of model.size.stride, {stride}, frames"
        )


def _refuse(name: str, value: Any, allowed: str):
    raise ConfigError(f"{name} is {show_value(value)}; it can be {allowed}")
