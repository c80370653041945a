"""Pictures of recorded clips, starting poses, displacements and samples: a GIF and a page of each.

    python -m signjax.tools.viz text --text hello
    python -m signjax.tools.viz p0 outputs/displacements/disp_hello_*_p0.npy
    python -m signjax.tools.viz deltas outputs/displacements/templates/template_hello_*_deltas.npy
    python -m signjax.tools.viz samples outputs/hello.npz
    python -m signjax.tools.viz samples runs/gpt

An .npz with a clip is what signjax.sample writes.
"""

import itertools
import sys
from pathlib import Path

import ml_collections

from signjax.cli import parsing
from signjax.cli.command import run_as_command
from signjax.data import load, phrase_search
from signjax.data.read_clip import read_saved_clip
from signjax.displacements.previews import draw_displacements, draw_starting_pose
from signjax.errors import ConfigError
from signjax.evaluation import previews

SAMPLES = ".npz of signjax.sample, or the folder of a run"


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    args = _make_parser().parse_args(argv)
    args.run(args)
    return 0


def _make_parser() -> parsing.Parser:
    parser = parsing.make_parser("signjax.tools.viz", __doc__)
    commands = parser.add_subparsers(required=True, metavar="text|p0|deltas|samples")
    text = commands.add_parser("text", help="recorded clips whose text is or has the given words")
    text.set_defaults(run=_draw_text)
    text.add_argument("--text", required=True, help="a word or words that follow one another")
    text.add_argument("--root", default="datasets", help="folder that holds data sets (default: datasets)")
    text.add_argument("--name", default="demo", help="folder of the data set (default: demo)")
    text.add_argument("--split", default="train", help="train, dev or test (default: train)")
    text.add_argument("--num", type=parsing.parse_count, default=1, help="clips at most (default: 1)")
    # The three take files; only "samples" knows runs, which have splits.
    for name, run, what, files in (
        ("p0", _draw_files, "starting poses as named points", "_p0.npy, or any file of a clip or template"),
        ("deltas", _draw_files, "clips and templates rebuilt from displacements", ".npy or .json of one"),
        ("samples", _draw_samples, "clips that were saved, or those of a run beside recorded ones", SAMPLES),
    ):
        command = commands.add_parser(name, help=what)
        command.set_defaults(run=run, command=name)
        command.add_argument("inputs", nargs="+", metavar="FILE", help=files)
    split = "of a run's data: train, dev or test (default: test)"
    command.add_argument("--split", default="test", help=split)
    clips = "clips of a run at most (default: 6)"
    command.add_argument("--num", type=parsing.parse_count, default=6, help=clips)
    for command in commands.choices.values():
        command.add_argument("--out", default="outputs", help="folder for the files (default: outputs)")
    return parser


def _draw_text(args) -> None:
    data = ml_collections.ConfigDict({"root": args.root, "name": args.name})
    dataset = load.load_configured_split(data, args.split, face=True)
    language = phrase_search.choose_language(load.is_demo_data(data))
    out = Path(args.out)
    _print_paths(previews.draw_recorded(dataset, language, args.text, args.split, out, args.num))


def _draw_files(args) -> None:
    # The prefixes keep a starting pose, a rebuilt clip and a sample of one name apart in the folder.
    prefix, draw = {"p0": ("p0", draw_starting_pose), "deltas": ("recon", draw_displacements)}[args.command]
    for path in check_names(args.inputs, prefix):
        _print_paths(draw(path, Path(args.out)))


def _draw_samples(args) -> None:
    out = Path(args.out)
    for path in check_names(args.inputs, "sample"):
        # A saved clip is a file, a run a folder.
        if path.is_dir():
            _print_paths([previews.draw_run(path, path.stem, args.split, out, args.num)])
        else:
            _print_paths(previews.draw_saved(read_saved_clip(path), out))


def check_names(names: list[str], prefix: str) -> list[Path]:
    """The paths; ConfigError if two of them would be drawn to one file."""
    # Before the first picture is drawn: the second of two would replace it.
    paths = [Path(name) for name in names]
    for one, two in itertools.combinations(paths, 2):
        if one.stem == two.stem:
            target = f"{prefix}_{one.stem}.gif"
            raise ConfigError(f"{one} and {two} would both be drawn as {target}; give one at a time")
    return paths


def _print_paths(paths: list[Path]) -> None:
    for path in paths:
        print(path)


if __name__ == "__main__":
    sys.exit(main())
