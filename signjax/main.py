"""Trains a model and saves it in a folder, the run.

    python -m signjax.main --config=configs/vqvae.py
    python -m signjax.main --config=configs/gpt.py:quick --config.num_steps=2000 --workdir=runs/gpt-mine
    python -m signjax.main --config=configs/gpt.py --help

The third command lists the variants and the fields of a config. A variant follows a colon, as in gpt:quick.
Any field can be set, as in --config.optim.lr=5e-4. The configs that come with signjax also have names, which
work in any folder: --config=gpt:quick. The run has its config, its checkpoints, and its numbers in
metrics.jsonl. Ctrl-C saves the run and stops. Then the same command resumes it.
"""

import shlex
import sys

from signjax import limits
from signjax.cli import config_options, parsing
from signjax.cli.command import run_as_command
from signjax.errors import ConfigError


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Trains until the end, or until Ctrl-C, SIGTERM or SIGHUP; returns the exit code."""
    parser = parsing.make_short_parser("signjax.main", __doc__, ConfigError.exit_code)
    parser.add_argument("--workdir", help="folder of the run (default: runs/<model>[-<variant>])")
    parser.add_argument(
        "--multihost", action="store_true", help="join the other hosts of this job (TPU pod, SLURM, ...)"
    )
    heartbeat = "time without a sign after which a host counts as lost"
    parsing.add_number(parser, "--heartbeat", limits.SECONDS, heartbeat, 30, metavar="SECONDS")
    parser.add_argument(
        "--wandb", metavar="PROJECT", help="also log to this project of wandb; needs no network"
    )
    args, spec, config = config_options.parse_options(parser, argv)
    from signjax.tasks.train import train
    from signjax.training import process, run_config

    if args.multihost:
        process.join_hosts(args.heartbeat)
    process.enable_compile_cache()
    workdir = args.workdir or run_config.get_default_workdir(spec)
    command = shlex.join(["python", "-m", "signjax.main", *(sys.argv[1:] if argv is None else argv)])
    result = train(config, workdir, out=sys.stdout, command=command, wandb_project=args.wandb)
    return result.exit_code


if __name__ == "__main__":
    sys.exit(main())
