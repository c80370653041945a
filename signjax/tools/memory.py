"""Whether training, evaluation and sampling hold on to memory, or compile again and again.

    python -m signjax.tools.memory
    python -m signjax.tools.memory --family gpt --steps 400

Every model family of configs/ is rehearsed: a tiny model trains on a tiny demo set, is evaluated and signs
texts of ever other lengths, 20 times in turn. The first quarter is the warm-up. A family is flat if the
medians of the last quarter are at most 1 % above those of the second, and nothing was compiled after the
warm-up.
"""

import io
import math
import statistics
import sys
import tempfile
from pathlib import Path

from signjax.benchmarks import process_memory
from signjax.benchmarks.smoke_runs import ROUNDS, Rows, rehearse
from signjax.cli import parsing
from signjax.errors import ConfigError, did_you_mean
from signjax.evaluation import tables
from signjax.io import atomic
from signjax.tools.displacements import count
from signjax.training import process

ALLOWED = 1.0  # percent
LEAST = 5 * ROUNDS  # steps
NAMES = {
    "resident": "resident memory",
    "heap": "heap in use",
    "live": "bytes of live arrays",
    "arrays": "number of live arrays",
    "compiled": "programs compiled",
}
MB = ("resident", "heap", "live")


@process.one_line
def main(argv: list[str] | None = None) -> int:
    """The door; returns the exit code, 1 if a family is not flat."""
    args = _parser().parse_args(argv)
    names, found = _names(args.family), {}
    if args.steps < LEAST:
        raise ConfigError(f"--steps is {args.steps}, too few to judge by; give {LEAST} or more")
    if not process_memory.PROC.exists():
        print("no /proc here: resident memory is the largest until then, which can only grow")
    with tempfile.TemporaryDirectory(prefix="signjax-memory-") as home:
        for name, rows in rehearse(names, home, args.steps):
            found[name] = rows
            print(table(name, rows), flush=True)
    print(tables.write_json(f"{args.out}/memory.json", content(found)))
    print(plot(f"{args.out}/memory.png", found))
    wrong = [line for name, rows in found.items() if (line := fault(name, rows))]
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    return 1 if wrong else 0


def _parser() -> parsing.Parser:
    parser = parsing.parser("signjax.tools.memory", __doc__)
    parser.add_argument("--family", metavar="NAME", help="a file of configs/, without .py (default: each)")
    parser.add_argument("--steps", type=count, default=200, help="training steps (default: %(default)s)")
    parser.add_argument("--out", default="outputs", help="folder for the files (default: %(default)s)")
    return parser


def _names(family: str | None) -> list[str]:
    """The families to rehearse: one, or all that have a config."""
    known = sorted(path.stem for path in Path("configs").glob("[!_]*.py"))
    if not known:
        raise ConfigError("configs: no model family here; run this in signjax's own folder")
    if family and family not in known:
        has = did_you_mean(family, known, f"it has: {', '.join(known)}")
        raise ConfigError(f"--family is {family!r}, which configs/ does not have{has}")
    return [family] if family else known


def warm(rows: Rows) -> int:
    """How many rows are the warm-up: a quarter."""
    return len(rows) // 4


def growth(rows: Rows) -> dict[str, float]:
    """By how many percent each quantity grew after the warm-up; "compiled" by how many programs."""
    w, readings = warm(rows), [reading for _, reading in rows]
    found = {}
    for k, name in enumerate(NAMES):
        before, after = (
            statistics.median(r[k] for r in part) for part in (readings[w : 2 * w], readings[-w:])
        )
        found[name] = 100 * (after - before) / max(before, 1e-9)
    return found | {"compiled": readings[-1].compiled - readings[w - 1].compiled}


