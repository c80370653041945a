"""The pages of docs: their commands are understood, their files are there, their code runs."""

import ast
import re

import engine_helpers
import gpt_run
import jax.numpy as jnp
import numpy as np
import pytest
from command_help import PARSERS, ROOT, SHORT, ask, parse, parse_commands

import signjax
from signjax import demo
from signjax.inference.load import load
from signjax.models import build, quantizers
from signjax.tasks.registry import make_task
from signjax.training import loop

pytestmark = pytest.mark.usefixtures("compile_quickly")
DOCS = ROOT / "docs"
SITE = sorted(DOCS.glob("*.md"))
PAGES = [*SITE, ROOT / "README.md", ROOT / "datasets/README.md", ROOT / "CONTRIBUTING.md"]
NOTEBOOK = DOCS / "quickstart.ipynb"
VIDEO = {f".venv-video/bin/{name}" for name in ("pip", "video_to_pose", "videos_to_poses")}
OTHERS = {"mkdir", "npm", "echo", "git", "gcloud", "hf", "ssh-add", "source", "pip"} | VIDEO
FILE = re.compile(r"(?<![\w/])(?:signjax|tests|configs|launch|docs)/[\w/]+\.(?:py|sh|md|ipynb|js|html)")


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


def modules(text):
    """[(module, its words)] of all commands of a text; asserts that every other program is known."""
    commands = []
    text = re.sub(r"<<'END'\n.*?^END$", "", text, flags=re.DOTALL | re.MULTILINE)
    for words in parse_commands(text):
        if script := words[0] == "bash":
            assert (ROOT / words[1]).is_file(), words
        starts = [k for k, word in enumerate(words) if word == "-m" and words[k + 1].startswith("signjax.")]
        commands += [(words[k + 1], words[k + 2 :]) for k in starts[:1]]
        assert starts or script or words[0] in OTHERS | {"python"}, words
    return commands


def understood(commands):
    for name in {name for name, _ in commands}:
        lines = [words for module, words in commands if module == name]
        if name in SHORT:
            codes, _, faults = ask(name, lines)
            assert codes == [0 if "--help" in line else None for line in lines], faults
        else:
            assert name in PARSERS, name
            for line in lines:
                parse(name, line)


def test_the_commands_of_pages_are_understood():
    lines = ["".join(blocks(page, "bash")) for page in PAGES]
    lines += [inline_commands(page) for page in PAGES]
    commands = [one for text in lines for one in modules(text)]
    assert len(commands) > 90
    understood(commands)


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


@pytest.mark.extended
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


OWN_TESTS = ("quantizers", "paths")  # above, and in test_paths.py
CODE = [
    page for page in PAGES if page.stem not in OWN_TESTS and "```python" in page.read_text(encoding="utf-8")
]


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    """A demo set with enough test clips to be scored."""
    root = tmp_path_factory.mktemp("data")
    demo.write_dataset(root, sizes=(12, 4, 3))
    return root


@pytest.fixture
def workplace(datasets, tiny_runs, tmp_path, monkeypatch):
    """A folder with the data set and the runs that pages name, all of them tiny."""
    (tmp_path / "datasets").symlink_to(datasets)
    (tmp_path / "runs").mkdir()
    for name in ("vqvae", "gpt"):
        (tmp_path / "runs" / name).symlink_to(tiny_runs / "runs" / name)
    (tmp_path / "demo").symlink_to(tiny_runs / "runs/gpt")  # in the place of the model that comes along

    def get_config(spec, **changes):
        tiny = gpt_run.TOKENIZER if spec.startswith("vqvae") else gpt_run.GPT
        return gpt_run.get_config(spec, **changes | tiny)

    monkeypatch.setattr(signjax, "get_config", get_config)
    monkeypatch.chdir(tmp_path)
    return tmp_path


# A whole scorecard takes a minute each; tests/test_api.py has the fast test of the same calls.
LONG_PAGES = ("evaluation", "README", "generation")


@pytest.mark.parametrize(
    "page",
    [pytest.param(p, id=p.stem, marks=[pytest.mark.extended] if p.stem in LONG_PAGES else []) for p in CODE],
)
def test_the_code_of_pages_runs(page, workplace):
    code = "\n".join(block for block in blocks(page, "python") if "jax.export" not in block)
    exec(compile(code, page.name, "exec"), {})


def test_code_that_is_not_run_compiles():
    """Of the page on export: it takes a program that another command writes."""
    [block] = [block for block in blocks(DOCS / "export.md", "python") if "jax.export" in block]
    compile(block, "export.md", "exec")
