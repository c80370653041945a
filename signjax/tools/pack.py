"""Packs the splits of a data set and says what was found in them.

    python -m signjax.tools.pack --root datasets --name demo
    python -m signjax.tools.pack --root datasets --name demo --measure
    python -m signjax.tools.pack --root datasets --name demo --shard 0/4

The last packs the share of one of four machines with one disk. A pack lies in the folder of the data set, and
training makes it by itself, too.
"""

import re
import sys

from signjax.benchmarks import reading
from signjax.cli import parsing
from signjax.cli.command import run_as_command
from signjax.data import pack_writer
from signjax.data.load import load_split, pack_shard
from signjax.data.splits import SPLITS, list_splits
from signjax.errors import ConfigError


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    parser = parsing.make_parser("signjax.tools.pack", __doc__)
    parser.add_argument("--root", default="datasets", help="folder that holds data sets (default: datasets)")
    parser.add_argument("--name", default="demo", help="folder of the data set (default: demo)")
    parser.add_argument("--measure", action="store_true", help="time loading the pack against parsing JSON")
    parser.add_argument("--shard", metavar="I/N", help="pack only every Nth part, from the Ith (0 to N - 1)")
    args = parser.parse_args(argv)
    if args.shard is None:
        _pack_splits(args.root, args.name, args.measure)
    else:
        _pack_shard(args.root, args.name, *parse_shard(args.shard))
    return 0


def parse_shard(text: str) -> tuple[int, int]:
    """ "1/4" as (1, 4); raises ConfigError if it is no shard."""
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if not match or not int(match[1]) < int(match[2]):
        raise ConfigError(f"--shard {text!r}: give I/N with I from 0 to N - 1, as in 0/4, 1/4, 2/4 and 3/4")
    return int(match[1]), int(match[2])


def _pack_shard(root: str, name: str, shard: int, shards: int) -> None:
    # Nothing is joined here: no machine knows when the others are done.
    for split in list_splits(root, name):
        count = pack_shard(root, name, split, shard, shards, on_message=_print_progress)
        print(f"{name}/{split}: the {count} part(s) of shard {shard}/{shards} are packed")
    print("When all shards are there, the same command without --shard joins them")


def _pack_splits(root: str, name: str, measure: bool) -> None:
    splits = list_splits(root, name)
    for split in splits:
        try:
            dataset = load_split(root, name, split, on_message=_print_progress)
        except pack_writer.BrokenClipsError as refused:
            # The message names a few clips; whoever repairs the data set needs all.
            _print_broken(refused.broken)
            raise
        print(dataset.describe())
        _print_broken(dataset.broken)
        # After loading, which has packed the split if need be: packing itself is not what is timed.
        if measure:
            packed, parsed = reading.time_reading(root, name, split)
            times = f"from the pack {packed:.3f} s, from JSON {parsed:.2f} s: {parsed / packed:,.0f} times"
            print(f"  all frames {times}")
    # A split that was forgotten is found out now, and not at the end of training.
    for split in SPLITS:
        if split not in splits:
            print(f"{name}/{split}: not there")


def _print_broken(broken) -> None:
    for sid, reason in broken:
        print(f"  left out {sid}: {reason}")


def _print_progress(line: str) -> None:
    # Left out: what loading says of clips left out, which is printed in full here, also for old packs.
    if "clips left out" not in line and not line.startswith("  "):
        print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