def fault(name: str, rows: Rows) -> str | None:
    """What is wrong with a family, in one line; None if it is flat."""
    found = growth(rows)
    grown = [f"{NAMES[k]} {v:+.2f} %" for k, v in found.items() if k != "compiled" and v > ALLOWED]
    grown += [f"{found['compiled']} programs compiled"] if found["compiled"] else []
    after = f"after the warm-up, step {rows[warm(rows) - 1][0]}"
    return f"{name} leaks: {', '.join(grown)} {after}; {ALLOWED:g} % and none are allowed" if grown else None


def table(name: str, rows: Rows) -> str:
    """Every second reading, and by how much each quantity grew."""
    lines = [
        f"{name:<16}{'resident MB':>13}{'heap MB':>13}{'live MB':>13}{'live arrays':>13}{'compiled':>13}"
    ]
    for step, r in rows[1::2]:
        cells = f"{r.resident:13.1f}{r.heap:13.2f}{r.live:13.3f}{r.arrays:13}{r.compiled:13}"
        lines.append(f"{f'step {step}':>16}{cells}")
    *grown, compiled = growth(rows).values()
    cells = "".join(f"{f'{value:+.2f} %':>13}" for value in grown)
    lines.append(f"{'leaks' if fault(name, rows) else 'flat':>16}{cells}{compiled:+13}")
    return "\n".join(lines) + "\n"


def content(found: dict[str, Rows]) -> dict:
    """What memory.json holds: readings by family, and the verdict; None is unknown."""
    return {
        name: {
            "flat": fault(name, rows) is None,
            "growth": _known(growth(rows)),
            "rows": [{"step": step, **_known(reading._asdict())} for step, reading in rows],
        }
        for name, rows in found.items()
    }


def _known(numbers: dict) -> dict:
    return {name: None if math.isnan(value) else value for name, value in numbers.items()}


def plot(path, found: dict[str, Rows]):
    """Writes a PNG: a line of panels a family; what leaks is red."""
    from matplotlib.figure import Figure  # slow to import

    figure = Figure(figsize=(13, 1.3 * len(found) + 0.9), dpi=120)
    figure.suptitle(
        "memory by training step. Grey: warm-up. Band: 1 % about what was held right after it",
        x=0.01, ha="left", fontsize=10,
    )  # fmt: skip
    axes = figure.subplots(len(found), len(NAMES), squeeze=False, sharex=True)
    for line, (name, rows) in zip(axes, found.items(), strict=True):
        grown = growth(rows)
        for axis, quantity in zip(line, NAMES, strict=True):
            bad = grown[quantity] > (0 if quantity == "compiled" else ALLOWED)
            _panel(axis, rows, quantity, "#c0392b" if bad else "#30445c")
        line[0].set_ylabel(name, fontsize=8)
    for first, last, (quantity, title) in zip(axes[0], axes[-1], NAMES.items(), strict=True):
        first.set_title(f"{title}, MB" if quantity in MB else title, fontsize=8)
        last.set_xlabel("step", fontsize=7)
    figure.tight_layout()
    image = io.BytesIO()
    figure.savefig(image, format="png", metadata={"Software": None})
    return atomic.write(path, image.getvalue())


def _panel(axis, rows: Rows, quantity: str, color: str) -> None:
    w, steps = warm(rows), [step for step, _ in rows]
    values = [getattr(reading, quantity) for _, reading in rows]
    held = statistics.median(values[w : 2 * w])
    axis.axvspan(0, steps[w - 1], color="#ececec", linewidth=0)
    if quantity == "compiled":
        axis.set_ylim(0, 1.3 * max(values))
    elif not math.isnan(held):
        axis.axhspan(held * 0.99, held * 1.01, color="#dbe7f5", linewidth=0)
        axis.set_ylim(min(0.97 * held, *values), max(1.03 * held, *values))
    axis.plot(steps, values, color=color, linewidth=1.2, marker=".", markersize=3)
    axis.set_xlim(0, steps[-1])
    axis.tick_params(labelsize=7)
    axis.ticklabel_format(axis="y", useOffset=False)
    axis.locator_params(nbins=4)
    axis.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    sys.exit(main())
