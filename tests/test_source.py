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


def faults(source):
    """[(line, what)] of what a file may not do."""
    faults_by_line = []
    for node in ast.walk(ast.parse(source)):
        imported = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        faults_by_line += [(node.lineno, f"imports {m}") for m in imported if m.partition(".")[0] in MODULES]
        if isinstance(node, ast.Call):
            faults_by_line += [(node.lineno, what) for what in _call(node)]
        elif isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in CALLS:
            faults_by_line.append((node.lineno, f"names {ast.unparse(node)}"))
    return faults_by_line


def _call(node):
    called, given = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
    if called in LOADS and given.get("allow_pickle") != "False":
        yield f"{called} without allow_pickle=False"
    if given.get("allow_pickle", "False") != "False":
        yield f"{called} with allow_pickle"
    if given.get("shell", "False") != "False" or given.get("weights_only", "True") != "True":
        yield f"{called}: {given}"
    if called.endswith("import_module") and not isinstance(node.args[0], ast.Constant):
        yield "imports a module by a name that is not in the source"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_nothing_is_unpickled_or_evaluated(path):
    assert faults(path.read_text(encoding="utf-8")) == []


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


COMMANDS = [
    *ROOT.glob("signjax/tools/*.py"),
    *(ROOT / f"signjax/{n}.py" for n in ("main", "sample", "evaluate")),
]


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.stem)
def test_a_command_is_short(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 70, f"{lines} lines; what a command does, a function of the library does"


LIBRARY = [
    path
    for path in sorted(ROOT.glob("signjax/**/*.py"))
    if path not in COMMANDS and path.stem != "__main__" and path.parent.name not in ("cli", "benchmarks")
]


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_library_prints_nothing(path):
    """It warns, logs, or takes where to write: what a program has on its streams is its own."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        assert called not in ("print", "sys.stdout.write", "sys.stderr.write"), f"line {node.lineno}"


IMPORTS = """
import ast, importlib, logging, os, pathlib, pkgutil, signal, sys, warnings

# What libraries do when they are imported is theirs: they are imported first.
for path in pathlib.Path("signjax").rglob("*.py"):
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            if name.partition(".")[0] != "signjax":
                importlib.import_module(name)

import absl.flags, jax, numpy, signjax

def settings():
    loggers = [logging.getLogger(name) for name in ("", "absl", "jax", "orbax", "flax")]
    return {
        "logs": [(log.level, list(log.filters), list(log.handlers)) for log in loggers],
        "hooks": (sys.unraisablehook, sys.excepthook, sys.path_hooks[:], sys.meta_path[:]),
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
        "warnings": (warnings.showwarning, warnings.filters[:]),
        "flags": sorted(absl.flags.FLAGS),
        "numpy": numpy.geterr(),
        "jax": dict(jax.config.values),
        "environment": dict(os.environ),
        "streams": (sys.stdout, sys.stderr),
        "path": sys.path[:],
    }

before, count = settings(), 0
for module in pkgutil.walk_packages(signjax.__path__, "signjax."):
    importlib.import_module(module.name)
    count += 1
changed = [name for name, value in settings().items() if value != before[name]]
assert not changed, f"an import changed what belongs to the whole process: {changed}"
print(count)
"""


def test_imports_change_nothing_of_the_process():
    """All modules together, commands as well."""
    run = subprocess.run([sys.executable, "-c", IMPORTS], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 100 and not run.stderr


def test_the_package_alone_imports_nothing_heavy():
    code = "import sys, signjax; print(*sorted(m for m in sys.modules if '.' not in m))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "signjax" in loaded
    assert not loaded & {"jax", "flax", "numpy", "optax", "orbax", "grain", "matplotlib", "transformers"}


def test_the_demo_command_needs_no_jax(tmp_path):
    code = (
        "import sys; from signjax.tools import demo; code = demo.main([f'--root={sys.argv[1]}', '--train=2', "
        "'--dev=1', '--test=1']); assert not code; sys.exit('jax' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, check=True, capture_output=True)
