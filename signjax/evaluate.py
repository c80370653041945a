"""Scores a run, or clips of another system: tables, scores.json, plots, and a page to look at.

    python -m signjax.evaluate --workdir runs/gpt
    python -m signjax.evaluate --predictions their_clips --name mine --split dev

The files are written to a folder in the run, or beside the clips.
"""

import sys
import time

from signjax.cli import parsing
from signjax.cli.command import run_as_command
from signjax.errors import ConfigError
from signjax.training import config_schema


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Prints the tables and writes scores.json, plots, GIFs and a page; returns the exit code."""
    args, begin = parse_options(argv), time.monotonic()
    from signjax.cli.default_translator import find_translator
    from signjax.evaluation.score import score
    from signjax.evaluation.scored_data import load_scored_data
    from signjax.training import process

    process.enable_compile_cache()

    def report(line: str) -> None:
        print(f"[{time.monotonic() - begin:5.0f} s] {line}", flush=True)

    if not args.workdir and not args.predictions:
        raise ConfigError("nothing to score; give --workdir RUN or --predictions DIR")
    data = load_scored_data(
        args.workdir, args.predictions, args.split, args.root, args.name, report, args.text
    )
    translator = find_translator(args.backtranslate, data.name, report, data.arguments["dataset"].text_kind)
    options = {"back_translator": translator, "tokenize": args.tokenize, "seed": args.seed}
    card = score(**options, report=report, **data.arguments)
    print(f"\n{card.table()}\n")
    for note in card.notes:
        print(f"note: {note}")
    for path in card.write(args.out or f"{args.workdir or args.predictions}/scores-{args.split}"):
        print(path)
    return 0


def parse_options(argv: list[str] | None):
    """The options of the command line."""
    parser = parsing.make_short_parser("signjax.evaluate", __doc__)
    parser.add_argument("--workdir", help="folder of the run to score")
    parser.add_argument("--predictions", help="folder of another system's clips, <clip>.json or .npz")
    parser.add_argument("--split", default="test", help="train, dev or test (default: %(default)s)")
    parser.add_argument("--root", help="folder of data sets (default: the run's own, or datasets)")
    name_help = "with --predictions and no --workdir: the data set (default: %(default)s)"
    parser.add_argument("--name", default="demo", help=name_help)
    text_help = "with --predictions and no --workdir: the texts to compare with (default: %(default)s)"
    kinds = config_schema.FIELDS["data.text"].choices
    parser.add_argument("--text", choices=kinds, default=kinds[0], help=text_help)
    parser.add_argument("--backtranslate", help="run of a back-translator (default: runs/backtranslate)")
    tokenize_help = "of back-translations: words, gloss, 13a, zh or char (default: that of the texts)"
    parser.add_argument("--tokenize", help=tokenize_help)
    parser.add_argument("--out", help="folder for the files (default: <workdir>/scores-<split>)")
    parsing.add_seed_option(parser)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
