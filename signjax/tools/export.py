"""Writes clips and runs in other formats, for other programs or to share.

    python -m signjax.tools.export outputs/hello.npz --to pose
    python -m signjax.tools.export datasets/mine/test/clip_7 --to html
    python -m signjax.tools.export runs/gpt --to hub_folder --license cc-by-4.0

A clip is an .npz file of signjax.sample, or the folder of a clip in a data set. A run is its folder.
"""

import sys

from signjax import limits
from signjax.cli import parsing
from signjax.cli.command import run_as_command
from signjax.export import forms


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    parser = parsing.make_parser("signjax.tools.export", __doc__)
    what = ".npz of signjax.sample, the folder of a clip, or a run"
    parser.add_argument("paths", nargs="+", metavar="CLIP|RUN", help=what)
    form = f"of a clip: {', '.join(forms.CLIP_FORMS)}; of a run: {', '.join(forms.RUN_FORMS)}"
    parser.add_argument("--to", required=True, choices=forms.FORMS, metavar="FORM", help=form)
    parser.add_argument("--out", default="outputs", help="folder for the files (default: outputs)")
    fps = "frames per second of a clip; by default its own, or 25 if it has none"
    parsing.add_number(parser, "--fps", limits.FPS, fps)
    licence = "licence of a hub_folder, as the hub names it, such as cc-by-4.0 (default: other)"
    parser.add_argument("--license", default="other", metavar="ID", help=licence)
    float16 = "for a hub_folder: weights in half the bytes, rounded to 11 bits"
    parser.add_argument("--float16", action="store_true", help=float16)
    args = parser.parse_args(argv)
    for path in forms.export_paths(args.paths, args.to, args.out, args.fps, args.license, args.float16):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
