"""Floating-point operations of the models' matrix products, counted by hand.

A product of [M, K] and [K, N] takes 2 M K N. What is computed value by value (norms, activations, softmax) is
left out: it is under 2 % of a pass, and tests/benchmarks/test_benchmarks.py compares these formulas with
XLA's own count.
"""

import itertools
from typing import NamedTuple

from signjax.models import code_layout, gpt
from signjax.pose import body_parts, skeleton


class TokenizerFlops(NamedTuple):
    """Operations of a pass of a tokenizer, divided by what their gradients cost in training."""

    inputs: int  # of the layers that read the data
    search: int  # for the nearest codes
    others: int  # of all other layers

    def __add__(self, more):
        return TokenizerFlops(*(a + b for a, b in zip(self, more, strict=True)))


def count_dense(rows: int, *widths: int) -> int:
    """Dense layers one after another: `widths` of the input, between them, and of the output."""
    return sum(2 * rows * a * b for a, b in itertools.pairwise(widths))


def count_attention(queries: int, keys: int, width: int) -> int:
    """Scores and weighted sum of all heads, for `queries` that attend to `keys` each."""
    # Both are products over `width` numbers, so the number of heads does not matter.
    return 4 * queries * keys * width


def count_block(rows: int, keys: int, width: int, mlp: int) -> int:
    """A transformer block of self-attention and MLP, over `rows` positions that attend to `keys` each."""
    return (
        count_dense(rows, width, 3 * width)
        + count_attention(rows, keys, width)
        + count_dense(rows, width, width)
        + count_dense(rows, width, mlp, width)
    )


def count_tokenizer(c, batch: int, frames: int) -> int:
    """A pass of the tokenizer of config `c` over windows [batch, frames]: encoder, quantizer, decoder."""
    return sum(_count_tokenizer_parts(c, batch, frames))


def count_tokenizer_step(c, batch: int, frames: int) -> int:
    """A training step of the tokenizer: a pass forward and its gradients."""
    parts = _count_tokenizer_parts(c, batch, frames)
    # A layer's gradients take two more passes, one to its weights and one to its inputs; data need none.
    # Codes do not learn by gradient: what moves them is a product as large as the search for them.
    return 2 * parts.inputs + 2 * parts.search + 3 * parts.others


def _count_tokenizer_parts(c, batch: int, frames: int) -> TokenizerFlops:
    if c.model.kind == "conv":
        none = TokenizerFlops(0, 0, 0)
        tokens = frames // c.model.size.stride
        layout = body_parts.LAYOUTS[c.layout]
        return sum((_count_codec_parts(c, part, batch, tokens) for part in layout), start=none)
    return _count_seed_tokenizer_parts(c, batch, frames)


def _count_seed_tokenizer_parts(c, batch: int, frames: int) -> TokenizerFlops:
    """The original transformer, which works frame by frame and folds frames into tokens in the middle."""
    size, tokens = c.model.size, frames // c.model.size.stride
    rows, dim, coordinates = batch * frames, c.quantizer.dim, 3 * skeleton.NUM_JOINTS
    folds = count_dense(batch * tokens, size.stride * size.width, dim)
    folds += count_dense(batch * tokens, dim, size.width, size.stride * size.width)
    blocks = 2 * size.depth * count_block(rows, frames, size.width, size.mlp)  # encoder and decoder
    inputs = count_dense(rows, coordinates, size.width)
    search = count_dense(batch * tokens, dim, c.quantizer.codes)
    return TokenizerFlops(inputs, search, blocks + folds + count_dense(rows, size.width, coordinates))


def _count_codec_parts(c, part: str, batch: int, tokens: int) -> TokenizerFlops:
    """The codec of one body part, see signjax.models.vqvae.Codec."""
    width, depth, stride = c.model.size.width, c.model.size.depth, c.model.size.stride
    parts, sides = body_parts.LAYOUTS[c.layout], len(body_parts.list_sides(c.layout))
    dims = {name: code_layout.latent_dim(c.quantizer, name) for name in parts}
    # Both sides of the body pass through one codec, as rows of its batch.
    features, dim, rows = stride * parts[part], dims[part], sides * batch * tokens
    # Tokens that a convolution of kernel 3, dilation 2^(i % 3) reads; those outside the window cost nothing.
    taps = [3 * tokens - 2 * 2 ** (i % 3) for i in range(depth)]
    blocks = sum(count_dense(sides * batch * n, width, width) + count_dense(rows, width, width) for n in taps)
    # The deep path reads all parts of both sides, the linear path its own part only.
    inputs = count_dense(rows, sides * stride * sum(parts.values()), width) + count_dense(rows, features, dim)
    search = c.quantizer.levels[part] * count_dense(rows, dim, c.quantizer.codes)
    ends = count_dense(rows, width, dim) + count_dense(rows, sides * sum(dims.values()), width, features)
    return TokenizerFlops(inputs, search, 2 * blocks + ends + count_dense(rows, dim, features))


