"""Building blocks shared by the models: masked convolution blocks and pre-norm transformers."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np


class Dense(nn.Dense):
    """flax's Dense as one matrix product: over [B, N, D] as it is, its gradient takes CPUs twice as long."""

    def __call__(self, x):
        """x [..., D] -> [..., features]."""
        return super().__call__(x.reshape(-1, x.shape[-1])).reshape(*x.shape[:-1], self.features)


class ConvBlock(nn.Module):
    """Pre-norm residual block over time: convolution, GELU, projection. [B, N, D] -> [B, N, D].

    Masked positions enter the convolution as zeros, so that a sequence's padding cannot reach its content.
    """

    kernel: int = 3
    dilation: int = 1

    @nn.compact
    def __call__(self, x, mask):
        """x [B, N, D], mask [B, N] bool."""
        width = x.shape[-1]
        h = nn.LayerNorm()(x) * mask[..., None]
        h = nn.Conv(width, (self.kernel,), kernel_dilation=(self.dilation,), name="mix")(h)
        return x + Dense(width, kernel_init=nn.initializers.zeros, name="out")(nn.gelu(h))


class EncoderBlock(nn.Module):
    """Pre-norm transformer block (Vaswani et al. 2017, Xiong et al. 2020). [B, N, D] -> [B, N, D].

    Masked positions are never attended to; what comes out at them means nothing.

    Attributes:
      heads: of the attention; they divide D.
      mlp: width of the hidden layer of the GELU MLP.
      dropout: of both residual branches in training.
    """

    heads: int
    mlp: int
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x, mask, train: bool = False):
        """x [B, N, D], mask [B, N], or [B, N, N] for the positions each may attend to, bool."""
        width = x.shape[-1]
        drop = nn.Dropout(self.dropout, deterministic=not train)
        mask = mask[:, None, None, :] if mask.ndim == 2 else mask[:, None]
        h = Dense(3 * width, name="qkv")(nn.LayerNorm()(x))
        q, k, v = jnp.split(h.reshape(*h.shape[:2], self.heads, -1), 3, axis=-1)  # [B, N, H, D / H]
        h = jax.nn.dot_product_attention(q, k, v, mask=mask)
        x = x + drop(Dense(width, name="out")(h.reshape(x.shape)))
        h = nn.gelu(Dense(self.mlp, name="up")(nn.LayerNorm()(x)))
        return x + drop(Dense(width, name="down")(h))


def sinusoids(positions, width: int):
    """Positions [...] as sines and cosines, wavelengths 2 pi to 20000 pi, [..., D] (Vaswani et al. 2017)."""
    frequencies = 10_000.0 ** (-np.arange(0, width, 2, dtype=np.float32) / width)  # [D / 2]
    angles = positions[..., None] * frequencies
    return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)
