"""Finds memory leaks in smoke runs, and reports them as a table and as JSON."""

import math
import statistics

from signjax.benchmarks.smoke_runs import Rows

# Percent: more than the memory of a healthy process moves by itself.
ALLOWED_GROWTH = 1.0
QUANTITIES = {
    "resident": "resident memory",
    "heap": "heap in use",
    "live": "bytes of live arrays",
    "arrays": "number of live arrays",
    "compiled": "programs compiled",
}


def count_warmup(rows: Rows) -> int:
    """How many rows are the warm-up: a quarter."""
    return len(rows) // 4


def measure_growth(rows: Rows) -> dict[str, float]:
    """By how many percent each quantity grew after the warm-up; "compiled" by how many programs."""
    warmup, readings = count_warmup(rows), [reading for _, reading in rows]
    growth = {}
    for k, name in enumerate(QUANTITIES):
        # Medians of two quarters: a single reading may catch another thread with memory that it frees again.
        before, after = (
            statistics.median(reading[k] for reading in part)
            for part in (readings[warmup : 2 * warmup], readings[-warmup:])
        )
        growth[name] = 100 * (after - before) / max(before, 1e-9)
    # Programs are counted and not averaged: the process must compile nothing after the warm-up.
    return growth | {"compiled": readings[-1].compiled - readings[warmup - 1].compiled}


def describe_leak(name: str, rows: Rows) -> str | None:
    """What grows in a family, in one line; None if nothing does."""
    # A comparison with NaN is false: what cannot be measured on a machine is no leak.
    growth = measure_growth(rows)
    grown = [
        f"{QUANTITIES[k]} {v:+.2f} %" for k, v in growth.items() if k != "compiled" and v > ALLOWED_GROWTH
    ]
    grown += [f"{growth['compiled']} programs compiled"] if growth["compiled"] else []
    if not grown:
        return None
    after = f"after the warm-up, step {rows[count_warmup(rows) - 1][0]}"
    return f"{name} leaks: {', '.join(grown)} {after}; {ALLOWED_GROWTH:g} % and none are allowed"


def format_table(name: str, rows: Rows) -> str:
    """Every second reading, and by how much each quantity grew."""
    headings = ("resident MB", "heap MB", "live MB", "live arrays", "compiled")
    lines = [f"{name:<16}" + "".join(f"{heading:>13}" for heading in headings)]
    for step, r in rows[1::2]:
        cells = f"{r.resident:13.1f}{r.heap:13.2f}{r.live:13.3f}{r.arrays:13}{r.compiled:13}"
        lines.append(f"{f'step {step}':>16}{cells}")
    *grown, compiled = measure_growth(rows).values()
    cells = "".join(f"{f'{value:+.2f} %':>13}" for value in grown)
    lines.append(f"{'leaks' if describe_leak(name, rows) else 'flat':>16}{cells}{compiled:+13}")
    return "\n".join(lines) + "\n"


def make_report(readings: dict[str, Rows]) -> dict:
    """The content of memory.json: readings by family, and whether it is flat; null is unknown."""
    return {
        name: {
            "flat": describe_leak(name, rows) is None,
            "growth": _replace_nan(measure_growth(rows)),
            "rows": [{"step": step, **_replace_nan(reading._asdict())} for step, reading in rows],
        }
        for name, rows in readings.items()
    }


def _replace_nan(numbers: dict) -> dict:
    # NaN is no JSON, and other programs would refuse the whole file.
    return {name: None if math.isnan(value) else value for name, value in numbers.items()}
