"""The model families that generate clips from texts: what each needs, and how it samples."""

from collections.abc import Callable
from typing import NamedTuple

from signjax.errors import ConfigError, did_you_mean
from signjax.inference import autoregressive, flow_sampling, masked_decoding
from signjax.limits import check_number, show_value
from signjax.training import config_schema

Sampler = autoregressive.Sampler | masked_decoding.Sampler | flow_sampling.Sampler


def make_sampler(config, **changes) -> Sampler:
    """The sampling options of a run's config, with some fields changed.

    Raises:
      ConfigError: the family's sampler has no such field, or a value is out of range.
    """
    family = FAMILIES[config.task]
    fields = family.sampler._fields
    # Before the sampler is made: its own TypeError would name a class and not suggest the right option.
    unknown = [name for name in changes if name not in fields]
    if unknown:
        hint = did_you_mean(unknown[0], fields, f"it takes {', '.join(fields)}")
        raise ConfigError(f"{unknown[0]} means nothing to a {config.task} run{hint}")
    for name, value in changes.items():
        field = config_schema.FIELDS[f"sampler.{name}"]
        if field.range:
            check_number(name, value, field.range)
            # A compiled program takes numbers of one type: for 2 in place of 2.0 there would be one more.
            changes[name] = field.kind(value)
    sampler = family.sampler(**{**config.sampler, **changes})
    family.check_sampler(config, sampler)
    return sampler


def _check_autoregressive(config, sampler: autoregressive.Sampler) -> None:
    del config
    low, high = sampler.min_tokens, sampler.max_tokens
    if not 1 <= low <= high:
        raise ConfigError(f"min_tokens is {low}, max_tokens {high}; give 1 <= min_tokens <= max_tokens")


def _check_seed(config, sampler: autoregressive.Sampler) -> None:
    _check_autoregressive(config, sampler)
    # Without dropped texts in training the model has never seen a clip without its text.
    if sampler.guidance != 1 and not config.text_dropout:
        raise ConfigError(f"guidance is {sampler.guidance:g}; this model knows texts only: give 1")


def _check_flow(config, sampler: flow_sampling.Sampler) -> None:
    del config
    if sampler.solver not in flow_sampling.SOLVERS:
        advice = f"it can be {', '.join(flow_sampling.SOLVERS)}"
        hint = did_you_mean(sampler.solver, flow_sampling.SOLVERS, advice)
        raise ConfigError(f"solver is {show_value(sampler.solver)}{hint}")


class Family(NamedTuple):
    """A model family."""

    codec_field: str  # the field of its configs that names the run of its tokenizer or auto-encoder
    sampler: type  # a NamedTuple of the sampling options
    check_sampler: Callable  # (config, sampler) -> None, or a ConfigError
    # (model, variables, text, mask, keys, sampler, watch) -> (sequences [B, N, ...], lengths [B])
    sample: Callable
    streams: bool = False  # whether it writes a clip from its beginning to its end


# By the `task` of their configs.
FAMILIES = {
    "gpt": Family(
        codec_field="tokenizer",
        sampler=autoregressive.Sampler,
        check_sampler=_check_autoregressive,
        sample=autoregressive.sample_tokens,
        streams=True,
    ),
    "seed_gpt": Family(
        codec_field="tokenizer",
        sampler=autoregressive.Sampler,
        check_sampler=_check_seed,
        sample=autoregressive.sample_tokens,
        streams=True,
    ),
    "masked": Family(
        codec_field="tokenizer",
        sampler=masked_decoding.Sampler,
        # Whatever is in the range of its field.
        check_sampler=lambda config, sampler: None,
        sample=masked_decoding.sample_masked_tokens,
    ),
    "flow": Family(
        codec_field="autoencoder",
        sampler=flow_sampling.Sampler,
        check_sampler=_check_flow,
        sample=flow_sampling.sample_latents,
    ),
}
