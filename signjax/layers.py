"""Building blocks shared by the models: masked convolution blocks and pre-norm transformers."""

import flax.linen as nn


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
        return x + nn.Dense(width, kernel_init=nn.initializers.zeros, name="out")(nn.gelu(h))
