"""Fields of configs that cannot be: one line with the field, its value and what it can be."""

import gpt_run
import pytest

from signjax.errors import ConfigError
from signjax.tasks.registry import make_task
from signjax.training import config_rules, configs


@pytest.mark.parametrize("name", configs.list_configs())
def test_shipped_configs_keep_the_rules(name):
    config_rules.check_fields(configs.get_config(name))
    for variant in {"vqvae": ("fsq", "kl", "kl,whole", "seed", "face", "vq,face,whole")}.get(name, ()):
        config_rules.check_fields(configs.get_config(f"{name}:{variant}"))


@pytest.mark.parametrize(
    ("spec", "field", "value", "allowed"),
    [
        ("vqvae", "window", 50, "a multiple of model.size.stride, 4"),
        ("vqvae", "model.size.stride", 3, "1 or 2 or 4 or 8 or 16 or 32 or 64"),
        ("vqvae", "model.size.stride", 0, "whole numbers, 1 to 64"),
        ("vqvae", "quantizer.levels.hand", 0, "1 or more, as layout is parts"),
        ("vqvae", "quantizer.codes", 40_000, "1 to 32,768"),
        ("vqvae:fsq", "quantizer.steps", (8, 1), "numbers of 2 or more"),
        ("motion_encoder", "model.stride", 5, "a divisor of 32"),
        ("gpt", "model.heads", 5, ""),
        ("gpt", "model.width", 129, "an even multiple of model.heads, 4"),
        ("gpt", "model.dropout", 1.0, "0 to below 1"),
        ("gpt", "model.dtype", "float64", "float32 or bfloat16"),
        ("gpt", "corrupt", 0.6, "0 to 0.5"),
        ("gpt", "versions", 0, "1 to 1,024"),
        ("gpt", "model.depth", 0, "1 or more of a gpt model"),
        ("gpt", "model.depth", 10**6, "0 to 128"),
        ("gpt", "sampler.max_tokens", 10**9, "1 to 4,096"),
        ("gpt", "optim.lr", float("inf"), "0 to 100"),
        ("gpt", "batch_tokens", 10**100, "a number of 101 digits; it can be whole numbers, 1"),
        ("flow", "fold", 0, "1 to 64"),
        ("backtranslate", "model.text_depth", 0, "1 or more"),
        ("vqvae", "model.size.width", 10**9, "1 to 16,384"),
        ("vqvae", "quantizer.levels.hand", 100, "1 to 64, as quantizer.kind is rvq"),
        ("vqvae:seed", "layout", "parts", "whole, as model.kind is seed"),
        ("vqvae", "layout", "halves", "parts or whole or parts+face"),
        ("backtranslate", "optim.b2", float("nan"), "0 to below 1"),
        ("ae2d", "augment.mirror", 1.5, "0 to 1"),
    ],
)
def test_what_cannot_be_is_one_line(spec, field, value, allowed):
    # Before any data: there are none here.
    with pytest.raises(ConfigError) as error:
        make_task(gpt_run.get_config(spec, **{field: value}), "")
    message = str(error.value)
    assert (field if allowed else "model.width") in message and allowed in message and "\n" not in message


def test_latents_fit_into_their_frames():
    with pytest.raises(ConfigError, match=r"quantizer.dim gives the part arm .* it can have \d+"):
        make_task(gpt_run.get_config("vqvae", **{"quantizer.dim": 4000}), "")
