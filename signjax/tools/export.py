"""Clips in other forms, and runs taken elsewhere: for other programs, or to be shared.

    python -m signjax.tools.export outputs/hello.npz --to pose
    python -m signjax.tools.export datasets/mine/test/clip_7 --to html
    python -m signjax.tools.export runs/gpt --to hub_folder --license cc-by-4.0

A clip is an .npz as signjax.sample writes it, or the folder of a data set's clip; a run is its folder.
"""

import argparse
import collections
import dataclasses
import os
import re
import sys
from pathlib import Path

from signjax.cli import parsing
from signjax.cli.command import run_as_command
from signjax.data.read_clip import read_written_clip
from signjax.errors import ConfigError, DataError
from signjax.export import clips, runs


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    parser = parsing.make_parser("signjax.tools.export", __doc__)
    what = ".npz of signjax.sample, a clip's folder, or a run"
    parser.add_argument("paths", nargs="+", metavar="CLIP|RUN", help=what)
    forms = f"of a clip: {', '.join(clips.FORMS)}; of a run: {', '.join(runs.WRITERS)}"
    parser.add_argument(
        "--to", required=True, choices=[*clips.FORMS, *runs.WRITERS], metavar="FORM", help=forms
    )
    parser.add_argument("--out", default="outputs", help="folder for the files (default: outputs)")
    fps = "frames per second of a clip (default: 25)"
    parser.add_argument("--fps", type=parsing.make_decimal_parser(1, 100), default=25.0, help=fps)
    licence = "of a hub_folder, as the Hugging Face hub names it, such as cc-by-4.0 (default: other)"
    parser.add_argument("--license", type=parse_licence, default="other", metavar="ID", help=licence)
    args = parser.parse_args(argv)
    # Targets are chosen before anything is written: two of one name would overwrite each other.
    for path, target in choose_targets(args.paths, args.out):
        if args.to in runs.WRITERS:
            options = {"licence": args.license} if args.to == "hub_folder" else {}
            print(runs.WRITERS[args.to](path, target, **options))
        elif Path(path, "config.json").is_file():
            known = ", ".join(runs.WRITERS)
            raise DataError(f"{path} is a run, which has the forms {known}; name a clip for the others")
        else:
            # Data sets of others often do not say their rate; what the flag says holds for every clip.
            clip = dataclasses.replace(read_written_clip(path), fps=args.fps)
            print(clips.save_form(clip, target, args.to))
    return 0


def choose_targets(names: list[str], out: str) -> list[tuple[Path, Path]]:
    """Each path, and the path in `out` that its export is called after; ConfigError if two are the same."""
    paths = [Path(os.path.abspath(name)) for name in names]  # "." has a name, too
    stems = [path.name.removesuffix(".npz") for path in paths]
    repeated = [stem for stem, times in collections.Counter(stems).items() if times > 1]
    if repeated:
        raise ConfigError(
            f"{len(paths)} clips, and more than one is named {repeated[0]!r}; give one at a time"
        )
    return [(path, Path(out, stem)) for path, stem in zip(paths, stems, strict=True)]


def parse_licence(text: str) -> str:
    """A licence's identifier, for argparse."""
    # It goes into the front matter of the model card, where another character could add fields.
    if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no identifier such as apache-2.0 or cc-by-nc-4.0")
    return text


if __name__ == "__main__":
    sys.exit(main())
