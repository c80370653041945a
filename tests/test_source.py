"""What the source may not do: unpickle, evaluate, load whatever there is, or run a shell."""

import ast
import subprocess
import sys

import pytest
from paths import ROOT

FILES = sorted(path for folder in ("signjax", "configs") for path in (ROOT / folder).rglob("*.py"))
MODULES = {"pickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "torch", "yaml"}
CALLS = {"eval", "exec", "compile", "__import__", "builtins.eval", "builtins.exec", "os.system", "os.popen"}
LOADS = {"np.load", "numpy.load", "np.lib.format.read_array"}
BY_NAME = {"signjax/training/task.py"}  # may import modules by names that are not in the source


def faults(source, name="x.py"):
    """[(line, what)] of what a file may not do."""
    found = []
    for node in ast.walk(ast.parse(source)):
        imported = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [(node.lineno, f"imports {m}") for m in imported if m.partition(".")[0] in MODULES]
        if isinstance(node, ast.Call):
            found += [(node.lineno, what) for what in _call(node, name)]
        elif isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in CALLS:
            found.append((node.lineno, f"names {ast.unparse(node)}"))
    return found


def _call(node, name):
    called, given = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
    if called in LOADS and given.get("allow_pickle") != "False":
        yield f"{called} without allow_pickle=False"
    if given.get("allow_pickle", "False") != "False":
        yield f"{called} with allow_pickle"
    if given.get("shell", "False") != "False" or given.get("weights_only", "True") != "True":
        yield f"{called}: {given}"
    named = called.endswith("import_module") and name not in BY_NAME
    if named and not isinstance(node.args[0], ast.Constant):
        yield "imports a module by a name that is not in the source"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_nothing_is_unpickled_or_evaluated(path):
    assert faults(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()) == []


@pytest.mark.parametrize(
    "source",
    [
        *("import pickle", "from torch import load", "import yaml.x", "from shelve import *", "eval('1')"),
        *("f = exec", "map(eval, x)", "os.system('ls')", "np.load(p)", "np.load(p, allow_pickle=True)"),
        *("np.load(p, allow_pickle=safe)", "subprocess.run(c, shell=True)", "import_module(c.task)"),
        *("np.savez(p, allow_pickle=True)", "__import__(name)", "def f():\n  compile('1', '', 'eval')"),
    ],
)
def test_the_search_finds(source):
    assert faults(source)


def test_the_search_lets_pass():
    assert not faults("re.compile('a')\nnp.load(p, allow_pickle=False)\nsubprocess.run(['ls'], shell=False)")


IMPORTS = """
import importlib, logging, pkgutil, signal, sys, warnings
import absl.logging, jax, numpy, orbax.checkpoint
import signjax

def settings():
    loggers = [logging.getLogger(name) for name in ("", "absl", "jax", "orbax", "flax")]
    hooks = sys.unraisablehook, sys.excepthook, warnings.showwarning, signal.getsignal(signal.SIGINT)
    logs = [(log.level, list(log.filters), list(log.handlers)) for log in loggers]
    return logs, hooks, numpy.geterr(), dict(jax.config.values)

before = settings()
for module in pkgutil.walk_packages(signjax.__path__, "signjax."):
    if module.name not in ("signjax.main", "signjax.sample", "signjax.evaluate", "signjax.__main__"):
        importlib.import_module(module.name)
assert before == settings(), "an import changed what belongs to the whole process"
"""


def test_imports_change_nothing_of_the_process():
    """Commands are left out: they define flags, and nobody imports them."""
    run = subprocess.run([sys.executable, "-c", IMPORTS], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
