"""Exact dynamic time warping of many pairs at once, on any device.

The recursion runs along anti-diagonals, whose cells do not need one another. What the path costs and what
else is summed along it come from the same pass, so no path is traced back.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Alignment(NamedTuple):
    """Of each pair, along its cheapest path from both first to both last frames."""

    cost: jax.Array  # [B] sum of the costs
    length: jax.Array  # [B] int32, pairs of frames
    extra: jax.Array  # [B] sum of `extra`


def align(cost, rows, columns, extra=None) -> Alignment:
    """Aligns pairs of sequences: full DTW, steps (1, 1), (1, 0), (0, 1) of equal weight, no window.

    Sakoe and Chiba 1978 without slope constraint. Where several paths cost the same, the one that comes
    from the diagonal is taken, then the one from the row above.

    Args:
      cost: [B, N, M] of pairing row n with column m.
      rows: [B] int, true lengths, at least 1; what lies behind them is not read.
      columns: [B] int.
      extra: [B, N, M], summed along the path that `cost` decides; None for `cost` itself.

    Returns:
      The alignments.
    """
    batch, height, width = cost.shape
    table = jnp.stack([cost, cost if extra is None else extra], axis=-1)
    # diagonal k holds cells (i, k - i); skewed[k, b, i]
    i, k = jnp.arange(height), jnp.arange(height + width - 1)
    j = k[:, None] - i
    inside = (j >= 0) & (j < width)
    skewed = table[:, i, jnp.clip(j, 0, width - 1)].swapaxes(0, 1)  # [K, B, N, 2]
    own = jnp.where(inside[:, None], skewed[..., 0], jnp.inf)
    last = rows + columns - 2

    def below(x, fill):
        return jnp.pad(x, ((0, 0), (1, 0)), constant_values=fill)[:, :-1]

    def diagonal(carry, now):
        one, two, found = carry  # the last two diagonals: (cost, length, extra), each [B, N]
        number, here, more = now
        starts = (number == 0) & (i == 0)
        ways = [
            [below(x, fill) for x, fill in zip(two, (jnp.inf, 0, 0), strict=True)],
            [below(x, fill) for x, fill in zip(one, (jnp.inf, 0, 0), strict=True)],
            list(one),
        ]
        best, length, total = ways[0]
        for way in ways[1:]:
            shorter = way[0] < best
            best, length, total = (
                jnp.where(shorter, a, b) for a, b in zip(way, (best, length, total), strict=True)
            )
        best = jnp.where(starts, 0.0, best) + here
        new = best, length + 1, total + more
        at = jnp.take_along_axis
        ends = number == last  # [B]
        found = tuple(
            jnp.where(ends, at(x, rows[:, None] - 1, axis=1)[:, 0], old)
            for x, old in zip(new, found, strict=True)
        )
        return (new, one, found), None

    def empty(*shape):
        zero = jnp.zeros(shape, cost.dtype)
        return jnp.full(shape, jnp.inf, cost.dtype), jnp.zeros(shape, jnp.int32), zero

    carry = empty(batch, height), empty(batch, height), empty(batch)
    (_, _, found), _ = jax.lax.scan(diagonal, carry, (k, own, skewed[..., 1]))
    return Alignment(*found)
