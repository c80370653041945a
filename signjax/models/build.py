"""The flax modules that configs describe, without their parameters.

Each function reads the `model` field of a config and what else its docstring names.
"""

import functools

from signjax.errors import ConfigError, did_you_mean
from signjax.models import (
    autoencoder2d,
    back_translator,
    flow_transformer,
    gpt,
    masked_transformer,
    quantizers,
    seed_gpt,
    seed_vqvae,
    sign_recognizer,
    vqvae,
)
from signjax.models.code_layout import code_shape, latent_dim
from signjax.pose import body_parts


def build_tokenizer(config) -> vqvae.VQVAE | seed_vqvae.SeedVQVAE:
    """The tokenizer of a config with task "vqvae"; reads `quantizer` and `layout`, too.

    Raises:
      ConfigError: the layout is unknown, or one that the model does not know.
    """
    if config.layout not in body_parts.LAYOUTS:
        raise ConfigError(
            f"layout is {config.layout!r}; it can be {', '.join(map(repr, body_parts.LAYOUTS))}"
        )
    # The original project's model quantizes the whole pose at once, so its only part is "whole".
    if config.model.kind == "seed" and config.layout != "whole":
        raise ConfigError(f"layout is {config.layout!r}, and the model 'seed' needs 'whole'")
    fields = {"quantizer": functools.partial(build_quantizer, config.quantizer), **config.model.size}
    dims = {part: latent_dim(config.quantizer, part) for part in body_parts.LAYOUTS[config.layout]}
    if config.model.kind == "seed":
        return seed_vqvae.SeedVQVAE(dim=dims["whole"], **fields)
    return vqvae.VQVAE(layout=config.layout, dims=dims, **fields)


def build_quantizer(quantizer, part: str):
    """A new quantizer for a body part, from the `quantizer` field of a config.

    Raises:
      ConfigError: its kind is unknown.
    """
    if quantizer.kind not in quantizers.QUANTIZERS:
        options = f"it can be: {', '.join(quantizers.QUANTIZERS)}"
        hint = did_you_mean(quantizer.kind, quantizers.QUANTIZERS, options)
        raise ConfigError(f"quantizer.kind is {quantizer.kind!r}{hint}")
    return quantizers.QUANTIZERS[quantizer.kind](quantizer, quantizer.levels[part])


def build_autoencoder2d(config) -> autoencoder2d.PlanarAutoEncoder:
    """The auto-encoder of a config with task "ae2d".

    Raises:
      ConfigError: the latents are wider than what they encode.
    """
    if not 1 <= config.model.dim <= autoencoder2d.NUM_FEATURES:
        raise ConfigError(
            f"model.dim is {config.model.dim}; give 1 to {autoencoder2d.NUM_FEATURES}, the "
            f"features of a frame"
        )
    return autoencoder2d.PlanarAutoEncoder(**config.model)


def build_gpt(config, vocabulary: int, tokenizer_config) -> gpt.GPT:
    """The GPT of a config with task "gpt".

    Args:
      config: of the GPT.
      vocabulary: number of text ids, 0 if texts come as features.
      tokenizer_config: of the tokenizer whose codes it writes.
    """
    columns, codes = code_shape(tokenizer_config)
    return gpt.GPT(vocabulary=vocabulary, columns=columns, codes=codes, **config.model)


def build_masked_model(config, vocabulary: int, tokenizer_config) -> masked_transformer.MaskedTransformer:
    """The model of a config with task "masked"; arguments as of `build_gpt`."""
    columns, codes = code_shape(tokenizer_config)
    return masked_transformer.MaskedTransformer(
        vocabulary=vocabulary, columns=columns, codes=codes, **config.model
    )


def build_seed_gpt(config, vocabulary: int, tokenizer_config) -> seed_gpt.SeedGPT:
    """The GPT of a config with task "seed_gpt"; arguments as of `build_gpt`.

    Raises:
      ConfigError: texts do not come as features of an encoder, or a token has several codes.
    """
    columns, codes = code_shape(tokenizer_config)
    if vocabulary:
        raise ConfigError("text.encoder is empty; the original GPT needs one, such as bert-base-uncased")
    if columns > 1:
        raise ConfigError(
            f"tokenizer: {config.tokenizer} has {columns} codes in a token; the original GPT takes one, as "
            "configs/vqvae.py:seed has"
        )
    return seed_gpt.SeedGPT(codes=codes, **config.model)


def build_flow(config, vocabulary: int, dim: int) -> flow_transformer.FlowTransformer:
    """The flow of a config with task "flow", for positions of `dim` numbers."""
    return flow_transformer.FlowTransformer(vocabulary=vocabulary, dim=dim, **config.model)


# By the task of a config. The flow is not among them: it needs the size of latents instead of codes.
TOKEN_MODELS = {"gpt": build_gpt, "masked": build_masked_model, "seed_gpt": build_seed_gpt}


def build_generator(config, vocabulary: int, codec_config, dim: int = 0):
    """The model of a config that makes clips of texts, chosen by its task.

    Args:
      config: of the generator.
      vocabulary: number of text ids, 0 if texts come as features.
      codec_config: of the tokenizer or auto-encoder whose codes or latents it writes.
      dim: of a flow, numbers of a position.
    """
    if config.task == "flow":
        return build_flow(config, vocabulary, dim)
    return TOKEN_MODELS[config.task](config, vocabulary, codec_config)


def build_recognizer(config, words: int) -> sign_recognizer.SignRecognizer:
    """The model of a config with task "recognizer" for so many words."""
    return sign_recognizer.SignRecognizer(words, **config.model)


def build_back_translator(config, vocabulary: int) -> back_translator.BackTranslator:
    """The model of a config with task "backtranslate" for so many text ids."""
    return back_translator.BackTranslator(vocabulary, **config.model)
