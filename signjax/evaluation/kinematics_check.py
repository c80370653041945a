"""Checks that the kinematics lose nothing: clips are turned into angles or directions and back.

A clip fails if a joint comes back further than TOLERANCE from where it was.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from signjax.data.packed_dataset import PackedDataset
from signjax.pose import kinematics, skeleton

# In neck-to-shoulder lengths: about a millionth of the unit of lifted data, a tenth of the last digit in
# their files.
TOLERANCE = 1e-5
PARTS = {
    "all joints": slice(None),
    "body": skeleton.BODY,
    "right hand": skeleton.RIGHT,
    "left hand": skeleton.LEFT,
}


class RoundTrip(NamedTuple):
    """How far the joints of a clip are from where they were after a round trip."""

    clip: str  # "<name>/<split>/<clip>"
    error: np.ndarray  # [T, 50] distances in canonical space, 0 where a joint is missing
    valid: np.ndarray  # [T, 50]
    rigid_error: np.ndarray | None  # [T, 50], as `error`, with one length a bone for all frames; None in 2-D
    scale: float  # a canonical unit in the units of the clip


class ErrorSummary(NamedTuple):
    """Errors of some joints of many clips, in the clips' own units."""

    largest: float
    mean: float


def measure_round_trip(points, valid, dims: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Errors of a clip's round trip through the kinematics.

    Args:
      points: [T, 50, 3] canonical.
      valid: [T, 50] bool.
      dims: 2 for angles of x and y, 3 for directions.

    Returns:
      (errors [T, 50], the same with constant bone lengths, or None if dims is 2); distances in canonical
      space, 0 at missing joints, inf where the result is not finite.
    """
    # Missing joints are placed on their ancestors: at any other place they would bend the bones beside them.
    start = kinematics.fill_missing(points[..., :dims], valid)
    if dims == 2:
        returned = [kinematics.from_planar(kinematics.to_planar(start))]
    else:
        form = kinematics.to_spatial(start)
        returned = [kinematics.from_spatial(one) for one in (form, kinematics.make_rigid(form, valid))]
    errors = [np.where(valid, np.linalg.norm(back - points[..., :dims], axis=-1), 0) for back in returned]
    # A comparison with NaN is always False, so that NaN would pass as an error within the tolerance.
    errors = [np.where(np.isfinite(error), error, np.inf) for error in errors]
    return errors[0], errors[1] if dims == 3 else None


def check_clips(dataset: PackedDataset, dims: int) -> Iterator[RoundTrip]:
    """Yields the round trip of every clip of a split; `dims` as for `measure_round_trip`."""
    for i, sid in enumerate(dataset.sids):
        clip = dataset[i]
        error, rigid_error = measure_round_trip(clip.canonical(), clip.valid, dims)
        scale = float(dataset.get_placement(i).scale)
        yield RoundTrip(f"{dataset.label}/{sid}", error, clip.valid, rigid_error, scale)


def summarize_errors(trips: list[RoundTrip], rigid: bool = False) -> dict[str, ErrorSummary]:
    """{part of the body: errors of its joints without missing ones}; `rigid`: with constant bone lengths."""
    summaries = {}
    for name, part in PARTS.items():
        largest = total = count = 0.0
        # Clip by clip: the errors of a large split in one array would not fit into memory.
        for trip in trips:
            error = (trip.rigid_error if rigid else trip.error)[:, part] * trip.scale
            largest = max(largest, float(error.max()))
            # In float64: a float32 sum stops growing by errors that are tiny beside it.
            total, count = total + float(error.sum(dtype=np.float64)), count + trip.valid[:, part].sum()
        summaries[name] = ErrorSummary(largest, total / max(count, 1))
    return summaries


def describe_failure(trip: RoundTrip) -> str | None:
    """One line on the largest error of a clip; None if it is within the tolerance."""
    frame, joint = np.unravel_index(trip.error.argmax(), trip.error.shape)
    worst = trip.error[frame, joint]
    if worst <= TOLERANCE:
        return None
    return (
        f"{trip.clip}: {skeleton.NAMES[joint]} of frame {frame} comes back {worst * trip.scale:.1e} own "
        f"units away, {worst / TOLERANCE:.3g} times the tolerance; look at that frame of its pose.json"
    )
