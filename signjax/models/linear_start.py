"""First parameters of tokenizers and auto-encoders: the principal components of the data.

Training then begins at the best linear code there is instead of noise: on How2Sign a tokenizer takes a tenth
of the time to the same error.
"""

import jax
import jax.numpy as jnp
import numpy as np

from signjax.models import autoencoder2d
from signjax.models.code_layout import latent_dim
from signjax.pose import body_parts, losses, skeleton

# Variance, in squares of neck-to-shoulder lengths, below which a component is rounding of float32.
LEAST_POWER = 1e-10


def start_tokenizer(config, pose) -> dict:
    """Parameters of the linear paths of a tokenizer's codecs.

    FSQ rounds in units, and a Gaussian bottleneck wants latents near the standard normal distribution, so
    their components are scaled to unit variance.

    Args:
      config: of the tokenizer; reads `layout`, `quantizer` and `model.size.stride`.
      pose: [n, stride * m, J, 3] canonical windows.
    """
    params = {}
    for part, frames in body_parts.split_parts(pose, config.layout).items():
        # Right and left sides together: they share the codec, and so its linear paths.
        x = np.asarray(frames, np.float64).reshape(-1, config.model.size.stride * frames.shape[-1])
        centre, dim = x.mean(0), latent_dim(config.quantizer, part)
        power, basis = np.linalg.eigh(np.cov(x - centre, rowvar=False))
        # eigh sorts from small to large, and the largest components are wanted.
        power, basis = power[::-1][:dim], basis[:, ::-1][:, :dim]  # [D], [stride * F, D]
        # Rounding gives a part that never moves a power about 0, on either side of it: no unit variance can
        # be made of that, and the inverse would be infinite, or blow rounding up to motion.
        varies, gain = np.ones(dim, bool), np.ones(dim)
        if config.quantizer.kind in ("fsq", "kl"):
            varies = power > LEAST_POWER
            gain[varies] = 1 / np.sqrt(power[varies])
        # The name that flax gives to an entry of the dict `codecs`: these parameters take the place of those.
        params[f"codecs_{part}"] = {
            "linear_in": _dense_params(basis * gain, -centre @ basis * gain),
            # 0 where nothing varies: the noise of a Gaussian bottleneck must not become motion there.
            "linear_out": _dense_params((basis / gain * varies).T, centre),
        }
    return params


def start_autoencoder2d(dim: int, pose) -> dict:
    """Parameters of the linear paths of the planar auto-encoder, and "statistics" of their latents.

    The components are those of joints, with hands relative to their wrists, since that is what errors are
    measured in. Depths start as the best linear function of the latents.

    Args:
      dim: of the latents.
      pose: [n, W, 50, 3] canonical windows.
    """
    # Joints are linear in the features: y = features @ carry.
    carry = _relative_joints(autoencoder2d.features_to_points(jnp.eye(autoencoder2d.NUM_FEATURES)))
    y = _relative_joints(pose[..., :2])
    centre = y.mean(0)
    _, basis = np.linalg.eigh(np.cov(y - centre, rowvar=False))
    # A random turn gives every latent about the same variance, so that standardised latents are as far apart
    # as their poses are.
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(dim, dim)))
    basis = basis[:, ::-1][:, :dim] @ turn  # [100, dim]
    back = np.linalg.inv(carry)
    latents = (y - centre) @ basis
    depths = np.asarray(autoencoder2d.z_to_depth_features(pose[..., 2]), np.float64).reshape(
        -1, autoencoder2d.NUM_DEPTH_FEATURES
    )
    slope = np.linalg.lstsq(latents, depths - depths.mean(0), rcond=None)[0]  # [dim, 50]
    params = {
        "codec": {
            "linear_in": _dense_params(carry @ basis, -centre @ basis),
            "linear_out": _dense_params(basis.T @ back, centre @ back),
        },
        "lifted": {"linear": _dense_params(slope, depths.mean(0))},
    }
    statistics = {"mean": np.zeros(dim), "square": (latents**2).mean(0)}
    return params | {"statistics": jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), statistics)}


def _relative_joints(pose):
    """Joints [..., 50, 2] of body and of hands relative to their wrists as rows [n, 100] float64."""
    parts = [pose[..., skeleton.BODY, :], losses.relative_hands(pose)]
    return np.asarray(jnp.concatenate(parts, axis=-2), np.float64).reshape(-1, autoencoder2d.NUM_FEATURES)


def _dense_params(kernel, bias) -> dict:
    return {"kernel": jnp.asarray(kernel, jnp.float32), "bias": jnp.asarray(bias, jnp.float32)}
