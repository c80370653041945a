"""Packs a data set's splits and says what was found.

    python -m signjax.tools.pack --root datasets --name demo
    python -m signjax.tools.pack --root datasets --name demo --measure
    python -m signjax.tools.pack --root datasets --name demo --shard 0/4

The last packs what is for one of four machines that share the disk. A pack lies in the data set's folder, and
training makes it by itself, too.
"""

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from signjax.cli import parsing
from signjax.data import clip_files, pack_writer, packed_dataset
from signjax.errors import ConfigError, DataError, SignjaxError, did_you_mean

SPLITS = ("train", "dev", "test")


def measure(root: str, name: str, split: str) -> tuple[float, float]:
    """Seconds to get at all frames of a packed split: from the pack, and from the clips' JSON files.

    Both end with every frame of the split read once.
    """
    start = time.perf_counter()
    stored = read_packed(root, name, split)
    middle = time.perf_counter()
    read_json(Path(root) / name / split, stored.sids)
    return middle - start, time.perf_counter() - middle


def read_packed(root: str, name: str, split: str) -> packed_dataset.Pack:
    """Loads a split's pack and reads every frame of it once."""
    stored = packed_dataset.load(root, name, split)
    np.add.reduce(stored.pose, axis=None)
    return stored


def read_json(source: Path, sids: Sequence[str]) -> None:
    """Reads every frame of these clips of a split's folder from their JSON files, checked as for packing."""
    for sid in sids:
        clip_files.read_raw(source / sid)


def main(argv: list[str] | None = None) -> int:
    """The door; returns the exit code."""
    parser = parsing.parser("signjax.tools.pack", __doc__)
    parser.add_argument("--root", default="datasets", help="folder that holds data sets (default: datasets)")
    parser.add_argument("--name", default="demo", help="folder of the data set (default: demo)")
    parser.add_argument("--measure", action="store_true", help="time loading the pack against parsing JSON")
    parser.add_argument("--shard", metavar="I/N", help="pack only every Nth part, from the Ith (0 to N - 1)")
    args = parser.parse_args(argv)
    try:
        _run(args.root, args.name, args.measure, shard_of(args.shard))
    except SignjaxError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def shard_of(given: str | None) -> tuple[int, int] | None:
    """ "1/4" as (1, 4).

    Raises:
      ConfigError: it is no shard.
    """
    if given is None:
        return None
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", given)
    if not found or not int(found[1]) < int(found[2]):
        raise ConfigError(f"--shard {given!r}: give I/N with I from 0 to N - 1, as in 0/4, 1/4, 2/4 and 3/4")
    return int(found[1]), int(found[2])


def _run(root: str, name: str, measured: bool, shard: tuple[int, int] | None) -> None:
    found = [split for split in SPLITS if (Path(root) / name / split).is_dir()]
    if not found:
        hint = "give --root and --name, or build the demo set: python -m signjax.tools.demo"
        beside = [path.name for path in Path(root).glob("[!.]*")]
        raise DataError(f"{Path(root, name)}: no train, dev or test folder{did_you_mean(name, beside, hint)}")
    for split in found if shard else ():
        count = packed_dataset.load_shard(root, name, split, *shard, say=_progress)
        print(f"{name}/{split}: the {count} part(s) of shard {shard[0]}/{shard[1]} are packed")
    if shard:
        print("When all shards are there, the same command without --shard joins them")
        return
    for split in found:
        try:
            stored = packed_dataset.load(root, name, split, say=_progress)
        except pack_writer.Refused as refused:
            _show(refused.broken)
            raise
        print(stored.describe())
        _show(stored.broken)
        if measured:
            packed, parsed = measure(root, name, split)
            ratio = parsed / packed
            print(f"  all frames from the pack {packed:.3f} s, from JSON {parsed:.2f} s: {ratio:,.0f} times")
    for split in SPLITS:
        if split not in found:
            print(f"{name}/{split}: not there")


def _show(broken) -> None:
    for sid, reason in broken:
        print(f"  left out {sid}: {reason}")


def _progress(line: str) -> None:
    if "clips left out" not in line and not line.startswith("  "):  # printed for old packs as well
        print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
