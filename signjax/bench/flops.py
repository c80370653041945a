"""Floating-point operations of the models' matrix products, counted by hand.

A product of [M, K] and [K, N] takes 2 M K N. What is done value by value (norms, activations, softmax) is left
out: it is under 2 % of the whole, and tests/test_bench.py holds these formulas against XLA's own count.
"""

from signjax import skeleton, streams
from signjax.models import gpt
from signjax.tasks import vqvae


def dense(rows: int, *widths: int) -> int:
    """Dense layers one after another: `widths` of the input, between them, and of the output."""
    return sum(2 * rows * a * b for a, b in zip(widths, widths[1:], strict=False))


def attention(queries: int, keys: int, width: int) -> int:
    """Scores and weighted sum of all heads, for `queries` of a row that see `keys` each."""
    return 4 * queries * keys * width


def block(rows: int, keys: int, width: int, mlp: int) -> int:
    """A transformer block of self-attention and MLP, over `rows` positions that see `keys` each."""
    return dense(rows, width, 3 * width) + attention(rows, keys, width) + dense(rows, width, width) + dense(
        rows, width, mlp, width
    )


def tokenizer(c, batch: int, frames: int) -> int:
    """A pass of the tokenizer of config `c` over windows [batch, frames]: encoder, quantizer, decoder."""
    size, codes = c.model.size, c.quantizer.codes
    tokens = frames // size.stride  # of a window
    if c.model.kind == "seed":
        rows, dim = batch * frames, c.quantizer.dim
        ends = 2 * dense(rows, 3 * skeleton.NUM_JOINTS, size.width)
        blocks = 2 * size.depth * block(rows, frames, size.width, size.mlp)
        folds = dense(batch * tokens, size.stride * size.width, dim) + dense(
            batch * tokens, dim, size.width, size.stride * size.width
        )
        return ends + blocks + folds + dense(batch * tokens, dim, codes)
    return sum(_codec(c, part, batch, tokens) for part in streams.LAYOUTS[c.layout])


def _codec(c, part: str, batch: int, tokens: int) -> int:
    """One part's encoder, quantizer and decoder; see signjax.models.vqvae.Codec."""
    width, depth, stride = c.model.size.width, c.model.size.depth, c.model.size.stride
    parts, sides = streams.LAYOUTS[c.layout], len(streams.sides(c.layout))
    dims = {name: vqvae.latent_dim(c.quantizer, name) for name in parts}
    own, dim = stride * parts[part], dims[part]
    rows = sides * batch * tokens
    convolutions = sum(
        dense(sides * batch * (3 * tokens - 2 * 2 ** (i % 3)), width, width) + dense(rows, width, width)
        for i in range(depth)
    )  # of three taps, those inside the window
    encoder = dense(rows, sides * stride * sum(parts.values()), width) + dense(rows, width, dim)
    decoder = dense(rows, sides * sum(dims.values()), width) + dense(rows, width, own)
    straight = dense(rows, own, dim, own)
    books = c.quantizer.levels[part] * dense(rows, dim, c.quantizer.codes)
    return encoder + decoder + 2 * convolutions + straight + books


def text(c, rows: int, length: int) -> int:
    """The text encoder of a GPT with fields `c` over `rows` texts of `length` ids, and the memory it makes."""
    around = dense(rows * length, 2 * c.width, c.width)
    memory = c.depth * dense(rows * length, c.width, 2 * c.width)
    return around + c.text_depth * block(rows * length, length, c.width, c.mlp) + memory


def positions(c, columns: int, codes: int, rows: int, keys: int, length: int) -> int:
    """A GPT's decoder and its head over `rows` positions that see `keys` positions and `length` text ids."""
    w = c.width
    past = dense(rows, (gpt.RECENT - 1) * w, w)
    cross = dense(rows, w, w, w) + attention(rows, length, w)
    layers = c.depth * (block(rows, keys, w, c.mlp) + cross)
    return past + layers + columns * dense(rows, w, w, codes)


def sampled(c, columns: int, codes: int, clips: int, length: int, tokens: int) -> int:
    """Sampling `tokens` tokens of each of `clips` clips with a cache of that length; guidance doubles `clips`."""
    return text(c, clips, length) + positions(c, columns, codes, clips * tokens, tokens, length)


def tokenizer_step(c, batch: int, frames: int) -> int:
    """A training step: twice the pass again for gradients, but none of the data and of the search for codes."""
    size, tokens = c.model.size, batch * frames // c.model.size.stride
    if c.model.kind == "seed":
        given = dense(batch * frames, 3 * skeleton.NUM_JOINTS, size.width)
        search = dense(tokens, c.quantizer.dim, c.quantizer.codes)
    return 3 * tokenizer(c, batch, frames) - given - 2 * search


def gpt_step(c, columns: int, codes: int, rows: int, length: int, text_length: int) -> int:
    """A training step of a GPT on `rows` rows of `length` positions and `text_length` text ids."""
    seen = positions(c, columns, codes, rows * length, length, text_length)
    return 3 * (text(c, rows, text_length) + seen)
