"""Makes a data set of pose files as others have them, and says what was found, left out and why.

    python -m signjax.tools.import_poses openpose_output --name mine --fps 25
    python -m signjax.tools.import_poses poses --name mine --texts texts.tsv

Formats: OpenPose frames, .pose, .skels, SLRTP arrays, JSON of DWPose or MediaPipe, signjax's own folders. The
data set is moved to its place when it is whole; the same command starts an interrupted import again.
"""

import re
import sys
from pathlib import Path

from signjax.cli import parsing
from signjax.cli.command import run_as_command
from signjax.data.import_poses import import_poses
from signjax.data.import_report import format_report
from signjax.errors import ConfigError
from signjax.io import progress

EVERY = 5.0  # seconds between lines about the progress


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    parser = parsing.make_parser("signjax.tools.import_poses", __doc__)
    parser.add_argument("path", help="folder or file of poses")
    parser.add_argument("--name", required=True, help="folder of the new data set")
    parser.add_argument("--root", default="datasets", help="folder that holds data sets (default: datasets)")
    texts = "table with columns clip and text (default: index.tsv)"
    parser.add_argument("--texts", metavar="FILE", help=texts)
    parser.add_argument("--fps", type=float, help="frames per second, where the files do not say")
    size = "size of the picture, where MediaPipe's files do not say"
    parser.add_argument("--size", metavar="WxH", help=size)
    args = parser.parse_args(argv)
    lines = _import_clips(args)
    print("\n".join(lines))
    return 0


def _import_clips(args) -> list[str]:
    size, folder = parse_size(args.size), Path(args.root, args.name)
    # How many clips there will be is not known before all were read.
    with progress.report_counts(
        lambda count, _: f"{count:,} clips read", None, _print_progress, EVERY
    ) as tell:
        report = import_poses(Path(args.path), args.root, args.name, args.texts, args.fps, size, tell)
    # The readers detect much by themselves; the packed data set shows whether they were right.
    check = f"python -m signjax.tools.pack --root {args.root} --name {args.name}"
    return [*format_report(report, folder), f"{folder}: check it with {check}"]


def parse_size(text: str | None) -> tuple[int, int] | None:
    """ "1280x720" as (1280, 720); None as it is; raises ConfigError if it is no size."""
    if text is None:
        return None
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if not match:
        raise ConfigError(f"--size {text!r}: give width and height in pixels, as in 1280x720")
    return int(match[1]), int(match[2])


def _print_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
