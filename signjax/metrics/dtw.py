"""Exact dynamic time warping (DTW) of many pairs at once, on any device.

The recursion runs along anti-diagonals, whose cells do not need one another. What the path costs and what
else is summed along it come from the same pass, so no path is traced back.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Alignment(NamedTuple):
    """Of each of B pairs, along its cheapest path from both first to both last frames."""

    cost: jax.Array  # [B] sum of the costs
    length: jax.Array  # [B] int32, pairs of frames
    extra: jax.Array  # [B] sum of `extra`


def align_pairs(cost, rows, columns, extra=None) -> Alignment:
    """Aligns pairs of sequences: full DTW, steps (1, 1), (1, 0), (0, 1) of equal weight, no window.

    Sakoe and Chiba 1978 without slope constraint. Where several paths cost the same, the one that comes
    from the diagonal is taken, then the one from the row above.

    Args:
      cost: [B, N, M] of pairing row n with column m.
      rows: [B] int, true lengths, at least 1; what lies behind them is not read.
      columns: [B] int.
      extra: [B, N, M], summed along the path that `cost` decides; None for nothing.

    Returns:
      The alignments; their `extra` is 0 if none was passed.
    """
    batch, height, width = cost.shape
    # [B], where each pair ends: pairs are padded to one size, and what lies behind their ends is not read.
    last_diagonal = rows + columns - 2
    row = jnp.arange(height)
    tables = (cost,) if extra is None else (cost, extra)

    def visit_diagonal(carry, current):
        previous, before_previous, ends = carry  # two diagonals and the ends: (cost, length, extra) each
        number, cell_cost, *cell_extra = current
        best, length, total = _shift_down(before_previous)
        # Strictly cheaper ways only, the diagonal first: that is how ties are broken.
        for step in (_shift_down(previous), previous):
            cheaper = step[0] < best
            best, length, total = (
                jnp.where(cheaper, a, b) for a, b in zip(step, (best, length, total), strict=True)
            )
        # A diagonal has as many cells as the table has rows; those outside the table cost infinity.
        inside = (row <= number) & (number - row < width)
        best = jnp.where((number == 0) & (row == 0), 0.0, best) + jnp.where(inside, cell_cost, jnp.inf)
        added = jnp.where(inside, cell_extra[0], 0.0) if cell_extra else 0.0
        cells = best, length + 1, total + added
        ended = number == last_diagonal  # [B]
        ends = tuple(
            jnp.where(ended, jnp.take_along_axis(x, rows[:, None] - 1, axis=1)[:, 0], old)
            for x, old in zip(cells, ends, strict=True)
        )
        return (cells, previous, ends), None

    def start_cells(*shape):
        zeros = jnp.zeros(shape, cost.dtype)
        return jnp.full(shape, jnp.inf, cost.dtype), jnp.zeros(shape, jnp.int32), zeros

    carry = start_cells(batch, height), start_cells(batch, height), start_cells(batch)
    diagonals = (jnp.arange(height + width - 1), *map(_take_diagonals, tables))
    # A scan, not a loop: N + M steps would be a program of thousands of operations.
    (_, _, ends), _ = jax.lax.scan(visit_diagonal, carry, diagonals)
    return Alignment(*ends)


def _take_diagonals(table):
    """Cells (i, k - i) of [B, N, M] at [k, :, i]; what lies outside the table is arbitrary."""
    _, height, width = table.shape
    i = jnp.arange(height)
    j = jnp.arange(height + width - 1)[:, None] - i  # [K, N]
    # Gathered before the scan, which then reads one contiguous row a step.
    return table[:, i, jnp.clip(j, 0, width - 1)].swapaxes(0, 1)


def _shift_down(cells):
    """Cells of a diagonal seen from the row below; nothing comes from above the first row."""
    return tuple(
        jnp.pad(x, ((0, 0), (1, 0)), constant_values=fill)[:, :-1]
        for x, fill in zip(cells, (jnp.inf, 0, 0), strict=True)
    )
