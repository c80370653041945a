"""What the fields of configs can be, checked before anything is loaded: mistakes are one line each."""

import math
from typing import Any

from signjax.data.sources import BUCKETS
from signjax.errors import ConfigError
from signjax.metrics.frechet import WINDOW
from signjax.models.code_layout import latent_dim
from signjax.pose import body_parts
from signjax.training import config_fields

COUNTS = """window batch_size batch_tokens batch_frames eval_batch_size fold versions model.stride model.width
model.heads model.mlp model.features model.size.stride model.size.width model.size.heads model.size.mlp
quantizer.codes quantizer.dim sampler.steps sampler.max_tokens"""
NOT_NEGATIVE = """seed text.min_count model.depth model.text_depth model.lift model.convolutions model.noise
model.size.depth quantizer.commitment quantizer.kl augment.turn augment.size augment.tempo augment.signer.turn
augment.signer.size disturb.noise disturb.smooth soften.smooth soften.noise soften.drift smooth end_weight
length_weight ctc_weight sampler.temperature sampler.top_k sampler.guidance optim.lr optim.warmup
optim.weight_decay optim.clip"""
SHARES = """augment.mirror augment.joins augment.signer.mirror text_dropout ctc_share quantizer.dropout
quantizer.revive sampler.top_p"""
BELOW_ONE = "model.dropout model.decay quantizer.decay optim.b2 optim.ema"
# (least, largest) of each field.
RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(COUNTS.split(), (1, math.inf)),
    **dict.fromkeys(NOT_NEGATIVE.split(), (0, math.inf)),
    **dict.fromkeys(SHARES.split(), (0, 1)),
    **dict.fromkeys(BELOW_ONE.split(), (0, math.nextafter(1, 0))),
    # Each row has a rate between 0 and twice this.
    "corrupt": (0, 0.5),
    "disturb.tempo": (1, math.inf),
    # Codes are stored in 16 bits.
    "quantizer.codes": (1, 1 << 15),
}
CHOICES = {
    "model.kind": ("conv", "seed"),
    "model.dtype": ("float32", "bfloat16"),
    "model.size.dtype": ("float32", "bfloat16"),
}


def check_fields(config) -> None:
    """Checks ranges, choices, and which fields have to divide which.

    Raises:
      ConfigError: a field cannot be what it is; the message has its name, its value and what it can be.
    """
    fields = config_fields.flatten_fields(config)
    for name, (least, largest) in RANGES.items():
        value = fields.get(name)
        # not <=, instead of >: a NaN is in no range.
        if isinstance(value, int | float) and not least <= value <= largest:
            _refuse(name, value, _describe_range(least, largest))
    for name, choices in CHOICES.items():
        if name in fields and fields[name] not in choices:
            _refuse(name, fields[name], " or ".join(choices))
    for group in ("model", "model.size"):
        width, heads = fields.get(f"{group}.width"), fields.get(f"{group}.heads")
        # Even, as sines and cosines of positions share it.
        if heads and (width % heads or width % 2):
            _refuse(f"{group}.width", width, f"an even multiple of {group}.heads, {heads}")
    if config.task == "motion_encoder" and WINDOW % config.model.stride:
        _refuse("model.stride", config.model.stride, f"a divisor of {WINDOW}, the frames of a window")
    if config.task == "vqvae" and config.layout in body_parts.LAYOUTS:
        _check_tokenizer(config)


def _check_tokenizer(config) -> None:
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
    for part, features in body_parts.LAYOUTS[config.layout].items():
        levels = quantizer.levels.get(part, 0)
        if levels < 1:
            _refuse(f"quantizer.levels.{part}", levels, f"1 or more, as layout is {config.layout}")
        # The linear start has as many components at most.
        if config.model.kind == "conv" and latent_dim(quantizer, part) > stride * features:
            name = f"quantizer.levels.{part}" if quantizer.kind in ("fsq", "kl") else "quantizer.dim"
            raise ConfigError(
                f"{name} gives the part {part} latents of {latent_dim(quantizer, part)} numbers; it can have "
                f"{stride * features}, the numbers of model.size.stride, {stride}, frames"
            )


def _refuse(name: str, value: Any, allowed: str):
    raise ConfigError(f"{name} is {value!r}; it can be {allowed}")


def _describe_range(least: float, largest: float) -> str:
    if largest == math.inf:
        return f"{least:g} or more"
    return f"{least:g} to {largest:g}" if largest >= 1 or largest == 0.5 else f"{least:g} up to, but not, 1"
