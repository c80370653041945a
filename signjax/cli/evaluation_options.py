"""The options of the evaluate command."""

import argparse

from signjax.cli import parsing
from signjax.cli.lexicon_options import add_lexicon_options
from signjax.training import config_schema


def parse_evaluation_options(argv: list[str] | None, doc: str) -> argparse.Namespace:
    """The options of the command line; `doc` is the command's own, shown by --help."""
    parser = parsing.make_short_parser("signjax.evaluate", doc)
    parser.add_argument("--workdir", help="folder of the run to score")
    parser.add_argument("--predictions", help="folder of another system's clips, <clip>.json or .npz")
    add_lexicon_options(parser)
    parser.add_argument("--split", default="test", help="train, dev or test (default: %(default)s)")
    parser.add_argument("--root", help="folder of data sets (default: the run's own, or datasets)")
    parser.add_argument("--name", default="demo", help="without --workdir: the data set (default: demo)")
    kinds = config_schema.FIELDS["data.text"].choices
    parser.add_argument("--text", choices=kinds, default=kinds[0], help="without --workdir: what texts are")
    parser.add_argument("--backtranslate", help="run of a back-translator (default: runs/backtranslate)")
    parser.add_argument("--recognizer", help="run of configs/recognizer.py, for clips of single signs")
    parser.add_argument("--tokenize", help="of BT scores: words, gloss, 13a, zh or char (default: by texts)")
    parser.add_argument("--out", help="folder for the files (default: <workdir>/scores-<split>)")
    parsing.add_seed_option(parser)
    return parser.parse_args(argv)
