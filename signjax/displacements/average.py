"""Templates of a word: the average of its clips, brought to one time by phase or by dynamic time warping.

Places are brought to one time and not displacements, whose sum would change with the pace. So each clip's
way from its first to its last frame is kept whole, and the template's is the median of the clips'.
"""

from collections.abc import Sequence

import numpy as np

from signjax import pose as poses
from signjax.displacements import moves as moves_
from signjax.displacements import warping
from signjax.displacements.moves import Moves
from signjax.errors import DataError

ALIGNMENTS = ("phase", "dtw")
ROUNDS = 10  # of warping against the average so far; it settles after three or four


def average(clips: Sequence[Moves], steps: int | None = None, align: str = "phase") -> Moves:
    """The template of clips of one word; their order does not matter.

    Each joint starts at the mean of the clips' starting poses and moves by the median of the clips' ways
    since their first frames. A joint is seen where at least half of the clips see it; clips that never see
    a joint have no voice in it.

    Args:
      clips: n >= 1 clips of T >= 2 frames each, in units that can be averaged.
      steps: of the template; None for the median of the clips'.
      align: "phase", equal shares of the way that all joints go (the seed's), or "dtw".

    Returns:
      the template, steps + 1 frames. Its way from first to last frame is the median of the clips'.

    Raises:
      DataError: a clip without a body to measure, so that it cannot be warped.
    """
    clips = sorted(clips, key=lambda clip: (len(clip.seen), clip.start.tobytes(), clip.deltas.tobytes()))
    steps = steps or int(np.median([len(clip.deltas) for clip in clips]))
    if align == "dtw":
        times = _warped_times(clips, steps)
    else:
        times = [phase_times(clip, steps) for clip in clips]
    return _combine(clips, times)


def phase_times(clip: Moves, steps: int) -> np.ndarray:
    """Times [steps + 1] in frames at which a clip has gone equal shares of its way, ends included.

    The way is the sum of the displacements' lengths over all joints. A clip that never moves passes evenly.
    """
    way = np.sqrt((clip.deltas**2).sum((1, 2)))  # [T - 1]
    phase = np.concatenate([[0.0], np.cumsum(way)])
    if not phase[-1] > 0:
        return np.linspace(0, len(way), steps + 1)
    times = np.interp(np.linspace(0, phase[-1], steps + 1), phase, np.arange(len(phase)))
    times[0], times[-1] = 0, len(way)  # also where a clip stands still at its ends
    return times


def _combine(clips: Sequence[Moves], times: Sequence[np.ndarray]) -> Moves:
    """The template of clips that are at the same point at times[i][k]."""
    found = [moves_.at(clip, when) for clip, when in zip(clips, times, strict=True)]
    places = np.stack([place for place, _ in found])  # [n, K, 50, 3]
    seen = np.stack([mask for _, mask in found])  # [n, K, 50]
    voice = np.stack([clip.seen.any(0) for clip in clips])  # [n, 50]
    voice |= ~voice.any(0)  # joints nobody ever sees lie at 0 in all clips
    heard = np.where(voice[:, None, :, None], places, np.nan)
    start = np.nanmean(heard[:, 0], axis=0)
    way = np.nanmedian(heard - heard[:, :1], axis=0)  # [K, 50, 3]
    return Moves(start, np.diff(way, axis=0), 2 * seen.sum(0) >= len(clips))


def _warped_times(clips: Sequence[Moves], steps: int) -> list[np.ndarray]:
    """Times of each clip along exact warping paths to an average that follows from them.

    DTW barycenter averaging (Petitjean, Ketterlin, Gançarski 2011): start at the clip nearest to all others,
    warp all clips to it, average, and again until the clips come no nearer. A clip's time at a point of
    the average is the mean of the frames that its path pairs with it; both ends stay with each other.
    """
    shapes = [_canonical(clip) for clip in clips]
    nearest = np.argmin([sum(warping.distance(a, b) for b in shapes) for a in shapes])
    even = np.linspace(0, len(clips[nearest].deltas), steps + 1)
    center, best, times = moves_.at(shapes[nearest], even), np.inf, []
    for _ in range(ROUNDS):
        paths = [warping.path(*center, moves_.track(shape), shape.seen) for shape in shapes]
        total = sum(cost for _, cost in paths)
        if not total < best:
            break
        best, times = total, [warping.times(pairs, steps + 1) for pairs, _ in paths]
        mean = _combine(shapes, times)
        center = moves_.track(mean), mean.seen
    return times


def _canonical(clip: Moves) -> Moves:
    """A clip with its place and size taken out, so that clips of different signers can be warped."""
    places = moves_.track(clip)
    try:
        placement = poses.measure(places, clip.seen)
    except ValueError as error:
        raise DataError(f"a clip cannot be warped: {error}; leave it out or align by phase") from None
    return moves_.take(poses.canonical(places, placement), clip.seen)
