"""The notebook: it is clean, and its cells run, with few clips and steps and with small models."""

import ast
import functools
import json
import re

import gpt_run
import pytest
from paths import ROOT

import signjax

pytestmark = pytest.mark.usefixtures("compile_quickly")
NOTEBOOK = ROOT / "docs/quickstart.ipynb"


def read_cells(kind="code"):
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]


def compile_cell(source):
    """(the statements of a cell, its last expression or None), as a notebook runs and shows them."""
    source = re.sub(
        r"^( *)%pip .*$", r"\1raise AssertionError('signjax is installed')", source, flags=re.MULTILINE
    )
    shown = not source.rstrip().endswith(";")
    body = ast.parse(source).body
    last = body.pop() if shown and isinstance(body[-1], ast.Expr) else None
    statements = compile(ast.Module(body, []), "cell", "exec")
    return statements, last and compile(ast.Expression(last.value), "cell", "eval")


def run_cells(changes):
    """What the cells show, each result as a notebook does."""
    shown, names = [], {}
    for cell in read_cells():
        for pattern, value in changes.items():
            cell = re.sub(pattern, value, cell, flags=re.MULTILINE)
        statements, last = compile_cell(cell)
        exec(statements, names)
        if last:
            value = eval(last, names)
            shown.append(value._repr_html_() if isinstance(value, signjax.Clip) else repr(value))
    return shown


def test_the_notebook_is_clean():
    """Version 4, no outputs, code that compiles, constants where the tests make it small."""
    whole = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (whole["nbformat"], whole["metadata"]["kernelspec"]["name"]) == (4, "python3")
    for cell in whole["cells"]:
        assert cell["cell_type"] == "markdown" or (cell["outputs"], cell["execution_count"]) == ([], None)
    assert len({cell["id"] for cell in whole["cells"]}) == len(whole["cells"])
    for cell in read_cells():
        compile_cell(cell)
    for name in ("STEPS", "CLIPS"):
        assert re.search(rf"^{name} = \d+$", "\n".join(read_cells()), re.MULTILINE)
    first = read_cells("markdown")[0]
    assert "constructed language" in first and "no real sign language" in first


@pytest.fixture
def few(monkeypatch, tmp_path):
    """Few clips and steps, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return {r"^STEPS = \d+$": "STEPS = 4", r"^CLIPS = \d+$": "CLIPS = 12", r"\b20, 20\b": "4, 2"}


def check(shown, folder):
    players = [text for text in shown if "<iframe" in text]
    assert len(players) == 3
    assert (folder / "outputs/notebook/hello.gif").read_bytes().startswith(b"GIF")
    assert (folder / "runs/notebook-gpt/config.json").exists()


@pytest.mark.extended
def test_the_cells_run_with_small_models(few, tmp_path, monkeypatch):
    def get_config(spec, **changes):
        tiny = gpt_run.TOKENIZER if spec.startswith("vqvae") else gpt_run.GPT
        return gpt_run.get_config(spec, **tiny | changes)

    monkeypatch.setattr(signjax, "get_config", get_config)
    check(run_cells(few), tmp_path)


@pytest.mark.slow
def test_the_cells_run_with_their_models(few, tmp_path, monkeypatch):
    # On one device, as in Colab: four rows of codes a step do not divide into the eight of the tests.
    one_device = functools.partial(signjax.get_config, **gpt_run.MESH)
    monkeypatch.setattr(signjax, "get_config", one_device)
    check(run_cells(few), tmp_path)
