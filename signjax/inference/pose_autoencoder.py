"""A trained auto-encoder with continuous latents: clips to float sequences and back."""

import functools
from collections.abc import Sequence

import jax
import numpy as np

from signjax.errors import DataError
from signjax.inference import padded_decoding
from signjax.inference.pose_codec import PoseCodec, compile_methods
from signjax.models import build


class PoseAutoencoder(PoseCodec):
    """Encodes clips to latents [N, dim] float32 and decodes them; a run of configs/ae2d.py or vqvae.py:kl.

    The planar auto-encoder (task "ae2d") sees x and y only and has one latent for each frame, of mean 0 and
    variance 1 over the training data; it predicts the depth of decoded clips.
    """

    @classmethod
    def from_config(cls, config, variables: dict | None = None) -> "PoseAutoencoder":
        """Builds the auto-encoder of a config, with the variables of a run if it is trained."""
        if config.task == "ae2d":
            return _PlanarAutoencoder.from_config(config, variables)
        model = build.build_tokenizer(config)
        return cls(config, variables, model.stride, *compile_methods(model), reach=model.reach)


class _PlanarAutoencoder(PoseAutoencoder):
    """The auto-encoder of task "ae2d"."""

    @classmethod
    def from_config(cls, config, variables: dict | None = None) -> PoseAutoencoder:
        model = build.build_autoencoder2d(config)

        # Every codec is called with whole poses, so that callers need not know which of them drops the depth.
        def encode(variables, pose, mask):
            return model.apply(variables, pose[..., :2], mask, method="encode")

        decode = jax.jit(functools.partial(model.apply, method="decode"))
        return cls(config, variables, 1, encode_batch=jax.jit(encode), decode_batch=decode)

    def decode_arrays(self, codes: Sequence[np.ndarray]) -> list[np.ndarray]:
        dim = self.config.model.dim
        # The compiled decoder would say of a wrong width only that matrix products do not fit.
        for number, latents in enumerate(codes):
            if np.shape(latents)[1:] != (dim,):
                shape = list(np.shape(latents))
                raise DataError(f"latents {number} have the shape {shape}; give [T, {dim}]")
        run = functools.partial(self.decode_batch, self.variables)
        arrays = [np.asarray(latents, np.float32) for latents in codes]
        return padded_decoding.decode_by_length(run, arrays, self.stride)
