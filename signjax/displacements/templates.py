"""Templates of a word: the average of its clips, aligned in time by phase or by dynamic time warping.

What is aligned are positions and not displacements, whose sum would change with the tempo. So the motion of
each clip from its first to its last frame is kept whole, and that of the template is the clips' median.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from signjax.displacements import convert, dtw_path
from signjax.displacements.convert import DisplacementSequence
from signjax.errors import DataError
from signjax.pose import normalization, skeleton

MAX_ROUNDS = 10  # of warping to the average so far; it settles after three or four


def average_sequences(
    sequences: Sequence[DisplacementSequence], steps: int | None = None, align: str = "phase"
) -> DisplacementSequence:
    """The template of clips of one word; their order does not matter.

    It begins with the starting pose of the clip whose start is nearest to all others: a real pose, with the
    bones of one body and the hands of one shape. From there each joint moves by the median of its motion in
    the clips. A joint is visible where at least half of the clips show it; clips that never show a joint
    do not count for it.

    Args:
      sequences: n >= 1 clips of T >= 2 frames each, in units that can be averaged.
      steps: displacements of the template; None for the median of the clips'.
      align: "phase", equal shares of the distance that all joints travel (as in the original project), or
        "dtw".

    Returns:
      the template, steps + 1 frames. Its motion from first to last frame is the median of the clips'.

    Raises:
      DataError: a clip without a measurable body, which cannot be compared with others.
    """
    # Sums of floating-point numbers depend on the order of their terms; a fixed one makes the result exact.
    sequences = sorted(sequences, key=lambda one: (len(one.valid), one.start.tobytes(), one.deltas.tobytes()))
    steps = steps or int(np.median([len(one.deltas) for one in sequences]))
    canonical = [to_canonical(one) for one in sequences]
    if align == "dtw":
        times = _compute_dtw_times(canonical, steps)
    else:
        times = [compute_phase_times(one, steps) for one in sequences]
    # Aligned in canonical space, averaged in the clips' own units, which the caller asked for.
    positions, valid = _sample_together(sequences, times)
    motion = _median_motion(sequences, positions)
    return DisplacementSequence(choose_starting_pose(sequences), np.diff(motion, axis=0), valid)


def compute_phase_times(sequence: DisplacementSequence, steps: int) -> np.ndarray:
    """Times [steps + 1] in frames at which a clip has travelled equal shares of its distance, ends included.

    The distance is the sum of the displacements' lengths over all joints. A clip that never moves is divided
    into equal times.
    """
    lengths = np.sqrt((sequence.deltas**2).sum((1, 2)))  # [T - 1]
    distance = np.concatenate([[0.0], np.cumsum(lengths)])
    if not distance[-1] > 0:
        return np.linspace(0, len(lengths), steps + 1)
    times = np.interp(np.linspace(0, distance[-1], steps + 1), distance, np.arange(len(distance)))
    # Where a clip stands still at an end, several frames have the same distance; the ends themselves stay.
    times[0], times[-1] = 0, len(lengths)
    return times


def _sample_together(
    sequences: Sequence[DisplacementSequence], times: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Positions [n, K, 50, 3] of each clip i at times[i] [K], and what most clips show [K, 50] bool."""
    samples = [convert.sample_positions(one, when) for one, when in zip(sequences, times, strict=True)]
    valid = np.stack([mask for _, mask in samples])  # [n, K, 50]
    return np.stack([positions for positions, _ in samples]), 2 * valid.sum(0) >= len(sequences)


def _known_joints(sequences: Sequence[DisplacementSequence]) -> np.ndarray:
    """[n, 50] bool: whether a clip ever shows a joint; all True for a joint that no clip shows."""
    known = np.stack([one.valid.any(0) for one in sequences])
    # A joint that nobody shows lies at 0 in all clips; leaving out all of them would make a mean of nothing.
    return known | ~known.any(0)


def _median_motion(sequences: Sequence[DisplacementSequence], positions: np.ndarray) -> np.ndarray:
    """Motion [K, 50, 3] since the first frame: the median over the clips' positions [n, K, 50, 3]."""
    motion = positions - positions[:, :1]
    return np.nanmedian(np.where(_known_joints(sequences)[:, None, :, None], motion, np.nan), axis=0)


def choose_starting_pose(sequences: Sequence[DisplacementSequence]) -> np.ndarray:
    """The starting pose [50, 3] of the clip whose start is nearest to all others', place and size apart.

    Joints that this clip never shows are placed relative to their parents as in the other clips, on average.
    """
    starts = np.stack([to_canonical(one).start for one in sequences])  # [n, 50, 3]
    visible = np.stack([one.valid.any(0) for one in sequences])
    nearest = int(dtw_path.compute_costs(starts, visible, starts, visible).sum(1).argmin())
    known, start = _known_joints(sequences), sequences[nearest].start.copy()
    # In the order from the neck outwards, so that the parent of a joint is in place before the joint.
    for joint in skeleton.ORDER[1:]:
        if not known[nearest, joint]:
            parent = skeleton.PARENTS[joint]
            both = known[:, joint] & known[:, parent]
            bones = [one.start[joint] - one.start[parent] for one in itertools.compress(sequences, both)]
            places = [one.start[joint] for one in itertools.compress(sequences, known[:, joint])]
            start[joint] = start[parent] + np.mean(bones, axis=0) if bones else np.mean(places, axis=0)
    return start


def _compute_dtw_times(sequences: Sequence[DisplacementSequence], steps: int) -> list[np.ndarray]:
    """Times [steps + 1] of each clip along exact warping paths to an average that follows from them.

    DTW barycenter averaging (Petitjean, Ketterlin, Gançarski 2011): start at the clip nearest to all others,
    warp all clips to it, average, and repeat until the clips come no nearer. A clip's time at a point of the
    average is the mean of the frames that its path pairs with it; first and last frames stay together.

    Args:
      sequences: clips in canonical space.
      steps: displacements of the average.
    """
    distances = [sum(dtw_path.compute_distance(a, b) for b in sequences) for a in sequences]
    medoid = sequences[np.argmin(distances)]
    even = np.linspace(0, len(medoid.deltas), steps + 1)
    average, best, times = convert.sample_positions(medoid, even), np.inf, []
    for _ in range(MAX_ROUNDS):
        paths = [dtw_path.find_path(*average, convert.compute_positions(one), one.valid) for one in sequences]
        total = sum(cost for _, cost in paths)
        # A round need not improve on the one before, as times are means along the paths; the best is kept.
        if not total < best:
            break
        best, times = total, [dtw_path.map_times(pairs, steps + 1) for pairs, _ in paths]
        positions, valid = _sample_together(sequences, times)
        known = _known_joints(sequences)[:, None, :, None]
        # The mean minimizes the squared costs of DTW; the template itself is a median, see `_median_motion`.
        average = np.nanmean(np.where(known, positions, np.nan), axis=0), valid
    return times


def to_canonical(sequence: DisplacementSequence, name: object = "a clip") -> DisplacementSequence:
    """A clip with place and size taken out, so that clips of different signers can be compared.

    Raises:
      DataError: it has no measurable body; the message calls it `name`.
    """
    positions = convert.compute_positions(sequence)
    try:
        placement = normalization.measure_placement(positions, sequence.valid)
    except ValueError as error:
        raise DataError(f"{name} cannot be averaged: {error}; leave it out") from None
    return convert.compute_displacements(normalization.to_canonical(positions, placement), sequence.valid)
