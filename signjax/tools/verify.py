"""Checks on every clip of a data set that conversion to angles or directions and back loses nothing.

    python -m signjax.tools.verify 2d --root datasets --name demo
    python -m signjax.tools.verify 3d --root datasets --name demo --split dev

A clip fails if a joint comes back more than 1e-5 neck-to-shoulder lengths from where it was. This is about a
millionth in the units of lifted data, or a tenth of the last digit in their files.
"""

import sys
from pathlib import Path

from signjax.cli import parsing
from signjax.cli.command import run_without_jax
from signjax.data.splits import SPLITS, list_splits


@run_without_jax
def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit code, 1 if a clip fails."""
    parser = parsing.make_parser("signjax.tools.verify", __doc__)
    parser.add_argument("form", choices=("2d", "3d"), help="angles in the plane, or directions in space")
    parser.add_argument("--root", default="datasets", help="folder that holds data sets (default: datasets)")
    parser.add_argument("--name", default="demo", help="folder of the data set (default: demo)")
    parser.add_argument("--split", default="all", help="train, dev, test or all (default: all)")
    return _check_splits(parser.parse_args(argv))


def _check_splits(args) -> int:
    from signjax.data import load
    from signjax.evaluation import kinematics_check

    dims, failures, clips = int(args.form[0]), [], 0
    for split in _choose_splits(args):
        dataset = load.load_dataset(args.root, args.name, split).without_face()
        trips = list(kinematics_check.check_clips(dataset, dims))
        print(f"{dataset.describe()}\n  there and back, own units" + " " * 8 + "max      mean")
        _print_errors(kinematics_check.summarize_errors(trips))
        if dims == 3:
            print("  with one length a bone and clip (exact to rounding if the data were lifted)")
            _print_errors(kinematics_check.summarize_errors(trips, rigid=True))
        failures += [line for line in map(kinematics_check.describe_failure, trips) if line]
        clips += len(trips)
    # After all figures: a data set may have thousands of failures.
    for line in failures:
        print(f"error: {line}", file=sys.stderr)
    print(f"{clips - len(failures):,} of {clips:,} clips pass")
    return 1 if failures else 0


def _choose_splits(args) -> list[str]:
    if args.split != "all":
        return [args.split]
    if args.name == "demo" and not (Path(args.root) / "demo").exists():
        return list(SPLITS)  # the demo set is made when it is loaded
    return list_splits(args.root, args.name)


def _print_errors(summaries: dict) -> None:
    for name, errors in summaries.items():
        print(f"    {name:<24}{errors.largest:10.1e}{errors.mean:10.1e}")


if __name__ == "__main__":
    sys.exit(main())
