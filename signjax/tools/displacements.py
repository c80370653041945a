"""Displacements of words from frame to frame, and their averages, in the seed's files.

python -m signjax.tools.displacements extract --words hello goodbye
python -m signjax.tools.displacements average --words hello goodbye --align dtw
"""

import argparse
import itertools
import sys
import time
from pathlib import Path

import ml_collections

from signjax import demo
from signjax.cli import parsing
from signjax.data import load
from signjax.displacements import convert, handedness, read, templates, word_search, write
from signjax.errors import ConfigError, DataError
from signjax.training import process

FOLDER = "outputs/displacements"
LEADS = 1.5  # times the way of the other wrist: a hand that clearly leads


@process.one_line
def main(argv: list[str] | None = None) -> int:
    """The door; returns the exit code."""
    args = _parser().parse_args(argv)
    args.run(args)
    return 0


def _parser() -> parsing.Parser:
    parser = parsing.parser("signjax.tools.displacements", __doc__)
    commands = parser.add_subparsers(required=True, metavar="extract|average")
    one = commands.add_parser("extract", help="write the displacements of words of a data set")
    two = commands.add_parser("average", help="average the displacements of words to templates")
    for command, run, norm in ((one, extract, "also write"), (two, average_words, "average")):
        command.set_defaults(run=run)
        command.add_argument("--words", nargs="+", required=True, metavar="WORD", help="words or phrases")
        command.add_argument("--norm", action="store_true", help=f"{norm} clips without place and size")
        command.add_argument("--samples", type=count, default=8, help="clips a word at most (default: 8)")
    one.add_argument("--root", default="datasets", help="folder that holds data sets (default: datasets)")
    one.add_argument("--name", default="demo", help="folder of the data set (default: demo)")
    one.add_argument("--split", default="train", help="train, dev or test (default: train)")
    one.add_argument("--out", default=FOLDER, help="folder for the files (default: %(default)s)")
    two.add_argument("--folder", default=FOLDER, help="folder of displacements (default: %(default)s)")
    two.add_argument("--align", choices=templates.ALIGNMENTS, default="phase", help="how clips meet in time")
    two.add_argument("--steps", type=count, help="of a template (default: the median of its clips')")
    two.add_argument("--out", help="folder for the files (default: templates in --folder)")
    return parser


def count(text: str) -> int:
    """The whole number above 0 that a flag says; argparse.ArgumentTypeError if it says none."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def extract(args) -> None:
    """Writes the displacements of words of a data set.

    Raises:
      DataError: the split cannot be used, or has no clip of one of the words; nothing is written then.
      StorageError: a file cannot be written.
    """
    data = ml_collections.ConfigDict({"root": args.root, "name": args.name})
    held = load.load(data, args.split)
    how = word_search.reading(load.readable(data))
    if not how.locate:
        print(f"{held.label}: nothing can find signs inside sentences of these data; whole texts are taken")
    found = {
        word: word_search.search(held, args.split, word, how, args.samples) for word in _unique(args.words)
    }
    _demand(found, held.label, how)
    folder, stamp, items = Path(args.out), time.strftime("%Y%m%d_%H%M%S"), []
    for word, search in found.items():
        for cut in search.cuts:
            sample = Path(args.root, args.name, args.split, cut.sid)
            for normalized in (False, True)[: 1 + args.norm]:
                items.append(write.write_cut(folder, stamp, cut, sample, normalized))
        frames = [len(cut.moves.seen) for cut in search.cuts]
        line = f"{word}: {len(frames)} clips of {min(frames)} to {max(frames)} frames"
        left = f", {search.unusable} more that have the word could not be used" if search.unusable else ""
        print(line + left)
    print(write.write_manifest(folder, stamp, items))


def _unique(texts: list[str]) -> list[str]:
    """Words in their order, each once."""
    return list({text.strip().casefold(): text.strip() for text in texts}.values())


def _demand(found: dict, label: str, how: word_search.Reading) -> None:
    """Raises DataError if a word has no clip; other words are never put in its place."""
    for word, search in found.items():
        if search.cuts:
            continue
        why = "where its sign was not found" if how.locate else "which cannot be cut"
        only = f"{word!r} is only in {search.mentions} sentence(s), {why}"
        what = only if search.mentions else f"no text has {word!r}"
        raise DataError(f"{label}: {what}; leave it out or choose another --split")


def average_words(args) -> None:
    """Averages the displacements of words to templates.

    Raises:
      DataError: files that cannot be read, or less than two clips of a word; nothing is written then.
      StorageError: a file cannot be written.
    """
    out, stamp = Path(args.out or f"{args.folder}/templates"), time.strftime("%Y%m%d_%H%M%S")
    groups = {word: _clips(args, word) for word in _unique(args.words)}
    items = []
    for word, clips in groups.items():
        same, mirrored = handedness.agree([clip for _, clip, _ in clips])
        template = templates.average(same, args.steps, args.align)
        sources = [source.array for source, _, _ in clips]
        turned = [source.as_posix() for source in itertools.compress(sources, mirrored)]
        about = {"align": args.align, "normalized": args.norm, "mirrored": turned}
        path = write.write_template(out, stamp, word, template, clips[0][2], sources, about)
        items.append({"word": word, "base": path.stem})
        said = " ".join(demo.read(*convert.rebuild(template)))
        reads = f"; the reader of the demo language reads: {said}" if said else ""
        other = f" ({len(turned)} mirrored, which the other hand leads)" if turned else ""
        print(f"{word}: {len(clips)} clips{other}, {len(template.deltas)} steps, {path}{reads}")
    print(write.write_manifest(out, stamp, items))


def _clips(args, word: str) -> list:
    clips = read.clips(args.folder, word, args.norm)[: args.samples]
    kind = "normalised" if args.norm else "raw"
    if len(clips) < 2:
        there = ", ".join(sorted({source.word for source in read.sources(args.folder)}))
        raise DataError(
            f"{args.folder}: {len(clips)} {kind} clip(s) of {word!r}, and an average needs two; there are "
            f"files of {there}; extract more{' with --norm' if args.norm else ''}"
        )
    for source, clip, _ in clips:
        templates.canonical(clip, source.array)
    origins = sorted({f"{source.dataset or 'unknown'} ({dims}-D)" for source, _, dims in clips})
    if len(origins) > 1:
        both = f"clips of {word!r} are of {' and '.join(origins)}"
        raise ConfigError(f"{args.folder}: {both}; keep each data set in its own folder")
    return clips


if __name__ == "__main__":
    sys.exit(main())
