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
      extra: [B, N, M], summed along the path that `cost` decides; None for nothing.

    Returns:
      The alignments; `extra` is 0 if none was given.
    """
    batch, height, width = cost.shape
    last = rows + columns - 2  # the diagonal on which each pair ends
    row = jnp.arange(height)
    tables = (cost,) if extra is None else (cost, extra)

    def step(carry, now):
        one, two, found = carry  # the last two diagonals: (cost, length, extra), each [B, N]
        number, here, *more = now
        best, length, total = _shift(two)
        for way in (_shift(one), one):
            shorter = way[0] < best
            best, length, total = (
                jnp.where(shorter, a, b) for a, b in zip(way, (best, length, total), strict=True)
            )
        inside = (row <= number) & (number - row < width)
        best = jnp.where((number == 0) & (row == 0), 0.0, best) + jnp.where(inside, here, jnp.inf)
        new = best, length + 1, total + (jnp.where(inside, more[0], 0.0) if more else 0.0)
        ends = number == last  # [B]
        found = tuple(
            jnp.where(ends, jnp.take_along_axis(x, rows[:, None] - 1, axis=1)[:, 0], old)
            for x, old in zip(new, found, strict=True)
        )
        return (new, one, found), None

    def empty(*shape):
        zeros = jnp.zeros(shape, cost.dtype)
        return jnp.full(shape, jnp.inf, cost.dtype), jnp.zeros(shape, jnp.int32), zeros

    carry = empty(batch, height), empty(batch, height), empty(batch)
    diagonals = (jnp.arange(height + width - 1), *map(_diagonals, tables))
    (_, _, found), _ = jax.lax.scan(step, carry, diagonals)
    return Alignment(*found)


def _diagonals(table):
    """Cells (i, k - i) of [B, N, M] at [k, :, i]; what lies outside the table is arbitrary."""
    _, height, width = table.shape
    i = jnp.arange(height)
    j = jnp.arange(height + width - 1)[:, None] - i  # [K, N]
    return table[:, i, jnp.clip(j, 0, width - 1)].swapaxes(0, 1)


def _shift(cells):
    """Cells of a diagonal seen from the row below; nothing comes from above the first row."""
    return tuple(
        jnp.pad(x, ((0, 0), (1, 0)), constant_values=fill)[:, :-1]
        for x, fill in zip(cells, (jnp.inf, 0, 0), strict=True)
    )
