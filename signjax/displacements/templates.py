"""Templates of a word: the average of its clips, brought to one time by phase or by dynamic time warping.

Places are brought to one time and not displacements, whose sum would change with the pace. So each clip's
way from its first to its last frame is kept whole, and the template's is the median of the clips'.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from signjax.displacements import convert, dtw_path
from signjax.displacements.convert import Moves
from signjax.errors import DataError
from signjax.pose import normalization, skeleton

ALIGNMENTS = ("phase", "dtw")
ROUNDS = 10  # of warping against the average so far; it settles after three or four


def average(clips: Sequence[Moves], steps: int | None = None, align: str = "phase") -> Moves:
    """The template of clips of one word; their order does not matter.

    It starts with the starting pose of the clip whose start is nearest to the others': a real pose, with
    bones of one body and hands of one shape. From there each joint moves by the median of the clips' ways
    since their first frames. A joint is seen where at least half of the clips see it; clips that never see
    a joint have no voice in it.

    Args:
      clips: n >= 1 clips of T >= 2 frames each, in units that can be averaged.
      steps: of the template; None for the median of the clips'.
      align: "phase", equal shares of the way that all joints go (the seed's), or "dtw".

    Returns:
      the template, steps + 1 frames. Its way from first to last frame is the median of the clips'.

    Raises:
      DataError: a clip without a body to measure, which cannot be compared with others.
    """
    clips = sorted(clips, key=lambda clip: (len(clip.seen), clip.start.tobytes(), clip.deltas.tobytes()))
    steps = steps or int(np.median([len(clip.deltas) for clip in clips]))
    shapes = [canonical(clip) for clip in clips]
    warp = align == "dtw"
    times = _warped_times(shapes, steps) if warp else [phase_times(clip, steps) for clip in clips]
    places, seen = _together(clips, times)
    way = _median_way(clips, places)
    return Moves(starting_pose(clips), np.diff(way, axis=0), seen)


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


def _together(clips: Sequence[Moves], times: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Places [n, K, 50, 3] of clips that are at the same point at times[i][k], and what most see [K, 50]."""
    found = [convert.at(clip, when) for clip, when in zip(clips, times, strict=True)]
    seen = np.stack([mask for _, mask in found])  # [n, K, 50]
    return np.stack([place for place, _ in found]), 2 * seen.sum(0) >= len(clips)


def _voice(clips: Sequence[Moves]) -> np.ndarray:
    """[n, 50] bool: the clip knows something of the joint; all do where none does, and it lies at 0."""
    voice = np.stack([clip.seen.any(0) for clip in clips])
    return voice | ~voice.any(0)


def _median_way(clips: Sequence[Moves], places: np.ndarray) -> np.ndarray:
    """The way [K, 50, 3] since the first frame, median over the clips' places [n, K, 50, 3]."""
    heard = np.where(_voice(clips)[:, None, :, None], places - places[:, :1], np.nan)
    return np.nanmedian(heard, axis=0)


def starting_pose(clips: Sequence[Moves]) -> np.ndarray:
    """The starting pose [50, 3] of the clip whose start is nearest to all others', place and size apart.

    Joints that this clip never sees hang on their parents as they do in the others, on average.
    """
    first = [canonical(clip) for clip in clips]
    known = np.stack([clip.seen.any(0) for clip in clips])
    poses_ = np.stack([clip.start for clip in first])  # [n, 50, 3]
    nearest = int(dtw_path.costs(poses_, known, poses_, known).sum(1).argmin())
    voice, start = _voice(clips), clips[nearest].start.copy()
    for joint in skeleton.ORDER[1:]:
        if not voice[nearest, joint]:
            parent = skeleton.PARENTS[joint]
            both = voice[:, joint] & voice[:, parent]
            bones = [clip.start[joint] - clip.start[parent] for clip in itertools.compress(clips, both)]
            places = [clip.start[joint] for clip in itertools.compress(clips, voice[:, joint])]
            start[joint] = start[parent] + np.mean(bones, axis=0) if bones else np.mean(places, axis=0)
    return start


def _warped_times(shapes: Sequence[Moves], steps: int) -> list[np.ndarray]:
    """Times of each clip along exact warping paths to an average that follows from them.

    DTW barycenter averaging (Petitjean, Ketterlin, Gançarski 2011): start at the clip nearest to all others,
    warp all clips to it, average, and again until the clips come no nearer. A clip's time at a point of
    the average is the mean of the frames that its path pairs with it; both ends stay with each other.

    Args:
      shapes: clips in canonical space.
    """
    nearest = np.argmin([sum(dtw_path.distance(a, b) for b in shapes) for a in shapes])
    even = np.linspace(0, len(shapes[nearest].deltas), steps + 1)
    center, best, times = convert.at(shapes[nearest], even), np.inf, []
    for _ in range(ROUNDS):
        paths = [dtw_path.path(*center, convert.track(shape), shape.seen) for shape in shapes]
        total = sum(cost for _, cost in paths)
        if not total < best:
            break
        best, times = total, [dtw_path.times(pairs, steps + 1) for pairs, _ in paths]
        places, seen = _together(shapes, times)
        voice = _voice(shapes)[:, None, :, None]
        center = np.nanmean(np.where(voice, places, np.nan), axis=0), seen
    return times


def canonical(clip: Moves, name: object = "a clip") -> Moves:
    """A clip with its place and size taken out, so that clips of different signers can be compared.

    Raises:
      DataError: it has no body to measure; the message calls it `name`.
    """
    places = convert.track(clip)
    try:
        placement = normalization.measure(places, clip.seen)
    except ValueError as error:
        raise DataError(f"{name} cannot be averaged: {error}; leave it out") from None
    return convert.take(normalization.canonical(places, placement), clip.seen)
