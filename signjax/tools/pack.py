"""Packs the splits of a data set and reports what they contain.

    python -m signjax.tools.pack --root datasets --name demo
    python -m signjax.tools.pack --root datasets --name demo --measure
    python -m signjax.tools.pack --root datasets --name demo --shard 0/4

The third command packs the share of one of four machines that have a common disk. A pack is stored in the
folder of the data set. Training also makes it if it is missing.
"""

import re
import sys
from collections.abc import Iterable

from signjax import limits
from signjax.cli import parsing
from signjax.cli.command import run_without_jax
from signjax.errors import ConfigError


@run_without_jax
def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    parser = parsing.make_parser("signjax.tools.pack", __doc__)
    parser.add_argument("--root", default="datasets", help="folder that holds data sets (default: datasets)")
    parser.add_argument("--name", default="demo", help="folder of the data set (default: demo)")
    parser.add_argument("--measure", action="store_true", help="compare loading the pack with parsing JSON")
    parser.add_argument("--shard", metavar="I/N", help="pack only every Nth part, from the Ith (0 to N - 1)")
    resample = "frames per second that all clips are resampled to, now and whenever the data set is loaded"
    parser.add_argument("--resample", type=float, metavar="FPS", help=f"{resample} ({limits.FPS})")
    args = parser.parse_args(argv)
    from signjax.benchmarks import reading
    from signjax.data import pack_report

    if args.shard is not None:
        shard, shards = parse_shard(args.shard)
        _print_lines(
            pack_report.pack_shard(args.root, args.name, shard, shards, _print_progress, args.resample)
        )
        print("When all shards are there, the same command without --shard joins them")
        return 0
    _print_lines(pack_report.pack_splits(args.root, args.name, _print_progress, args.resample))
    # After packing, which is not what is timed.
    if args.measure:
        _print_lines(reading.describe_times(args.root, args.name))
    return 0


def parse_shard(text: str) -> tuple[int, int]:
    """ "1/4" as (1, 4); raises ConfigError if it is no shard."""
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if not match or not int(match[1]) < int(match[2]):
        raise ConfigError(f"--shard {text!r}: give I/N with I from 0 to N - 1, as in 0/4, 1/4, 2/4 and 3/4")
    return int(match[1]), int(match[2])


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def _print_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
