"""Scores as text tables, plots and JSON."""

import io
import json
import math

import numpy as np

from signjax.io import atomic
from signjax.metrics import score

# Beginnings of the metrics of which larger values are better. Of guards 1 is best, of diversity that of
# recorded clips, of all others smaller values.
HIGHER_IS_BETTER = {
    "text": ("BT-BLEU", "BT-chrF", "BT-ROUGE", "recognised", "log-likelihood"),
    "reconstruction": ("PCK",),
    "tokens": ("token BLEU",),
}
FAMILIES = {
    "text": "what the clips say",
    "distance": "distance after warping",
    "distribution": "all clips together",
    "guards": "motion against the recorded clips, 1 is best; copies in percent, 5 is none",
    "reconstruction": "frame by frame, in the data's own units",
    "tokens": "codes against the recorded clips'",
}
# Guards that stand in every table, as a good distance means nothing for clips that do not move.
GUARDS_SHOWN = ("hand travel", "deviation", "speed", "length")
WIDTH = 6  # metrics of a table


def measure_scores(scores: dict[str, score.Score], seed: int) -> dict[str, dict]:
    """Computes {metric: {"value", "low", "high"}} with the bounds of the 95 % interval; None if undefined."""
    result = {}
    for name, metric in scores.items():
        numbers = (score.compute_value(metric), *score.compute_interval(metric, seed))
        # JSON has no NaN. Six digits are finer than any interval.
        rounded = [float(f"{x:.6g}") if math.isfinite(x) else None for x in numbers]
        result[name] = dict(zip(("value", "low", "high"), rounded, strict=True))
    return result


def format_tables(rows: dict[str, dict[str, dict]]) -> str:
    """Formats {row: {family: scores of `measure_scores`}} as text tables, one or more for each family."""
    blocks = []
    for family, title in FAMILIES.items():
        scored = {name: families[family] for name, families in rows.items() if families.get(family)}
        # A dict and not a set: metrics keep the order in which the rows have them.
        metrics = list(dict.fromkeys(metric for row in scored.values() for metric in row))
        beside = () if family == "guards" else GUARDS_SHOWN
        guards = {name: rows[name].get("guards", {}) for name in scored}
        for start in range(0, len(metrics), WIDTH):
            columns = [_format_column(metric, scored, True) for metric in metrics[start : start + WIDTH]]
            columns += [_format_column(metric, guards, False) for metric in beside]
            blocks.append(f"{title}\n{_format_table(list(scored), columns)}")
    return "\n\n".join(blocks)


def _format_table(names: list[str], columns: list[list[str]]) -> str:
    """The lines of a table: names on the left, the cells of each column aligned right."""
    left = [" " * 21, *(name.ljust(21) for name in names)]
    widths = [max(map(len, column)) for column in columns]
    return "\n".join(
        "  ".join([first, *(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))]).rstrip()
        for first, *cells in zip(left, *columns, strict=True)
    )


def _format_column(metric: str, rows: dict[str, dict], spread: bool) -> list[str]:
    """The name of a metric and a cell for each row: the value and, with `spread`, half of the interval."""
    values = [row[metric]["value"] for row in rows.values() if metric in row]
    # The same number of decimals in all cells of a column, so that they can be compared at a glance.
    largest = max((abs(value) for value in values if value is not None), default=0)
    digits = 2 if not spread else 1 if largest >= 20 else 2 if largest >= 5 else 3 if largest >= 1 else 4
    return [metric, *(_format_cell(row.get(metric), digits, spread) for row in rows.values())]


def _format_cell(cell: dict | None, digits: int, spread: bool) -> str:
    if cell is None or cell["value"] is None:
        return "-"
    half = "" if cell["low"] is None or not spread else f"±{(cell['high'] - cell['low']) / 2:.{digits}f}"
    return f"{cell['value']:.{digits}f}{half}"


def plot_family(path, family: str, rows: dict[str, dict[str, dict]]):
    """Writes a PNG with a bar for each metric of a family and each row, with its 95 % interval."""
    from matplotlib.figure import Figure  # slow to import

    scored = {name: families[family] for name, families in rows.items() if families.get(family)}
    metrics = list(dict.fromkeys(metric for row in scored.values() for metric in row))
    columns = min(4, len(metrics))
    lines = -(-len(metrics) // columns)
    # Not by pyplot, which would keep every figure until somebody closes it.
    figure = Figure(figsize=(3.1 * columns + 1.4, (0.34 * len(scored) + 0.75) * lines + 0.5), dpi=120)
    figure.suptitle(FAMILIES[family], x=0.01, ha="left", fontsize=10)
    axes = figure.subplots(lines, columns, squeeze=False, sharey=True).reshape(-1)
    names = list(scored)
    for axis, metric in zip(axes, metrics, strict=False):
        cells = [scored[name].get(metric) or {"value": None} for name in names]
        values = np.array([np.nan if c["value"] is None else c["value"] for c in cells], float)
        bounds = [(c["low"], c["high"]) if c.get("low") is not None else (np.nan,) * 2 for c in cells]
        error = np.abs(np.array(bounds, float).T - values)
        axis.barh(np.arange(len(names)), values, xerr=error, color="#6f9bd1", ecolor="#30445c", height=0.7)
        higher_is_better = any(metric.startswith(start) for start in HIGHER_IS_BETTER.get(family, ()))
        note = " (higher is better)" if higher_is_better else ""
        axis.set_title(metric + note, fontsize=8)
        axis.tick_params(labelsize=7)
        axis.locator_params(axis="x", nbins=5)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_yticks(np.arange(len(names)), names)
        # Upside down: the first row is at the top, as in the tables.
        axis.set_ylim(len(names) - 0.5, -0.5)
        if family == "guards" and metric != "copies":
            axis.axvline(1, color="#30445c", linewidth=0.7)
    # The last line may have more places than metrics.
    for axis in axes[len(metrics) :]:
        axis.set_visible(False)
    figure.tight_layout()
    image = io.BytesIO()
    # Matplotlib would write its version into the file: without it, equal scores give equal bytes.
    figure.savefig(image, format="png", metadata={"Software": None})
    return atomic.write_file(path, image.getvalue())


def write_json(path, content: dict):
    """Writes the scores as JSON."""
    return atomic.write_file(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def write_text(path, text: str):
    """Writes the tables."""
    return atomic.write_file(path, f"{text}\n".encode())
