"""The options of the import command."""

import argparse
import re
from pathlib import Path

from signjax import limits
from signjax.cli import parsing
from signjax.errors import ConfigError


def parse_import_options(argv: list[str] | None, doc: str) -> argparse.Namespace:
    """The options of the command line, whose `size` is (width, height) or None.

    Args:
      argv: the words of the command line; None takes those of the process.
      doc: the docstring of the command, its help.
    """
    parser = parsing.make_parser("signjax.tools.import_poses", doc)
    parser.add_argument("path", help="folder or file of poses")
    parser.add_argument("--name", required=True, help="folder of the new data set")
    parser.add_argument("--root", default="datasets", help="folder that holds data sets (default: datasets)")
    texts = "table with columns clip and text (default: index.tsv or index.csv beside the clips)"
    parser.add_argument("--texts", metavar="FILE", help=texts)
    for field in ("text", "gloss"):
        column = f"column of the table that is the {field} (default: by its name)"
        parser.add_argument(f"--{field}_column", metavar="NAME", help=column)
    fps = f"frames per second of files that do not say it ({limits.FPS})"
    parser.add_argument("--fps", type=float, help=fps)
    resample = f"frames per second that all clips are resampled to ({limits.FPS}; default: no resampling)"
    parser.add_argument("--resample", type=float, metavar="FPS", help=resample)
    language = "sign language of clips for which neither their files nor the table name one, as in ase"
    parser.add_argument("--language", metavar="NAME", help=language)
    size = "size of the picture in pixels, for files with coordinates that are fractions of an unknown size"
    parser.add_argument("--size", metavar="WxH", help=size)
    smplx = "SMPLX_NEUTRAL.npz of SMPL-X, for the bone lengths of SMPL-X data (default: signjax's skeleton)"
    parser.add_argument("--smplx", metavar="FILE", type=Path, help=smplx)
    args = parser.parse_args(argv)
    args.size = parse_size(args.size)
    return args


def parse_size(text: str | None) -> tuple[int, int] | None:
    """ "1280x720" as (1280, 720); None as it is; raises ConfigError if it is no size."""
    if text is None:
        return None
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if not match:
        raise ConfigError(f"--size {text!r}: give width and height in pixels, as in 1280x720")
    return int(match[1]), int(match[2])
