"""Packing sequences of different lengths into rows of one length, so that no step computes padding."""

import numpy as np


def first_fit(lengths, capacity: int, seed: int, limits=None, limit: int = 0) -> list[list[int]]:
    """Fills rows with sequences in a seeded random order, each into the first row with room for it.

    Args:
      lengths: [n] of the sequences, each at most `capacity`.
      capacity: of a row.
      seed: decides the order.
      limits: [n] a second size of each sequence, of which a row holds `limit`; None for none.
      limit: see above.

    Returns:
      The numbers of the sequences in each row, in the order they were put in.
    """
    order = np.random.default_rng((seed, 2)).permutation(len(lengths))
    second = np.zeros(len(lengths), int) if limits is None else np.asarray(limits)
    rows, room, spare = [], np.zeros(0, int), np.zeros(0, int)
    for i in order.tolist():
        fits = np.flatnonzero((room >= lengths[i]) & (spare >= second[i]))
        if fits.size:
            row = fits[0]
        else:
            row, room, spare = len(rows), np.append(room, capacity), np.append(spare, limit)
            rows.append([])
        rows[row].append(i)
        room[row] -= lengths[i]
        spare[row] -= second[i]
    return rows
