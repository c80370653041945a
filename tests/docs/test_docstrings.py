"""The first line of every module says what it is: one whole sentence, and no two say the same."""

import ast

import pytest
from paths import ROOT

MODULES = sorted(path for folder in ("signjax", "tests") for path in (ROOT / folder).rglob("*.py"))
PROGRAMS = sorted([*ROOT.glob("launch/*.sh"), *ROOT.glob("signjax/rendering/*.js")])


def first_line(path):
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_says_what_it_is(path):
    line = first_line(path)
    assert line.endswith((".", ".)")) and len(line.split()) >= 4, f"{path.relative_to(ROOT)}: {line!r}"


def test_no_two_modules_say_the_same():
    lines = [first_line(path) for path in MODULES]
    assert not [line for line in set(lines) if lines.count(line) > 1]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_a_script_says_what_it_is(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    line = lines[lines[0].startswith("#!")]
    assert line.startswith(("# ", "// ")) and len(line.split()) >= 5
