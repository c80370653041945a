"""Writes displacements of words between frames, and their averages, in the original project's format.

    python -m signjax.tools.displacements extract --words hello goodbye
    python -m signjax.tools.displacements average --words hello goodbye --align dtw

The words are looked for in the texts of a data set. If a word has no clip, nothing is written.
"""

import sys
from pathlib import Path

from signjax import limits
from signjax.cli import parsing
from signjax.cli.command import run_without_jax
from signjax.displacements import ALIGNMENTS

FOLDER = "outputs/displacements"
WORDS = {"nargs": "+", "required": True, "metavar": "WORD", "help": "the words", "type": parsing.parse_text}


@run_without_jax
def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    args = _make_parser().parse_args(argv)
    for line in args.run(args).describe():
        print(line)
    return 0


def _make_parser() -> parsing.Parser:
    parser = parsing.make_parser("signjax.tools.displacements", __doc__)
    commands = parser.add_subparsers(required=True, metavar="extract|average")
    extract = commands.add_parser("extract", help="write the displacements of words of a data set")
    average = commands.add_parser("average", help="average the displacements of words to templates")
    # Options that both have are defined once, so that they mean the same.
    for command, run, verb in ((extract, _extract_words, "also write"), (average, _average_words, "average")):
        command.set_defaults(run=run)
        command.add_argument("--words", **WORDS)
        command.add_argument("--norm", action="store_true", help=f"{verb} clips in canonical space")
        parsing.add_number(command, "--samples", limits.CLIPS, "largest number of clips of a word", 8)
    extract.add_argument("--root", default="datasets", help="folder that holds data sets (default: datasets)")
    extract.add_argument("--name", default="demo", help="folder of the data set (default: demo)")
    extract.add_argument("--split", default="train", help="train, dev or test (default: train)")
    extract.add_argument(
        "--out", type=Path, default=FOLDER, help="folder for the files (default: %(default)s)"
    )
    average.add_argument(
        "--folder", type=Path, default=FOLDER, help="folder of displacements (default: %(default)s)"
    )
    align = "how clips are aligned in time (default: phase)"
    average.add_argument("--align", choices=ALIGNMENTS, default="phase", help=align)
    parsing.add_number(average, "--steps", limits.FRAMES, "steps of a template; else the median of its clips")
    average.add_argument("--out", type=Path, help="folder for the files (default: templates in --folder)")
    return parser


def _extract_words(args):
    from signjax.displacements.extract import extract_words

    return extract_words(args.root, args.name, args.split, args.words, args.out, args.samples, args.norm)


def _average_words(args):
    from signjax.displacements.average import average_words

    return average_words(args.folder, args.words, args.out, args.samples, args.steps, args.align, args.norm)


if __name__ == "__main__":
    sys.exit(main())
