"""The pages of docs: their commands are understood, their files are there, their code runs; the notebook."""

import ast
import json
import os
import pathlib
import re
import subprocess
import sys

import engine_helpers
import gpt_run
import jax.numpy as jnp
import numpy as np
import pytest
from command_help import PARSERS, ROOT, SHORT, ask, parse, parse_commands

from signjax.inference.load import load
from signjax.models import build, quantizers
from signjax.tasks.registry import make_task
from signjax.training import loop

pytestmark = pytest.mark.usefixtures("compile_quickly")
DOCS = ROOT / "docs"
SITE = sorted(DOCS.glob("*.md"))
PAGES = [*SITE, ROOT / "README.md", ROOT / "datasets/README.md", ROOT / "CONTRIBUTING.md"]
NOTEBOOK = DOCS / "quickstart.ipynb"
OTHERS = {"mkdir", "echo", "git", "gcloud", "hf", "ssh-add", "source", "pip", ".venv-video/bin/video_to_pose"}
FILE = re.compile(r"(?<![\w/])(?:signjax|tests|configs|launch|docs)/[\w/]+\.(?:py|sh|md|ipynb|js|html)")
DISPLAY = """
class HTML:
    def __init__(self, data=None, filename=None):
        assert data or open(filename, "rb").read(3) == b"GIF"

Image = HTML

def display(shown):
    print("displayed:", type(shown).__name__)
"""
SHELL = """
import subprocess

def shell(line):
    if " pip " not in line:
        subprocess.run(line, shell=True, check=True)

"""


def blocks(path, kind):
    """The fenced blocks of a language on a page."""
    text = path.read_text(encoding="utf-8")
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert all(name for name, _ in fenced), f"{path.name}: a block without a language"
    return [block for name, block in fenced if name == kind]


def inline_commands(path):
    """Commands of signjax inside the sentences and tables of a page, a line each."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`(python -m signjax[^`]*)`", text)
    return "\n".join(" ".join(span.split()) for span in spans if "<" not in span)


def cells(kind="code"):
    found = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == kind]


def modules(text):
    """[(module, its words)] of all commands of a text; asserts that every other program is known."""
    found = []
    text = re.sub(r"<<'END'\n.*?^END$", "", text, flags=re.DOTALL | re.MULTILINE)
    for words in parse_commands(text):
        if script := words[0] == "bash":
            assert (ROOT / words[1]).is_file(), words
        starts = [k for k, word in enumerate(words) if word == "-m" and words[k + 1].startswith("signjax.")]
        found += [(words[k + 1], words[k + 2 :]) for k in starts[:1]]
        assert starts or script or words[0] in OTHERS | {"python"}, words
    return found


def understood(found):
    for name in {name for name, _ in found}:
        lines = [words for module, words in found if module == name]
        if name in SHORT:
            codes, _, faults = ask(name, lines)
            assert codes == [0 if "--help" in line else None for line in lines], faults
        else:
            assert name in PARSERS, name
            for line in lines:
                parse(name, line)


def test_the_commands_of_pages_and_notebook_are_understood():
    lines = ["".join(blocks(page, "bash")) for page in PAGES]
    lines += [inline_commands(page) for page in PAGES]
    shell = [line.replace("{STEPS}", "5").replace("{CLIPS}", "5") for line in shell_lines()]
    found = [one for text in (*lines, "\n".join(shell)) for one in modules(text)]
    assert len(found) > 90
    understood(found)


def test_pages_lead_somewhere():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"
        for target in FILE.findall(text):
            example = target.endswith("mine.py")  # a file that the reader of the page writes
            assert example or (ROOT / target).exists(), f"{page.name}: {target}"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"(docs/{page.name})" in readme for page in [*SITE, NOTEBOOK] if page.stem != "index")


def test_pages_named_in_the_source_are_there():
    """Messages, docstrings and scripts send their readers to pages that exist."""
    names = re.compile(r"(?<![\w/])(?:docs|datasets)/\w+\.(?:md|ipynb)|\b[A-Z]{5,}\.md")
    for folder in ("signjax", "configs", "launch"):
        for path in sorted((ROOT / folder).rglob("*.*")):
            if path.suffix in (".py", ".sh", ".js", ".html"):
                named = set(names.findall(path.read_text(encoding="utf-8")))
                assert not [name for name in named if not (ROOT / name).is_file()], path


def test_the_readme_is_short_and_has_every_package():
    """A row for each package, as the package itself says it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 200
    rows = dict(re.findall(r"^\| `(signjax/\w+)` \| (.+) \|$", readme, re.MULTILINE))
    texts = {
        path.parent.name: path.read_text(encoding="utf-8") for path in ROOT.glob("signjax/*/__init__.py")
    }
    first = {f"signjax/{name}": ast.get_docstring(ast.parse(text)) for name, text in texts.items()}
    assert rows == {name: text.partition("\n")[0].removesuffix(".") for name, text in first.items()}


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/design.md"])
def test_the_layers_of_a_page_are_those_of_the_test(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    [listed] = re.findall(r"^`errors`, .*?, and last the commands\.$", text, re.MULTILINE | re.DOTALL)
    source = ast.parse((ROOT / "tests/test_layers.py").read_text(encoding="utf-8"))
    values = [node.value for node in source.body if ast.unparse(node).startswith("ROOMS =")]
    rooms = ast.literal_eval(values[0])
    assert re.findall(r"`(\w+)`", listed) == rooms[: rooms.index("cli") + 1]


def test_fields_in_tables_are_fields():
    text = (DOCS / "hands.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `--(config\.\S+?)=(\S+)` \((\S+)\)", text, re.MULTILINE)
    assert len(named) > 4
    for name, value, default in named:
        c = gpt_run.get_config("vqvae")
        for part in name.split(".")[1:-1]:
            c = c[part]
        assert str(c[name.rpartition(".")[2]]).removesuffix(".0") == default != value


def test_the_quantizer_of_the_page_trains(tiny_runs, tmp_path, monkeypatch):
    [code] = blocks(DOCS / "quantizers.md", "python")
    monkeypatch.setattr(quantizers, "QUANTIZERS", dict(quantizers.QUANTIZERS))
    exec(code, vars(quantizers) | {"QUANTIZERS": quantizers.QUANTIZERS})
    changes = gpt_run.TOKENIZER | {"data.root": str(tiny_runs / "datasets"), "quantizer.kind": "fixed"}
    changes |= {"num_steps": 40, "log_every": 1, "eval_every": 40, "optim.warmup": 1, "optim.lr": 3e-3}
    assert loop.train(gpt_run.get_config("vqvae", **changes), tmp_path / "run", make_task).finished
    losses = [
        float.fromhex(row["train/loss"])
        for row in engine_helpers.rows(tmp_path / "run")
        if "train/loss" in row
    ]
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:10])
    tokenizer = load(tmp_path / "run")
    books = tokenizer.codebooks
    assert books.shape == (2, 16, 8) and np.isfinite(books).all()
    module = build.build_quantizer(tokenizer.config.quantizer, "whole")
    z = jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 8)), jnp.float32)
    mask = jnp.arange(5) < jnp.array([[5], [3]])
    variables = module.init({}, z, mask, True)
    out = module.apply(variables, z, mask, True)
    np.testing.assert_allclose(out.z, module.apply(variables, out.codes, method="decode"), atol=1e-6)
    other = module.apply(variables, jnp.where(mask[..., None], z, 9.0), mask, True)
    np.testing.assert_allclose(out.loss, other.loss, rtol=1e-6)


