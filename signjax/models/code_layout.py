"""How the codes of a tokenizer are laid out: what its config says of columns, values and latents."""

import numpy as np

from signjax.errors import ConfigError
from signjax.pose import body_parts


def latent_dim(quantizer, part: str) -> int:
    """Size of the latents of a body part, from the `quantizer` field of a config.

    It is levels * len(steps) for FSQ, the number of levels for a Gaussian bottleneck, and else `dim`.
    """
    levels = quantizer.levels[part]
    return {"fsq": levels * len(quantizer.steps), "kl": levels}.get(quantizer.kind, quantizer.dim)


def code_shape(config) -> tuple[int, int]:
    """(C, K) of a tokenizer's config: codes of a token, and values that a code can have.

    Raises:
      ConfigError: the bottleneck is continuous and has no codes.
    """
    if config.quantizer.kind == "kl":
        raise ConfigError("quantizer.kind is 'kl', which has no codes; train configs/flow.py on it")
    size = int(np.prod(config.quantizer.steps)) if config.quantizer.kind == "fsq" else config.quantizer.codes
    return len(code_columns(config)), size


def code_columns(config) -> list[tuple[str, str, int]]:
    """(side, part, level) of each of the C codes of a token, such as ("right ", "hand", 0)."""
    # In the order in which VQVAE joins codes to columns; in another one they would get each other's names.
    return [
        (side, part, level)
        for part in body_parts.LAYOUTS[config.layout]
        for side in body_parts.list_sides(config.layout)
        for level in range(config.quantizer.levels[part])
    ]


def has_face(config) -> bool:
    """Whether a tokenizer or auto-encoder of this config takes and makes poses of 120 joints, not 50."""
    # The task first: configs of the planar auto-encoder have no layout.
    return config.task == "vqvae" and body_parts.has_face(config.layout)
