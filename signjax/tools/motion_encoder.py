"""Writes a trained run's motion encoder into the package.

    python -m signjax.tools.motion_encoder runs/motion_encoder

All later Fréchet gesture distances use this encoder. They cannot be compared with earlier ones.
"""

import sys

from signjax.cli import parsing
from signjax.cli.command import run_as_command
from signjax.errors import ConfigError


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    parser = parsing.make_parser("signjax.tools.motion_encoder", __doc__)
    parser.add_argument("run", help="folder of a run of configs/motion_encoder.py")
    out = "file to write (default: the one that comes with signjax)"
    parser.add_argument("--out", help=out)
    args = parser.parse_args(argv)
    from signjax.io import atomic
    from signjax.metrics import motion_features
    from signjax.training import checkpoint, run_config

    # Any run has variables; those of another task would be written as an encoder that nobody can use.
    c = run_config.load_config(f"{args.run}/config.json")
    if c.task != "motion_encoder":
        raise ConfigError(f"{args.run}: task is {c.task!r}; give a run of configs/motion_encoder.py")
    variables, step = checkpoint.load_variables(args.run)
    data = motion_features.serialize_extractor(c, variables)
    path = atomic.write_file(args.out or motion_features.SHIPPED_FILE, data)
    # Of the file as it is read, which proves that it can be.
    digest = motion_features.load_extractor(path).digest
    print(f"{path}: {len(data):,} bytes, step {step}, encoder {digest[:12]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
