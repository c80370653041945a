"""Measures speed on one device against named references in the same run.

    python -m signjax.tools.bench
    python -m signjax.tools.bench train sample --json outputs/bench.json

data      a split from its pack, against parsing JSON
train     training steps; the seed's architectures against PyTorch
sample    100 tokens from a text, against the seed's decoding loop in PyTorch
tokenize  time to the error of the seed's tokenizer: trains both, 10 minutes on 2 CPU cores
render    a GIF, against a matplotlib redraw of every bone
startup   a run of one step, with kept compiled programs and without
dtw       warping, against the loop over cells
gpu       the figures of a model of 60 million parameters that a GPU is to reach, in one table; only if named

PyTorch is optional, `pip install -e '.[bench]'`. Shares of the peak are of what the device does in the same
run with a large float32 matrix product and a large copy.
"""

import os
import statistics
import sys

from signjax.benchmarks import data, dtw, gpu, hardware, rendering, sample, startup, timing, tokenizer, train
from signjax.cli import parsing
from signjax.errors import ConfigError, did_you_mean
from signjax.evaluation import tables
from signjax.training import process

SUBJECTS = {
    "data": data.measure,
    "train": train.measure,
    "sample": sample.measure,
    "tokenize": tokenizer.measure,
    "render": rendering.measure,
    "startup": startup.measure,
    "dtw": dtw.measure,
}
NAMED = {"gpu": gpu.measure}  # measured only if named


@process.one_line
def main(argv: list[str] | None = None) -> int:
    """The door; prints a line for everything that was timed; returns the exit code."""
    args = _parser().parse_args(argv)
    for name in args.subjects:
        if name not in SUBJECTS | NAMED:
            known = f"choose from: {', '.join(SUBJECTS | NAMED)}"
            raise ConfigError(f"{name!r} cannot be measured{did_you_mean(name, SUBJECTS | NAMED, known)}")
    if NAMED.keys() & set(args.subjects):  # some start processes of their own, which need memory of the GPU
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    where, peak, found = hardware.environment(), hardware.peak(), {}
    print(", ".join(f"{name} {value}" for name, value in where.items()))
    print(
        f"peak, measured here: {_giga(peak.flops)}FLOP/s in a float32 product of side {hardware.SIDE}, "
        f"{_giga(peak.bytes)}B/s in a copy of {4 * hardware.COPIED / 1e6:.0f} MB"
    )
    for name in args.subjects or SUBJECTS:
        print(name, flush=True)
        found[name] = (SUBJECTS | NAMED)[name]()
        for row in found[name]:
            print(f"  {line(row, peak)}", flush=True)
    for text in goals([row for rows in found.values() for row in rows if row.goal]):
        print(text)
    if args.json:
        print(tables.write_json(args.json, content(where, peak, found)))
    return 0


def _parser() -> parsing.Parser:
    parser = parsing.parser("signjax.tools.bench", __doc__)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help="what to measure (default: all)")
    parser.add_argument("--json", metavar="PATH", help="also write everything to this file")
    return parser


def line(row: timing.Row, peak: hardware.Peak) -> str:
    """Median, spread, rates with their share of the peak, and the ratio to the reference."""
    low, median, high = min(row.seconds), statistics.median(row.seconds), max(row.seconds)
    cells = [f"{row.name:<42} {median:9.4f} s ({low:.4f} to {high:.4f}, {len(row.seconds)} runs)"]
    if row.units > 1:
        cells.append(f"{row.units} units, {median / row.units:.4f} s each")
    for amount, unit, most in ((row.flops, "FLOP/s", peak.flops), (row.bytes, "B/s", peak.bytes)):
        if amount:
            cells.append(f"{_giga(amount / median)}{unit}, {100 * amount / median / most:.1f} % of peak")
    if row.times is not None:
        cells.append(f"{row.times:.3g} times as fast as the reference")
    if row.target:
        cells.append(f"target {row.target:.3g}, {'met' if row.times >= row.target else 'missed'}")
    return "; ".join([*cells, *([row.note] if row.note else [])])


def goals(rows: list[timing.Row]) -> list[str]:
    """Lines of a table of figures that were to be reached; none for none."""
    table = [
        f"| {r.name} | {r.value:.3g} {g.unit} | {g.target:g} | {g.stretch:g} | "
        f"{'stretch' if g.met(r.value, g.stretch) else 'target' if g.met(r.value, g.target) else 'missed'} |"
        for r in rows
        for g in [r.goal]
    ]
    head = ["| what | found | target | stretch | reached |", "|---|---|---|---|---|"]
    return [*head, *table] if table else []


def content(where: dict, peak: hardware.Peak, found: dict[str, list[timing.Row]]) -> dict:
    """What the JSON file holds. "flops" and "bytes" are of one run, null where they are not counted."""
    return {
        "environment": where,
        "peak": {"flops_per_second": peak.flops, "bytes_per_second": peak.bytes, "measured": True},
        "subjects": {name: [_entry(row, peak) for row in rows] for name, rows in found.items()},
    }


def _entry(row: timing.Row, peak: hardware.Peak) -> dict:
    median = statistics.median(row.seconds)
    rates = {}
    for name, amount, most in (("flops", row.flops, peak.flops), ("bytes", row.bytes, peak.bytes)):
        rates[name] = amount or None
        rates[f"{name}_per_second"] = amount / median if amount else None
        rates[f"{name}_of_peak"] = amount / median / most if amount else None
    return {
        "name": row.name,
        "repeats": len(row.seconds),
        "seconds": list(row.seconds),
        "median": median,
        "low": min(row.seconds),
        "high": max(row.seconds),
        "units": row.units,
        **rates,
        "reference": row.reference,
        "times_as_fast": row.times,
        "target": row.target,
        "met": row.times >= row.target if row.target else None,
        "note": row.note,
        "goal": _goal(row) if row.goal else None,
    }


def _goal(row: timing.Row) -> dict:
    goal, value = row.goal, row.value
    return {
        "unit": goal.unit,
        "value": value,
        "target": goal.target,
        "stretch": goal.stretch,
        "met": goal.met(value, goal.target),
        "stretch_met": goal.met(value, goal.stretch),
    }


def _giga(rate: float) -> str:
    return f"{rate / 1e9:.3g} G"


if __name__ == "__main__":
    sys.exit(main())
