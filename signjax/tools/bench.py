"""Measures speed on one device against named references in the same run.

    python -m signjax.tools.bench
    python -m signjax.tools.bench train sample --json outputs/bench.json

data      reading a split from its pack, against parsing JSON
train     training steps; the original project's models against PyTorch
sample    100 tokens from a text, against the original project's decoding loop in PyTorch
tokenize  training to the error of the original project's tokenizer: trains both, 10 minutes on 2 CPU cores
render    a GIF, against matplotlib, which draws every bone again for each frame
startup   a run of one step, and the phases of a clip, with and without kept programs; many clips
dtw       warping, against a loop over cells
storage   packed clips, against zarr3 and ArrayRecord; runs only if named, needs 25 GB of disk
gpu       a model of 60 million parameters on a GPU, in one table with targets; runs only if named

PyTorch is optional: pip install -e '.[bench]'. The peak of the device is measured in the same run, by a large
float32 matrix product and a large copy.
"""

import os
import sys

from signjax.cli import parsing
from signjax.cli.command import run_as_command


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Prints a line for everything that was timed; returns the exit code."""
    parser = parsing.make_parser("signjax.tools.bench", __doc__)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help="what to measure (default: all)")
    parser.add_argument("--json", metavar="PATH", help="also write everything to this file")
    args = parser.parse_args(argv)
    from signjax.benchmarks import hardware, report, subjects
    from signjax.evaluation import tables

    # First of all: a misspelled subject must not be found out after minutes of measuring.
    selected = subjects.select_subjects(args.subjects)
    if subjects.ON_DEMAND.keys() & selected.keys():
        # They start processes of their own, for which jax would by default leave no memory of the GPU.
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    environment, peak, results = hardware.describe_environment(), hardware.measure_peak(), {}
    print(", ".join(f"{name} {value}" for name, value in environment.items()))
    for line in [report.describe_peak(peak), *subjects.explain_left_out(selected)]:
        print(line)
    for name, measure in selected.items():
        # A subject takes minutes: its name stands there while it runs, also in a log file.
        print(name, flush=True)
        results[name] = measure()
        for measured in results[name]:
            print(f"  {report.format_measurement(measured, peak)}", flush=True)
    # The table comes last and in one piece, to be copied into a page of results.
    for line in report.format_goals([measured for rows in results.values() for measured in rows]):
        print(line)
    if args.json:
        print(tables.write_json(args.json, report.make_report(environment, peak, results)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