def shell_lines():
    """The shell lines of the notebook, continued ones joined."""
    source = re.sub(r" *\\\n *", " ", "\n".join(cells()))
    return [line.strip()[1:] for line in source.splitlines() if line.strip().startswith("!")]


def program(source):
    """A code cell as Python: lines of the shell become calls of `shell`."""
    source = re.sub(r" *\\\n *", " ", source)
    return re.sub(r"^( *)!(.*)$", r"\1shell(f'''\2''')", source, flags=re.MULTILINE)


def test_the_notebook_is_clean():
    """Version 4, no outputs, code that compiles, constants of their own where the test makes them small."""
    whole = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (whole["nbformat"], whole["metadata"]["kernelspec"]["name"]) == (4, "python3")
    for cell in whole["cells"]:
        assert cell["cell_type"] == "markdown" or (cell["outputs"], cell["execution_count"]) == ([], None)
    assert len({cell["id"] for cell in whole["cells"]}) == len(whole["cells"])
    for cell in cells():
        compile(program(cell), "cell", "exec")
    assert re.search(r"^STEPS = \d+$", "\n".join(cells()), re.MULTILINE)
    assert "constructed language" in cells("markdown")[0] and "no real sign language" in cells("markdown")[0]


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    """In a copy of the checkout, as on a new machine: few clips and steps, no installation."""
    for name in ("signjax", "configs", "setup.py"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "docs").mkdir()
    (tmp_path / "library/IPython").mkdir(parents=True)
    (tmp_path / "library/IPython/__init__.py").touch()
    (tmp_path / "library/IPython/display.py").write_text(DISPLAY)
    code = SHELL + "\n".join(program(cell) for cell in cells())
    code = re.sub(r"^STEPS = \d+$", "STEPS = 4", code, flags=re.MULTILINE)
    code = re.sub(r"^CLIPS = \d+$", "CLIPS = 40", code, flags=re.MULTILINE)
    (tmp_path / "cells.py").write_text(code)
    path = os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}  # of eight simulated devices
    environment |= {
        "PATH": path,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(tmp_path / "library")]),
    }
    done = subprocess.run(
        [sys.executable, "../cells.py"],
        cwd=tmp_path / "docs",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert done.stdout.count("displayed:") == 2
    assert (tmp_path / "outputs/notebook/hello.gif").exists() and (
        tmp_path / "runs/notebook-gpt/config.json"
    ).exists()
