"""Writes the demo set, clips of a constructed language that is no real sign language.

    python -m signjax.tools.demo
    python -m signjax.tools.demo --name small --train 200 --dev 20 --test 20
    python -m signjax.tools.demo --dictionary

The clips are written to the folder --name in --root. A data set that exists there is not changed. The last
command writes clips of single words and letters to datasets/demo-dictionary.
"""

import os
import sys
import time
from pathlib import Path

from signjax import limits
from signjax.cli import parsing
from signjax.cli.command import run_without_jax
from signjax.io import progress

SIZES = {"train": 2000, "dev": 200, "test": 200}


@run_without_jax
def main(argv: list[str] | None = None) -> int:
    """Writes the set, or says that it is there already; returns the exit code."""
    parser = parsing.make_short_parser("signjax.tools.demo", __doc__)
    parser.add_argument("--root", default="datasets", help="folder of data sets (default: %(default)s)")
    name_help = "folder of this set in --root (default: demo, or demo-dictionary)"
    parser.add_argument("--name", help=name_help)
    words_help = "single words and letters, twice each, instead of sentences"
    parser.add_argument("--dictionary", action="store_true", help=words_help)
    parsing.add_seed_option(parser)
    for split, size in SIZES.items():
        parsing.add_number(parser, f"--{split}", limits.CLIPS, f"clips in {split}", size)
    args = parser.parse_args(argv)
    from signjax import demo
    from signjax.demo import dataset

    if args.dictionary:
        print(demo.write_dictionary(args.root, args.name or "demo-dictionary", args.seed))
        return 0
    args.name = args.name or "demo"
    sizes = (args.train, args.dev, args.test)
    place = Path(args.root) / args.name
    # Scripts call this before every training, so a set that is as asked for costs nothing.
    if dataset.is_written(
        place, {"language": dataset.LANGUAGE_VERSION, "seed": args.seed, "sizes": list(sizes)}
    ):
        print(f"{place} is up to date: nothing to do")
        return 0
    start, workers = time.monotonic(), min(os.cpu_count() or 1, 8)
    demo.write_dataset(args.root, args.name, args.seed, sizes, workers=workers, progress=_show_progress)
    print(f"{place}: {sum(sizes)} clips of a constructed language in {time.monotonic() - start:.1f} s")
    return 0


def _show_progress(done: int, total: int) -> None:
    # A terminal has a bar that is drawn again for each clip; a log file gets a line now and then.
    line = f"{done} of {total} clips"
    if done == total or (done % 500 == 0 and not progress.is_terminal(sys.stderr)):
        progress.clear_bar(sys.stderr)
        print(line, file=sys.stderr, flush=True)
    else:
        progress.draw_bar(sys.stderr, done, total, line)


if __name__ == "__main__":
    sys.exit(main())
