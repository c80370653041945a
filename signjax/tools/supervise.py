"""Runs a command, and starts it again after a failure that may pass, such as a lost host.

    python -m signjax.tools.supervise python -m signjax.main --config=configs/gpt.py
    python -m signjax.tools.supervise --processes 2 python -m signjax.main --config=configs/gpt.py --multihost

If one of several processes dies, all of them start again; --multihost joins them. A job on several machines
needs a supervisor on each. SIGTERM, SIGHUP and Ctrl-C are passed on to the processes, and after them nothing
starts again. If the supervisor is killed, its processes get SIGTERM (on Linux).
"""

import argparse
import shutil
import sys

from signjax import limits
from signjax.cli import parsing
from signjax.cli.command import run_without_jax


@run_without_jax
def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    parser = parsing.make_parser("signjax.tools.supervise", __doc__)
    parsing.add_number(parser, "--processes", limits.PROCESSES, "number of processes on this machine", 1)
    parsing.add_number(parser, "--restarts", limits.RESTARTS, "largest number of restarts in a row", 5)
    # Everything after the first word belongs to the command, its own options too.
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what to run")
    args = parser.parse_args(argv)
    from signjax.training import supervisor

    if not args.command:
        parser.error("give a command")
    # A name that no shell finds would otherwise be started again and again.
    if not shutil.which(args.command[0]):
        parser.error(f"{args.command[0]}: no such command")
    return supervisor.supervise_command(args.command, args.processes, args.restarts)


if __name__ == "__main__":
    sys.exit(main())
