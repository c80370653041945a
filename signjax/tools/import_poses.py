"""Makes a data set from pose files of other programs, and reports what was found and left out.

    python -m signjax.tools.import_poses openpose_output --name mine --fps 25
    python -m signjax.tools.import_poses poses --name mine --texts texts.tsv

Formats: OpenPose frames, .pose, .skels, JSON of DWPose or MediaPipe, arrays of MediaPipe or SLRTP (.npy),
MediaPipe in Parquet, SMPL-X in LMDB and pickles, signjax's own folders. The data set appears in its folder
when it is complete. If an import was interrupted, the same command starts it again.
"""

import sys
from pathlib import Path

from signjax.cli.command import run_without_jax
from signjax.cli.import_options import parse_import_options
from signjax.io import progress

EVERY = 5.0  # seconds between lines about the progress


@run_without_jax
def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    args = parse_import_options(argv, __doc__)
    lines = _import_clips(args)
    print("\n".join(lines))
    return 0


def _import_clips(args) -> list[str]:
    from signjax.data.import_poses import import_poses
    from signjax.data.import_report import format_report

    folder = Path(args.root, args.name)
    # How many clips there will be is not known before all were read.
    with progress.report_counts(
        lambda count, _: f"{count:,} clips read", None, _print_progress, EVERY
    ) as tell:
        names = "text_column", "gloss_column", "smplx", "resample", "language"
        others = {name: getattr(args, name) for name in names}
        report = import_poses(
            Path(args.path), args.root, args.name, args.texts, args.fps, args.size, tell, **others
        )
    # The readers detect much by themselves; the packed data set shows whether they were right.
    check = f"python -m signjax.tools.pack --root {args.root} --name {args.name}"
    return [*format_report(report, folder), f"{folder}: check it with {check}"]


def _print_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
