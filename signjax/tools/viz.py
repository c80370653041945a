"""Draws recorded clips, starting poses, displacements and samples: a GIF and a page of each.

    python -m signjax.tools.viz text --text hello
    python -m signjax.tools.viz p0 outputs/displacements/disp_hello_*_p0.npy
    python -m signjax.tools.viz deltas outputs/displacements/templates/template_hello_*_deltas.npy
    python -m signjax.tools.viz samples outputs/hello.npz
    python -m signjax.tools.viz samples runs/gpt

An .npz file with a clip is written by signjax.sample.
"""

import sys
from pathlib import Path

from signjax import limits
from signjax.cli import parsing
from signjax.cli.command import run_as_command

FILES = {"nargs": "+", "type": Path, "metavar": "FILE"}


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    args = _make_parser().parse_args(argv)
    for path in _draw(args):
        print(path)
    return 0


def _draw(a):
    from signjax.displacements.previews import draw_rebuilt_clips, draw_starting_poses
    from signjax.evaluation.previews import draw_recorded, draw_samples

    if a.kind == "text":
        return draw_recorded(a.root, a.name, a.split, a.text, a.out, a.num)
    if a.kind == "samples":
        return draw_samples(a.inputs, a.out, a.split, a.num, a.seed)
    return (draw_starting_poses if a.kind == "p0" else draw_rebuilt_clips)(a.inputs, a.out)


def _make_parser() -> parsing.Parser:
    parser = parsing.make_parser("signjax.tools.viz", __doc__)
    commands = parser.add_subparsers(dest="kind", required=True, metavar="text|p0|deltas|samples")
    text = commands.add_parser("text", help="recorded clips whose text contains the given words")
    words = "one word, or several that follow one another"
    text.add_argument("--text", type=parsing.parse_text, required=True, help=words)
    text.add_argument("--root", default="datasets", help="folder that holds data sets (default: datasets)")
    text.add_argument("--name", default="demo", help="folder of the data set (default: demo)")
    text.add_argument("--split", default="train", help="train, dev or test (default: train)")
    parsing.add_number(text, "--num", limits.CLIPS, "largest number of clips", 1)
    p0 = commands.add_parser("p0", help="starting poses as named points")
    p0.add_argument("inputs", **FILES, help="_p0.npy, or any file of a clip or template")
    deltas = commands.add_parser("deltas", help="clips and templates rebuilt from displacements")
    deltas.add_argument("inputs", **FILES, help=".npy or .json of a clip or a template")
    saved = "saved clips, or clips of a run beside recorded ones"
    samples = commands.add_parser("samples", help=saved)
    samples.add_argument("inputs", **FILES, help=".npz of signjax.sample, or the folder of a run")
    split = "split of a run's data: train, dev or test (default: test)"
    samples.add_argument("--split", default="test", help=split)
    parsing.add_number(samples, "--num", limits.CLIPS, "largest number of clips of a run", 6)
    parsing.add_seed_option(samples)
    out = "folder for the files (default: outputs)"
    for command in commands.choices.values():
        command.add_argument("--out", type=Path, default="outputs", help=out)
    return parser


if __name__ == "__main__":
    sys.exit(main())
