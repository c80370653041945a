"""axe-core, the checker of accessibility, in a page of the helper `browser`."""

import json
import os
import pathlib

import pytest

VARIABLE = "SIGNJAX_AXE"
PLACE = pathlib.Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"


def read_program() -> str:
    """The text of axe-core, or a skipped test where it is not installed."""
    path = pathlib.Path(os.environ.get(VARIABLE, PLACE))
    if not path.exists():
        pytest.skip(f"no axe-core here: npm install --no-save axe-core, or {VARIABLE}=.../axe.min.js")
    return path.read_text("utf-8")


def find_violations(tab, program: str) -> list[str]:
    """What axe finds in the page that is shown, a line each: its rule, the element and the reason."""
    tab.run(f"{program};0")
    script = """axe.run(document).then((found) => JSON.stringify(found.violations.flatMap((one) =>
      one.nodes.map((node) => [one.id, node.html.slice(0, 120), node.failureSummary].join(": ")))))"""
    return json.loads(tab.run(script))
