"""Floating-point operations of the models' matrix products, counted by hand.

A product of [M, K] and [K, N] takes 2 M K N. What is done value by value (norms, activations, softmax) is
left out: it is under 2 % of a pass, and tests/benchmarks/test_benchmarks.py holds these formulas against
XLA's own count.
"""

import itertools

from signjax.models import gpt
from signjax.pose import body_parts, skeleton
from signjax.tasks import vqvae


def dense(rows: int, *widths: int) -> int:
    """Dense layers one after another: `widths` of the input, between them, and of the output."""
    return sum(2 * rows * a * b for a, b in itertools.pairwise(widths))


def attention(queries: int, keys: int, width: int) -> int:
    """Scores and weighted sum of all heads, for `queries` of a row that see `keys` each."""
    return 4 * queries * keys * width


def block(rows: int, keys: int, width: int, mlp: int) -> int:
    """A transformer block of self-attention and MLP, over `rows` positions that see `keys` each."""
    return (
        dense(rows, width, 3 * width)
        + attention(rows, keys, width)
        + dense(rows, width, width)
        + dense(rows, width, mlp, width)
    )


def tokenizer(c, batch: int, frames: int) -> int:
    """A pass of the tokenizer of config `c` over windows [batch, frames]: encoder, quantizer, decoder."""
    return sum(_tokenizer(c, batch, frames))


def tokenizer_step(c, batch: int, frames: int) -> int:
    """A training step: a pass and two more for the gradients, but none of the data's. The codes do not learn
    by gradient: what moves them is a product as large as their search."""
    given, search, rest = _tokenizer(c, batch, frames)
    return 2 * given + 2 * search + 3 * rest


def _tokenizer(c, batch: int, frames: int) -> tuple[int, int, int]:
    """(layers that read the data, the search for the nearest codes, all other layers)."""
    size, tokens = c.model.size, frames // c.model.size.stride  # of a window
    if c.model.kind == "conv":
        parts = [_codec(c, part, batch, tokens) for part in body_parts.LAYOUTS[c.layout]]
        return tuple(map(sum, zip(*parts, strict=True)))
    rows, dim, joints = batch * frames, c.quantizer.dim, 3 * skeleton.NUM_JOINTS
    folds = dense(batch * tokens, size.stride * size.width, dim)
    folds += dense(batch * tokens, dim, size.width, size.stride * size.width)
    blocks = 2 * size.depth * block(rows, frames, size.width, size.mlp)
    given, search = dense(rows, joints, size.width), dense(batch * tokens, dim, c.quantizer.codes)
    return given, search, blocks + folds + dense(rows, size.width, joints)


def _codec(c, part: str, batch: int, tokens: int) -> tuple[int, int, int]:
    """The same of one part; see signjax.models.vqvae.Codec."""
    width, depth, stride = c.model.size.width, c.model.size.depth, c.model.size.stride
    parts, sides = body_parts.LAYOUTS[c.layout], len(body_parts.sides(c.layout))
    dims = {name: vqvae.latent_dim(c.quantizer, name) for name in parts}
    own, dim, rows = stride * parts[part], dims[part], sides * batch * tokens
    taps = [3 * tokens - 2 * 2 ** (i % 3) for i in range(depth)]  # of a convolution, inside the window
    blocks = sum(dense(sides * batch * n, width, width) + dense(rows, width, width) for n in taps)
    given = dense(rows, sides * stride * sum(parts.values()), width) + dense(rows, own, dim)
    search = c.quantizer.levels[part] * dense(rows, dim, c.quantizer.codes)
    ends = dense(rows, width, dim) + dense(rows, sides * sum(dims.values()), width, own)
    return given, search, 2 * blocks + ends + dense(rows, dim, own)


def text(c, rows: int, length: int) -> int:
    """The text encoder of a GPT with fields `c` over `rows` texts of `length` ids, and its memory."""
    around = dense(rows * length, 2 * c.width, c.width)
    memory = c.depth * dense(rows * length, c.width, 2 * c.width)
    return around + c.text_depth * block(rows * length, length, c.width, c.mlp) + memory


def positions(c, columns: int, codes: int, rows: int, keys: int, length: int) -> int:
    """A GPT's decoder and its head over `rows` positions that see `keys` positions and `length` text ids."""
    w = c.width
    past = dense(rows, (gpt.RECENT - 1) * w, w)
    return past + c.depth * decoder_block(c, rows, keys, length) + columns * dense(rows, w, w, codes)


def decoder_block(c, rows: int, keys: int, length: int) -> int:
    """A block that attends to a text, too, `rows` positions that see `keys` of them and `length` ids."""
    cross = dense(rows, c.width, c.width, c.width) + attention(rows, length, c.width)
    return block(rows, keys, c.width, c.mlp) + cross


def sampled(c, columns: int, codes: int, clips: int, length: int, tokens: int) -> int:
    """Sampling `tokens` tokens of `clips` clips with a cache of that length; guidance doubles `clips`."""
    return text(c, clips, length) + positions(c, columns, codes, clips * tokens, tokens, length)


def gpt_step(c, columns: int, codes: int, rows: int, length: int, text_length: int) -> int:
    """A training step of a GPT on `rows` rows of `length` positions and `text_length` text ids."""
    seen = positions(c, columns, codes, rows * length, length, text_length)
    return 3 * (text(c, rows, text_length) + seen)


def masked_step(c, columns: int, codes: int, rows: int, length: int, text_length: int) -> int:
    """A training step of a masked model; arguments as of `gpt_step`."""
    head = columns * dense(rows * length, c.width, c.width, codes)
    return 3 * (text(c, rows, text_length) + _filled(c, rows, length, text_length) + head)


def flow_step(c, dim: int, rows: int, length: int, text_length: int) -> int:
    """A training step of a flow whose positions have `dim` numbers; other arguments as of `gpt_step`."""
    given = dense(rows * length, dim, c.width) + dense(rows * length, c.width, c.width)  # nothing before them
    scales = c.depth * dense(rows * length, c.width, 2 * c.width) + dense(rows * length, c.width, dim)
    return 2 * given + 3 * (text(c, rows, text_length) + _filled(c, rows, length, text_length) + scales)


def _filled(c, rows: int, length: int, text_length: int) -> int:
    """The layers of a model that fills whole clips, and the text that is due."""
    count, w = rows * length, c.width
    told = 2 * count * text_length * w + dense(count, 2 * w, w)
    mix = dense(rows * (3 * length - 2), w, w) + dense(count, w, w)  # a convolution, inside the row
    return told + c.depth * (mix + decoder_block(c, count, length, text_length))
