"""The memory of smoke runs as a picture."""

import io
import math
import pathlib
import statistics

from signjax.benchmarks.memory_growth import ALLOWED_GROWTH, QUANTITIES, count_warmup, measure_growth
from signjax.benchmarks.smoke_runs import Rows
from signjax.io import atomic

IN_MB = ("resident", "heap", "live")
LEAKING, FLAT = "#c0392b", "#30445c"


def plot_memory(path, readings: dict[str, Rows]) -> pathlib.Path:
    """Writes a PNG with a row of panels for each family; what leaks is red. Returns the path."""
    from matplotlib.figure import Figure  # slow to import

    figure = Figure(figsize=(13, 1.3 * len(readings) + 0.9), dpi=120)
    figure.suptitle(
        "memory by training step. Grey: warm-up. Band: 1 % about what was in use right after it",
        x=0.01, ha="left", fontsize=10,
    )  # fmt: skip
    axes = figure.subplots(len(readings), len(QUANTITIES), squeeze=False, sharex=True)
    for panels, (name, rows) in zip(axes, readings.items(), strict=True):
        growth = measure_growth(rows)
        for axis, quantity in zip(panels, QUANTITIES, strict=True):
            leaks = growth[quantity] > (0 if quantity == "compiled" else ALLOWED_GROWTH)
            _draw_panel(axis, rows, quantity, LEAKING if leaks else FLAT)
        panels[0].set_ylabel(name, fontsize=8)
    for first, last, (quantity, title) in zip(axes[0], axes[-1], QUANTITIES.items(), strict=True):
        first.set_title(f"{title}, MB" if quantity in IN_MB else title, fontsize=8)
        last.set_xlabel("step", fontsize=7)
    figure.tight_layout()
    image = io.BytesIO()
    # Without the name of matplotlib's version in it, equal pictures are equal files.
    figure.savefig(image, format="png", metadata={"Software": None})
    return atomic.write_file(path, image.getvalue())


def _draw_panel(axis, rows: Rows, quantity: str, color: str) -> None:
    warmup, steps = count_warmup(rows), [step for step, _ in rows]
    values = [getattr(reading, quantity) for _, reading in rows]
    level = statistics.median(values[warmup : 2 * warmup])
    axis.axvspan(0, steps[warmup - 1], color="#ececec", linewidth=0)
    if quantity == "compiled":
        axis.set_ylim(0, 1.3 * max(values))
    elif not math.isnan(level):
        axis.axhspan(level * 0.99, level * 1.01, color="#dbe7f5", linewidth=0)
        # At least 3 % to either side, or noise of a thousandth would look like a mountain range.
        axis.set_ylim(min(0.97 * level, *values), max(1.03 * level, *values))
    axis.plot(steps, values, color=color, linewidth=1.2, marker=".", markersize=3)
    axis.set_xlim(0, steps[-1])
    axis.tick_params(labelsize=7)
    axis.ticklabel_format(axis="y", useOffset=False)
    axis.locator_params(nbins=4)
    axis.spines[["top", "right"]].set_visible(False)
