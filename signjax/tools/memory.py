"""Checks whether training, evaluation and sampling leak memory, or compile again and again.

    python -m signjax.tools.memory
    python -m signjax.tools.memory --family gpt --steps 400

For every model family of configs/, a tiny model trains on a tiny demo set, is evaluated and generates clips
for texts of many lengths, 20 times in turn. The first quarter is the warm-up. A family has no leak if
the medians of the last quarter are at most 1 % above those of the second, and nothing was compiled after the
warm-up.
"""

import sys
import tempfile

from signjax import limits
from signjax.cli import parsing
from signjax.cli.command import run_as_command
from signjax.errors import ConfigError


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit code, 1 if a family is not flat."""
    parser = parsing.make_parser("signjax.tools.memory", __doc__)
    parser.add_argument("--family", metavar="NAME", help="a file of configs/, without .py (default: each)")
    parsing.add_number(parser, "--steps", limits.STEPS, "training steps", 200)
    parser.add_argument("--out", default="outputs", help="folder for the files (default: %(default)s)")
    args = parser.parse_args(argv)
    from signjax.benchmarks import memory_growth, memory_plot, process_memory
    from signjax.benchmarks.smoke_runs import ROUNDS, list_families, watch_families
    from signjax.evaluation import tables

    families, readings = list_families(args.family), {}
    # Fewer would leave less than five steps between two readings, and noise would decide.
    if args.steps < 5 * ROUNDS:
        raise ConfigError(f"--steps is {args.steps}, too few to judge by; give {5 * ROUNDS} or more")
    if not process_memory.PROC.exists():
        print("no /proc here: resident memory is the largest until then, which can only grow")
    # Data, runs and compiled programs of this check alone: a filled cache would hide what is compiled.
    with tempfile.TemporaryDirectory(prefix="signjax-memory-") as home:
        for name, rows in watch_families(families, home, args.steps):
            # Family by family: the first tables can be read while the others still run.
            readings[name] = rows
            print(memory_growth.format_table(name, rows), flush=True)
    print(tables.write_json(f"{args.out}/memory.json", memory_growth.make_report(readings)))
    print(memory_plot.plot_memory(f"{args.out}/memory.png", readings))
    leaks = [memory_growth.describe_leak(name, rows) for name, rows in readings.items()]
    # At the end and on standard error, where a log is searched first.
    for leak in filter(None, leaks):
        print(f"error: {leak}", file=sys.stderr)
    return 1 if any(leaks) else 0


if __name__ == "__main__":
    sys.exit(main())
