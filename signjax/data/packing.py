"""Packing sequences of different lengths into rows of one length, so that no step computes padding."""

import numpy as np

from signjax.seeds import make_rng

# Rows that may still get sequences. First fit compares each sequence with all of them: without a limit, time
# would grow with the square of the number of sequences.
MAX_OPEN = 256


def pack_first_fit(
    lengths, capacity: int, seed: int, limits=None, limit: int = 0, number: int = 0
) -> list[list[int]]:
    """Fills rows with sequences in a seeded random order, each into the first open row with room for it.

    At most MAX_OPEN rows are open; when another one is needed, the fullest is closed. So time grows only
    linearly with the number of sequences, and rows are as full as without that limit to about a thousandth.

    Args:
      lengths: [n] of the sequences, each at most `capacity`.
      capacity: of a row.
      seed: decides the order.
      limits: [n] a second size of each sequence, in a row at most `limit` together; None for no second size.
      limit: see `limits`.
      number: of the packing; a seed has a series of them, which are independent.

    Returns:
      The numbers of the sequences in each row, in the order they were put in.
    """
    # The 2 keeps these draws apart from the others of the same seed: 0 and 1 are the loader's, 3 is that of
    # signjax.data.token_rows.
    # A number of its own and not seed + number, by which neighbouring seeds would share all packings but one.
    order = make_rng(seed, 2, number).permutation(len(lengths))
    second = np.zeros(len(lengths), int) if limits is None else np.asarray(limits)
    rows, numbers = [], np.zeros(0, int)  # all rows; the numbers of those that are open
    room, second_room = np.zeros(0, int), np.zeros(0, int)  # of the open ones
    for i in order.tolist():
        fits = np.flatnonzero((room >= lengths[i]) & (second_room >= second[i]))
        if fits.size:
            at = fits[0]
        else:
            if len(numbers) == MAX_OPEN:
                # The fullest has the least room that closing it could waste.
                fullest = np.argmin(room)
                numbers, room, second_room = (np.delete(x, fullest) for x in (numbers, room, second_room))
            at = len(numbers)
            numbers = np.append(numbers, len(rows))
            room, second_room = np.append(room, capacity), np.append(second_room, limit)
            rows.append([])
        rows[numbers[at]].append(i)
        room[at] -= lengths[i]
        second_room[at] -= second[i]
    return rows
