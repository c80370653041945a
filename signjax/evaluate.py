"""Scores a run, or clips of another system: tables, scores.json, plots, and a page to look at.

    python -m signjax.evaluate --workdir runs/gpt
    python -m signjax.evaluate --workdir runs/gpt --lexicon datasets/words
    python -m signjax.evaluate --predictions their_clips --name mine --split dev

The files are written to a folder in the run, or beside the clips.
"""

import sys
import time

from signjax.cli.command import run_as_command
from signjax.cli.evaluation_options import parse_evaluation_options
from signjax.cli.lexicon_options import get_lexicon_arguments
from signjax.errors import ConfigError


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Prints the tables and writes scores.json, plots, GIFs and a page; returns the exit code."""
    args, begin = parse_evaluation_options(argv, __doc__), time.monotonic()
    from signjax.cli.default_translator import find_translator
    from signjax.evaluation.score import score
    from signjax.evaluation.scored_data import load_scored_data
    from signjax.inference.load import load_recognizer
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
    recognizer = load_recognizer(args.recognizer) if args.recognizer else None
    judges = {"back_translator": translator, "recognizer": recognizer, "tokenize": args.tokenize}
    card = score(**judges, seed=args.seed, report=report, **data.arguments)
    print(f"\n{card.table()}\n")
    for note in card.notes:
        print(f"note: {note}")
    print(*card.write(args.out or f"{system}/scores-{args.split}"), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
