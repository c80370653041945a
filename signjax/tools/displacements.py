"""Displacements of words from frame to frame, and their averages, in the seed's files.

    python -m signjax.tools.displacements extract --words hello goodbye
    python -m signjax.tools.displacements average --words hello goodbye --align dtw

Words are taken from the texts of a data set; nothing is written unless there is a clip of each.
"""

import sys
from pathlib import Path

import ml_collections

from signjax import demo
from signjax.cli import parsing
from signjax.cli.command import run_as_command
from signjax.data import load, phrase_search
from signjax.displacements import convert, templates
from signjax.displacements.average import average_words
from signjax.displacements.extract import extract_words

FOLDER = "outputs/displacements"


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    args = _make_parser().parse_args(argv)
    args.run(args)
    return 0


def _make_parser() -> parsing.Parser:
    parser = parsing.make_parser("signjax.tools.displacements", __doc__)
    commands = parser.add_subparsers(required=True, metavar="extract|average")
    extract = commands.add_parser("extract", help="write the displacements of words of a data set")
    average = commands.add_parser("average", help="average the displacements of words to templates")
    # Options that both have are defined once, so that they mean the same.
    for command, run, verb in ((extract, _extract_words, "also write"), (average, _average_words, "average")):
        command.set_defaults(run=run)
        command.add_argument("--words", nargs="+", required=True, metavar="WORD", help="words or phrases")
        command.add_argument("--norm", action="store_true", help=f"{verb} clips without place and size")
        command.add_argument(
            "--samples", type=parsing.parse_count, default=8, help="clips a word at most (default: 8)"
        )
    extract.add_argument("--root", default="datasets", help="folder that holds data sets (default: datasets)")
    extract.add_argument("--name", default="demo", help="folder of the data set (default: demo)")
    extract.add_argument("--split", default="train", help="train, dev or test (default: train)")
    extract.add_argument("--out", default=FOLDER, help="folder for the files (default: %(default)s)")
    average.add_argument("--folder", default=FOLDER, help="folder of displacements (default: %(default)s)")
    align = "how clips are aligned in time (default: phase)"
    average.add_argument("--align", choices=templates.ALIGNMENTS, default="phase", help=align)
    average.add_argument(
        "--steps", type=parsing.parse_count, help="of a template (default: the median of its clips')"
    )
    average.add_argument("--out", help="folder for the files (default: templates in --folder)")
    return parser


def _extract_words(args) -> None:
    data = ml_collections.ConfigDict({"root": args.root, "name": args.name})
    dataset = load.load_configured_split(data, args.split)
    language = phrase_search.choose_language(load.is_demo_data(data))
    if not language.locate_signs:
        print(
            f"{dataset.label}: nothing can find signs inside sentences of these data; whole texts are taken"
        )
    folder = Path(args.root, args.name, args.split)
    found = extract_words(dataset, language, args.words, folder, Path(args.out), args.samples, args.norm)
    for word, result in found.results.items():
        frames = [len(segment.sequence.valid) for segment in result.segments]
        line = f"{word}: {len(frames)} clips of {min(frames)} to {max(frames)} frames"
        more = f", {result.unusable} more that have the word could not be used" if result.unusable else ""
        print(line + more)
    print(found.manifest)


def _average_words(args) -> None:
    out = Path(args.out or f"{args.folder}/templates")
    averaged, manifest = average_words(
        args.folder, args.words, out, args.samples, args.steps, args.align, args.norm
    )
    for one in averaged:
        # The shortest check of a template: whether an average of clips still is their sign.
        words = " ".join(demo.read_signs(*convert.rebuild_poses(one.template)))
        reading = f"; the reader of the demo language reads: {words}" if words else ""
        other = f" ({one.mirrored} mirrored, which the other hand leads)" if one.mirrored else ""
        print(f"{one.word}: {one.clips} clips{other}, {len(one.template.deltas)} steps, {one.path}{reading}")
    print(manifest)


if __name__ == "__main__":
    sys.exit(main())
