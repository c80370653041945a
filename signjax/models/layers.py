"""Layers that several models share: dense layers, masked convolution blocks and pre-norm transformer blocks.

`dtype` is the type that a block computes in; None means the type of its input. Parameters are always float32,
and norms and softmax compute in float32 inside: bfloat16 has 8 bits, too few for their sums.
"""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

UNROLLED = 4  # stacks of at most so many layers are compiled without a loop


class Dense(nn.Dense):
    """flax's Dense layer, computed as one matrix product of all rows."""

    def __call__(self, x):
        """x [..., D] -> [..., features]."""
        # XLA's gradient of a product with two leading axes takes CPUs twice as long as with one.
        return super().__call__(x.reshape(-1, x.shape[-1])).reshape(*x.shape[:-1], self.features)


class KeyValueDense(nn.Module):
    """A dense layer for the keys and values of all layers of a decoder. [..., D] -> [..., depth, H, 2D / H].

    Its parameters are those of `Dense`. They are divided into heads before the product and not after it:
    where devices share the heads (signjax.training.sharding), each computes its own and sends none.

    Attributes:
      depth: layers.
      heads: H.
    """

    depth: int
    heads: int
    dtype: Any = None

    @nn.compact
    def __call__(self, x):
        """x [..., D]."""
        width, shape = x.shape[-1], (self.depth, self.heads, 2 * x.shape[-1] // self.heads)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), (width, 2 * width * self.depth))
        bias = self.param("bias", nn.initializers.zeros, (2 * width * self.depth,))
        rows, kernel, bias = nn.dtypes.promote_dtype(x.reshape(-1, width), kernel, bias, dtype=self.dtype)
        out = jnp.tensordot(rows, kernel.reshape(width, *shape), 1) + bias.reshape(shape)
        return out.reshape(*x.shape[:-1], *shape)


class ConvBlock(nn.Module):
    """Pre-norm residual block over time: convolution, GELU, projection. [B, N, D] -> [B, N, D].

    Masked positions enter the convolution as zeros, so the padding of a sequence cannot reach its content.
    """

    kernel: int = 3
    dilation: int = 1
    dtype: Any = None

    @nn.compact
    def __call__(self, x, mask):
        """x [B, N, D], mask [B, N] bool."""
        width, compute = x.shape[-1], {"dtype": self.dtype}
        # The mask comes after the norm: the bias of a norm would make zeros something else again.
        h = nn.LayerNorm(**compute)(x) * mask[..., None]
        h = nn.Conv(width, (self.kernel,), kernel_dilation=(self.dilation,), name="mix", **compute)(h)
        # With zeros here a new block changes nothing, so deep stacks train from the first step.
        return x + Dense(width, kernel_init=nn.initializers.zeros, name="out", **compute)(nn.gelu(h))


class EncoderBlock(nn.Module):
    """Pre-norm transformer block (Vaswani et al. 2017, Xiong et al. 2020). [B, N, D] -> [B, N, D].

    Masked positions are never attended to; the output at masked positions has no meaning.

    Attributes:
      heads: H, attention heads; H divides D.
      mlp: hidden width of the MLP.
      dropout: rate on both residual branches in training.
      exact: compute GELU and norms as PyTorch does, for weights that were trained there.
    """

    heads: int
    mlp: int
    dropout: float = 0.0
    dtype: Any = None
    exact: bool = False

    @nn.compact
    def __call__(self, x, mask, train: bool = False):
        """x [B, N, D]; mask bool, [B, N] or, for each position what it may attend to, [B, N, N]."""
        width = x.shape[-1]
        dense = functools.partial(Dense, dtype=self.dtype)
        norm = functools.partial(make_layer_norm, self.exact, dtype=self.dtype)
        drop = nn.Dropout(self.dropout, deterministic=not train)
        mask = mask[:, None, None, :] if mask.ndim == 2 else mask[:, None]  # an axis for the heads
        # Queries, keys and values in one product: one large product is faster than three small ones.
        h = dense(3 * width, name="qkv")(norm()(x))
        q, k, v = jnp.split(h.reshape(*h.shape[:2], self.heads, -1), 3, axis=-1)  # [B, N, H, D / H]
        h = attend(q, k, v, mask=mask)
        x = x + drop(dense(width, name="out")(h.reshape(x.shape)))
        h = apply_gelu(dense(self.mlp, name="up")(norm()(x)), self.exact)
        return x + drop(dense(width, name="down")(h))


def attend(queries, keys, values, *, mask, bias=None):
    """Scaled dot-product attention (Vaswani et al. 2017): what each position takes from others, [B, N, H, D].

    Args:
      queries: [B, N, H, D].
      keys, values: [B, M, H, D].
      mask: bool, [B or 1, H or 1, N or 1, M], which of M each of N may attend to. A position that may attend
        to none gets their mean.
      bias: added to the logits, [B or 1, H or 1, N, M]; None for none.
    """
    # Not jax.nn.dot_product_attention: its axis for groups of heads takes CPUs 4 % of a training step.
    queries, keys, values = (x.swapaxes(1, 2) for x in (queries * queries.shape[-1] ** -0.5, keys, values))
    # The softmax is computed in float32 of bfloat16 inputs, too.
    along_width = (((3,), (3,)), ((0, 1), (0, 1)))
    logits = jax.lax.dot_general(queries, keys, along_width, preferred_element_type=jnp.float32)
    logits = logits if bias is None else logits + bias
    # Large and finite, as a row of minus infinity would be NaN.
    weights = jax.nn.softmax(jnp.where(mask, logits, 0.7 * jnp.finfo(logits.dtype).min), axis=-1)
    return jnp.einsum("bhnm,bhmd->bhnd", weights.astype(values.dtype), values).swapaxes(1, 2)


def make_layer_norm(exact: bool, **options) -> nn.LayerNorm:
    """flax's LayerNorm; with `exact` it has PyTorch's epsilon and takes the variance in two passes."""
    # flax's default epsilon is 1e-6, and its one-pass variance loses digits: weights from PyTorch notice
    # both.
    as_pytorch = {"epsilon": 1e-5, "use_fast_variance": False} if exact else {}
    return nn.LayerNorm(**as_pytorch, **options)


def apply_gelu(x, exact: bool):
    """GELU (Hendrycks and Gimpel 2016): by definition if `exact`, else by the usual tanh approximation."""
    return nn.gelu(x, approximate=not exact)


def scan_layers(apply_layer, block: nn.Module, depth: int, x, layer_inputs=None, remat: bool = False):
    """Passes x through `depth` layers of one kind; they are compiled once, however many there are.

    The parameters of layer i are row i of the block's parameters (jax.lax.scan over the layers).

    Args:
      apply_layer: (block, x, the layer's row of `layer_inputs`) -> x.
      block: bound, and called nowhere else but in `apply_layer`.
      depth: number of layers; with 0, x is returned as it is.
      x: what the layers change.
      layer_inputs: arrays [depth, ...]; layer i gets row i.
      remat: keep only each layer's input for the gradient, and compute the rest again (Chen et al. 2016):
        less memory for a third more work.
    """
    if not depth:
        return x

    def scan_step(block, x, row):
        return apply_layer(block, x, row), None

    if remat:
        # prevent_cse keeps XLA from merging the second computation with the first; a scan does that already.
        scan_step = nn.remat(scan_step, prevent_cse=False)
    # Random numbers are split, too: otherwise all layers would start with the same parameters and drop the
    # same units.
    axes = {"variable_axes": {"params": 0}, "split_rngs": {"params": True, "dropout": True}}
    # A loop copies each layer's parameters and what its gradient needs: unrolled, a step of the default
    # models takes 8 % less time. Deep stacks stay loops, for the time of compiling, and so do those with
    # `remat`: XLA would merge the second computation with the first.
    unroll = depth if depth <= UNROLLED and not remat else 1
    return nn.scan(scan_step, **axes, length=depth, unroll=unroll)(block, x, layer_inputs)[0]


def sinusoidal_embedding(positions, width: int, dtype=jnp.float32):
    """Positions [...] to sines and cosines [..., width] (Vaswani et al. 2017).

    The first half are the sines, the second the cosines; wavelengths grow from 2 pi to 20000 pi.
    """
    # In numpy, so that the frequencies are constants of the program and not computed in it.
    frequencies = 10_000.0 ** (-np.arange(0, width, 2, dtype=np.float32) / width)  # [width / 2]
    angles = positions[..., None] * frequencies
    return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1).astype(dtype)
