"""Checks the kinematics on every clip of a data set: to angles or directions and back, nothing lost.

    python -m signjax.tools.verify 2d --root datasets --name demo
    python -m signjax.tools.verify 3d --root datasets --name demo --split dev

A clip fails if a joint comes back further than 1e-5 neck-to-shoulder lengths from where it was: about a
millionth of the own units of lifted data, a tenth of the last digit that their files have.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax.cli import parsing
from signjax.data import load, packed_dataset
from signjax.errors import DataError, SignjaxError, did_you_mean
from signjax.pose import kinematics, skeleton

TOLERANCE = 1e-5  # neck-to-shoulder lengths
SPLITS = ("train", "dev", "test")
PARTS = {"body": skeleton.BODY, "right hand": skeleton.RIGHT, "left hand": skeleton.LEFT}


class Trip(NamedTuple):
    """A clip there and back."""

    clip: str  # "<name>/<split>/<clip>"
    error: np.ndarray  # [T, 50] distances in canonical space, 0 where a joint is missing
    valid: np.ndarray  # [T, 50]
    rigid: np.ndarray | None  # [T, 50], as `error`, with one length a bone for all frames; None in 2-D
    scale: float  # own units per canonical unit


def there_and_back(points, valid, dims: int):
    """Errors of a clip's round trip through the kinematics.

    Args:
      points: [T, 50, 3] canonical.
      valid: [T, 50] bool.
      dims: 2 for angles of x and y, 3 for directions.

    Returns:
      (error [T, 50], the same with one length a bone, or None if dims is 2); distances in canonical space,
      0 at missing joints, inf where nothing finite comes back.
    """
    start = kinematics.filled(points[..., :dims], valid)
    if dims == 2:
        back = [kinematics.from_planar(kinematics.planar(start))]
    else:
        form = kinematics.spatial(start)
        back = [kinematics.from_spatial(f) for f in (form, kinematics.rigid(form, valid))]
    errors = [np.where(valid, np.linalg.norm(x - points[..., :dims], axis=-1), 0) for x in back]
    errors = [np.where(np.isfinite(e), e, np.inf) for e in errors]
    return errors[0], errors[1] if dims == 3 else None


def trips(held: packed_dataset.Pack, dims: int) -> Iterator[Trip]:
    """Every clip of a pack there and back."""
    for i, sid in enumerate(held.sids):
        clip, place = held[i], held.placement(i)
        error, rigid = there_and_back(clip.canonical(), clip.valid, dims)
        yield Trip(f"{held.label}/{sid}", error, clip.valid, rigid, float(place.scale))


def figures(found: list[Trip], which: str = "error") -> dict[str, tuple[float, float]]:
    """{part: (largest, mean)} of trips' errors in own units, of all joints that are there."""
    rows = {}
    for name, part in {"all joints": slice(None), **PARTS}.items():
        largest = total = count = 0.0
        for trip in found:
            error = getattr(trip, which)[:, part] * trip.scale
            largest = max(largest, float(error.max()))
            total, count = total + float(error.sum(dtype=np.float64)), count + trip.valid[:, part].sum()
        rows[name] = (largest, total / max(count, 1))
    return rows


def failure(trip: Trip) -> str | None:
    """What is wrong with a clip, in one line; None if nothing is."""
    frame, joint = np.unravel_index(trip.error.argmax(), trip.error.shape)
    worst = trip.error[frame, joint]
    if worst <= TOLERANCE:
        return None
    return (
        f"{trip.clip}: {skeleton.NAMES[joint]} of frame {frame} comes back {worst * trip.scale:.1e} own "
        f"units away, {worst / TOLERANCE:.3g} times the tolerance; look at that frame of its pose.json"
    )


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    parser = parsing.parser("signjax.tools.verify", __doc__)
    parser.add_argument("form", choices=("2d", "3d"), help="angles in the plane, or directions in space")
    parser.add_argument("--root", default="datasets", help="folder that holds data sets (default: datasets)")
    parser.add_argument("--name", default="demo", help="folder of the data set (default: demo)")
    parser.add_argument("--split", default="all", help="train, dev, test or all (default: all)")
    args = parser.parse_args(argv)
    try:
        return _run(args)
    except SignjaxError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def _run(args) -> int:
    dims, wrong, clips = int(args.form[0]), [], 0
    for split in _splits(args):
        held = load.load(args, split)
        found = list(trips(held, dims))
        print(f"{held.describe()}\n  there and back, own units" + " " * 8 + "max      mean")
        _show(figures(found))
        if dims == 3:
            print("  with one length a bone and clip (exact to rounding if the data were lifted)")
            _show(figures(found, "rigid"))
        wrong += [line for line in map(failure, found) if line]
        clips += len(found)
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    print(f"{clips - len(wrong):,} of {clips:,} clips pass")
    return 1 if wrong else 0


def _splits(args) -> list[str]:
    if args.split != "all":
        return [args.split]
    if args.name == "demo" and not (Path(args.root) / "demo").exists():
        return list(SPLITS)  # is made when it is loaded
    found = [split for split in SPLITS if (Path(args.root) / args.name / split).is_dir()]
    if not found:
        hint = "give --root and --name, or build the demo set: python -m signjax.tools.demo"
        near = did_you_mean(args.name, [path.name for path in Path(args.root).glob("[!.]*")], hint)
        raise DataError(f"{Path(args.root, args.name)}: no train, dev or test folder{near}")
    return found


def _show(rows: dict) -> None:
    for name, (largest, mean) in rows.items():
        print(f"    {name:<24}{largest:10.1e}{mean:10.1e}")


if __name__ == "__main__":
    sys.exit(main())