def count_text_encoder(c, rows: int, length: int) -> int:
    """The text encoder of a GPT with fields `c` over `rows` texts of `length` ids, and its memory."""
    inputs = count_dense(rows * length, 2 * c.width, c.width)
    # Keys and values of all layers of the decoder are computed once, with the text.
    memory = c.depth * count_dense(rows * length, c.width, 2 * c.width)
    return inputs + c.text_depth * count_block(rows * length, length, c.width, c.mlp) + memory


def count_decoder(c, columns: int, codes: int, rows: int, keys: int, length: int) -> int:
    """A GPT's decoder and its head over `rows` positions that see `keys` positions and `length` text ids."""
    width = c.width
    # The last token is added to a position as it is; those before it pass through a layer.
    past = count_dense(rows, (gpt.RECENT - 1) * width, width)
    head = columns * count_dense(rows, width, width, codes)
    return past + c.depth * count_decoder_block(c, rows, keys, length) + head


def count_decoder_block(c, rows: int, keys: int, length: int) -> int:
    """A block that attends to a text, too, `rows` positions that see `keys` of them and `length` ids."""
    cross = count_dense(rows, c.width, c.width, c.width) + count_attention(rows, length, c.width)
    return count_block(rows, keys, c.width, c.mlp) + cross


def count_sampling(c, columns: int, codes: int, clips: int, length: int, tokens: int) -> int:
    """Sampling `tokens` tokens of `clips` clips with a cache of that length; guidance doubles `clips`."""
    # The whole cache is read at every token, its empty part too: arrays of a compiled program have one size.
    decoder = count_decoder(c, columns, codes, clips * tokens, tokens, length)
    return count_text_encoder(c, clips, length) + decoder


def count_gpt_step(c, columns: int, codes: int, rows: int, length: int, text_length: int) -> int:
    """A training step of a GPT on `rows` rows of `length` positions and `text_length` text ids."""
    decoder = count_decoder(c, columns, codes, rows * length, length, text_length)
    # Forward, gradients of the weights and gradients of the inputs. All layers have both: a GPT's inputs are
    # embeddings, which are learned.
    return 3 * (count_text_encoder(c, rows, text_length) + decoder)


def count_masked_step(c, columns: int, codes: int, rows: int, length: int, text_length: int) -> int:
    """A training step of a masked model; arguments as of `count_gpt_step`."""
    head = columns * count_dense(rows * length, c.width, c.width, codes)
    layers = _count_bidirectional(c, rows, length, text_length)
    return 3 * (count_text_encoder(c, rows, text_length) + layers + head)


def count_flow_step(c, dim: int, rows: int, length: int, text_length: int) -> int:
    """A training step of a flow whose positions have `dim` numbers; for the rest see `count_gpt_step`."""
    positions, width = rows * length, c.width
    # Latents and times are data: the layers that read them have no gradient to their inputs.
    inputs = count_dense(positions, dim, width) + count_dense(positions, width, width)
    modulation = c.depth * count_dense(positions, width, 2 * width)
    layers = (
        modulation + count_dense(positions, width, dim) + _count_bidirectional(c, rows, length, text_length)
    )
    return 2 * inputs + 3 * (count_text_encoder(c, rows, text_length) + layers)


def _count_bidirectional(c, rows: int, length: int, text_length: int) -> int:
    """The layers of a model that fills whole clips, and the text that is aligned with each position."""
    positions, width = rows * length, c.width
    # The aligned text is a weighted sum over text ids, like the second half of an attention.
    aligned_text = 2 * positions * text_length * width + count_dense(positions, 2 * width, width)
    # A convolution of kernel 3 reads 3 positions each, but one less at either end of a row.
    taps = rows * (3 * length - 2)
    convolution = count_dense(taps, width, width) + count_dense(positions, width, width)
    block = count_decoder_block(c, positions, length, text_length)
    return aligned_text + c.depth * (convolution + block)
