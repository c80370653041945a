"""Measurements as text, as a table of targets, and as JSON."""

import statistics

from signjax.benchmarks import hardware
from signjax.benchmarks.hardware import Peak
from signjax.benchmarks.timing import Measurement


def describe_peak(peak: Peak) -> str:
    """The peak that shares refer to, in one line."""
    return (
        f"peak, measured here: {_format_giga(peak.flops)}FLOP/s in a float32 product of side "
        f"{hardware.SIDE}, {_format_giga(peak.bytes)}B/s in a copy of {4 * hardware.COPIED / 1e6:.0f} MB"
    )


def format_measurement(measured: Measurement, peak: Peak) -> str:
    """Median, spread, rates with their share of the peak, and the ratio to the reference."""
    # The median: a pause of a shared machine makes one repeat long, and would move a mean.
    low, median, high = min(measured.seconds), statistics.median(measured.seconds), max(measured.seconds)
    repeats = len(measured.seconds)
    cells = [f"{measured.name:<42} {median:9.4f} s ({low:.4f} to {high:.4f}, {repeats} runs)"]
    if measured.units > 1:
        cells.append(f"{measured.units} units, {median / measured.units:.3g} s each")
    for amount, unit, most in (
        (measured.flops, "FLOP/s", peak.flops),
        (measured.bytes, "B/s", peak.bytes),
    ):
        if amount:
            share = 100 * amount / median / most
            cells.append(f"{_format_giga(amount / median)}{unit}, {share:.1f} % of peak")
    if measured.speedup is not None:
        cells.append(f"{measured.speedup:.3g} times as fast as the reference")
    if measured.target:
        outcome = "met" if measured.speedup >= measured.target else "missed"
        cells.append(f"target {measured.target:.3g}, {outcome}")
    return "; ".join([*cells, *([measured.note] if measured.note else [])])


def format_goals(measurements: list[Measurement]) -> list[str]:
    """Lines of a Markdown table of the measurements that have a goal; none if none has."""
    # Markdown, since the lines go into docs/benchmarks.md.
    table = [
        f"| {measured.name} | {measured.goal_value:.3g} {measured.goal.unit} | {measured.goal.target:g} | "
        f"{measured.goal.stretch:g} | {_rate_goal(measured)} |"
        for measured in measurements
        if measured.goal
    ]
    head = ["| what | measured | target | stretch | reached |", "|---|---|---|---|---|"]
    return [*head, *table] if table else []


def _rate_goal(measured: Measurement) -> str:
    goal, value = measured.goal, measured.goal_value
    if goal.is_met(value, goal.stretch):
        return "stretch"
    return "target" if goal.is_met(value, goal.target) else "missed"


def make_report(environment: dict, peak: Peak, results: dict[str, list[Measurement]]) -> dict:
    """The content of the JSON file: environment, peak, and the measurements of each subject.

    "flops" and "bytes" are of one call, null where they are not counted.
    """
    return {
        "environment": environment,
        "peak": {"flops_per_second": peak.flops, "bytes_per_second": peak.bytes, "measured": True},
        "subjects": {
            name: [_describe_measurement(measured, peak) for measured in measurements]
            for name, measurements in results.items()
        },
    }


def _describe_measurement(measured: Measurement, peak: Peak) -> dict:
    median = statistics.median(measured.seconds)
    rates = {}
    for name, amount, most in (
        ("flops", measured.flops, peak.flops),
        ("bytes", measured.bytes, peak.bytes),
    ):
        rates[name] = amount or None
        rates[f"{name}_per_second"] = amount / median if amount else None
        rates[f"{name}_of_peak"] = amount / median / most if amount else None
    return {
        "name": measured.name,
        "repeats": len(measured.seconds),
        "seconds": list(measured.seconds),
        "median": median,
        "low": min(measured.seconds),
        "high": max(measured.seconds),
        "units": measured.units,
        **rates,
        "reference": measured.reference,
        "times_as_fast": measured.speedup,
        "target": measured.target,
        # Without a target null and not false: nothing was missed.
        "met": measured.speedup >= measured.target if measured.target else None,
        "note": measured.note,
        "goal": _describe_goal(measured) if measured.goal else None,
    }


def _describe_goal(measured: Measurement) -> dict:
    goal, value = measured.goal, measured.goal_value
    return {
        "unit": goal.unit,
        "value": value,
        "target": goal.target,
        "stretch": goal.stretch,
        "met": goal.is_met(value, goal.target),
        "stretch_met": goal.is_met(value, goal.stretch),
    }


def _format_giga(rate: float) -> str:
    return f"{rate / 1e9:.3g} G"
