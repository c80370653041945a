"""Scores a run, or clips of another system: tables, scores.json, plots, and a page to look at.

    python -m signjax.evaluate --workdir runs/gpt
    python -m signjax.evaluate --workdir runs/gpt --lexicon datasets/words
    python -m signjax.evaluate --predictions their_clips --name mine --split dev

The files are written to a folder in the run, or beside the clips.
"""

import sys
import time

from signjax.cli import parsing
from signjax.cli.command import run_as_command
from signjax.cli.lexicon_options import add_lexicon_options, get_lexicon_arguments
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

    lexicon, system = get_lexicon_arguments(args), args.workdir or args.predictions or args.lexicon
    if not system:
        raise ConfigError("nothing to score; give --workdir RUN, --predictions DIR or --lexicon DATASET")
    source = (args.workdir, args.predictions, args.split, args.root, args.name)
    data = load_scored_data(*source, report, args.text, lexicon)
    translator = find_translator(args.backtranslate, data.name, report, data.arguments["dataset"].text_kind)
    options = {"tokenize": args.tokenize, "seed": args.seed, "report": report}
    card = score(back_translator=translator, **options, **data.arguments)
    print(f"\n{card.table()}\n")
    for note in card.notes:
        print(f"note: {note}")
    print(*card.write(args.out or f"{system}/scores-{args.split}"), sep="\n")
    return 0


def parse_options(argv: list[str] | None):
    """The options of the command line."""
    parser = parsing.make_short_parser("signjax.evaluate", __doc__)
    parser.add_argument("--workdir", help="folder of the run to score")
    parser.add_argument("--predictions", help="folder of another system's clips, <clip>.json or .npz")
    add_lexicon_options(parser)
    parser.add_argument("--split", default="test", help="train, dev or test (default: %(default)s)")
    parser.add_argument("--root", help="folder of data sets (default: the run's own, or datasets)")
    parser.add_argument("--name", default="demo", help="without --workdir: the data set (default: demo)")
    kinds = config_schema.FIELDS["data.text"].choices
    parser.add_argument("--text", choices=kinds, default=kinds[0], help="without --workdir: what texts are")
    parser.add_argument("--backtranslate", help="run of a back-translator (default: runs/backtranslate)")
    parser.add_argument("--tokenize", help="of BT scores: words, gloss, 13a, zh or char (default: by texts)")
    parser.add_argument("--out", help="folder for the files (default: <workdir>/scores-<split>)")
    parsing.add_seed_option(parser)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
