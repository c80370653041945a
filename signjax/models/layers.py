"""Building blocks shared by the models: masked convolution blocks and pre-norm transformers.

`dtype` is the type that a block computes in, None for that of its input; parameters are float32 always, and
so is the inside of norms and of softmax.
"""

import functools
from typing import Any

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
    dtype: Any = None

    @nn.compact
    def __call__(self, x, mask):
        """x [B, N, D], mask [B, N] bool."""
        width, kind = x.shape[-1], {"dtype": self.dtype}
        h = nn.LayerNorm(**kind)(x) * mask[..., None]
        h = nn.Conv(width, (self.kernel,), kernel_dilation=(self.dilation,), name="mix", **kind)(h)
        return x + Dense(width, kernel_init=nn.initializers.zeros, name="out", **kind)(nn.gelu(h))


class EncoderBlock(nn.Module):
    """Pre-norm transformer block (Vaswani et al. 2017, Xiong et al. 2020). [B, N, D] -> [B, N, D].

    Masked positions are never attended to; what comes out at them means nothing.

    Attributes:
      heads: of the attention; they divide D.
      mlp: width of the hidden layer of the GELU MLP.
      dropout: of both residual branches in training.
      exact: GELU and norms to the digits of PyTorch's, see `gelu` and `make_layer_norm`.
    """

    heads: int
    mlp: int
    dropout: float = 0.0
    dtype: Any = None
    exact: bool = False

    @nn.compact
    def __call__(self, x, mask, train: bool = False):
        """x [B, N, D], mask [B, N], or [B, N, N] for the positions each may attend to, bool."""
        width = x.shape[-1]
        dense = functools.partial(Dense, dtype=self.dtype)
        norm = functools.partial(make_layer_norm, self.exact, dtype=self.dtype)
        drop = nn.Dropout(self.dropout, deterministic=not train)
        mask = mask[:, None, None, :] if mask.ndim == 2 else mask[:, None]
        h = dense(3 * width, name="qkv")(norm()(x))
        q, k, v = jnp.split(h.reshape(*h.shape[:2], self.heads, -1), 3, axis=-1)  # [B, N, H, D / H]
        h = jax.nn.dot_product_attention(q, k, v, mask=mask)
        x = x + drop(dense(width, name="out")(h.reshape(x.shape)))
        h = gelu(dense(self.mlp, name="up")(norm()(x)), self.exact)
        return x + drop(dense(width, name="down")(h))


def make_layer_norm(exact: bool, **options) -> nn.LayerNorm:
    """flax's LayerNorm; if it must be exact with the epsilon of PyTorch's, 1e-5."""
    digits = {"epsilon": 1e-5, "use_fast_variance": False} if exact else {}
    return nn.LayerNorm(**digits, **options)


def gelu(x, exact: bool):
    """The usual approximation of GELU by tanh, or as it is defined (Hendrycks and Gimpel 2016)."""
    return nn.gelu(x, approximate=not exact)


def scan_layers(layer, block: nn.Module, depth: int, x, rows=None, remat: bool = False):
    """Takes x through `depth` layers of one kind, which are compiled once, however many they are.

    Parameters of layer i are row i of the block's (jax.lax.scan over layers).

    Args:
      layer: (block, x, its own of `rows`) -> x.
      block: bound, and called in nothing else but `layer`.
      depth: how many; 0 leaves x as it is.
      x: what a layer changes.
      rows: arrays [depth, ...] that layer i sees row i of.
      remat: keep nothing of a layer for its gradient but its input, and compute the rest again (Chen et al.
        2016): less memory for a third more work.
    """
    if not depth:
        return x

    def one(block, x, rows):
        return layer(block, x, rows), None

    if remat:
        one = nn.remat(one, prevent_cse=False)
    axes = {"variable_axes": {"params": 0}, "split_rngs": {"params": True, "dropout": True}}
    return nn.scan(one, **axes, length=depth)(block, x, rows)[0]


def sinusoidal_embedding(positions, width: int, dtype=jnp.float32):
    """Positions [...] as sines and cosines, wavelengths 2 pi to 20000 pi, [..., D] (Vaswani et al. 2017)."""
    frequencies = 10_000.0 ** (-np.arange(0, width, 2, dtype=np.float32) / width)  # [D / 2]
    angles = positions[..., None] * frequencies
    return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1).astype(dtype)
