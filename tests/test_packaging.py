"""The package that is built: what is in it, what it depends on, and that it works without a checkout."""

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from paths import ROOT

import signjax

PACKAGE = ROOT / "signjax"
# Names of distributions where they are not those of the modules.
DISTRIBUTIONS = {"PIL": "pillow", "absl": "absl-py", "orbax": "orbax-checkpoint"}
UNUSED = {"imageio", "transformers"}  # packages of the project that nothing imports yet


def copy_sources(place):
    """The checkout without what git ignores, as a build would leave files in it."""
    place.mkdir()
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, place)
    for name in ("signjax", "configs"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    return place


def expected_files():
    """Files of an installed package, relative to where it is installed."""
    inside = [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    configs = [Path("signjax", path.relative_to(ROOT)) for path in ROOT.glob("configs/*.py")]
    return {path.relative_to(ROOT) for path in inside} | set(configs)


def test_every_file_is_built(tmp_path):
    sources = copy_sources(tmp_path / "sources")
    command = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path / "built")]
    subprocess.run(command, cwd=sources, check=True, capture_output=True)
    built = {
        path.relative_to(tmp_path / "built") for path in (tmp_path / "built").rglob("*") if path.is_file()
    }
    assert built == expected_files()
    assert {
        Path("signjax/py.typed"),
        Path("signjax/configs/vqvae.py"),
        Path("signjax/configs/common.py"),
    } <= built


def test_configs_of_a_built_package_work_in_an_empty_folder(tmp_path):
    sources = copy_sources(tmp_path / "sources")
    command = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path / "built")]
    subprocess.run(command, cwd=sources, check=True, capture_output=True)
    code = """
import sys, signjax
from signjax.configs import common
from signjax.training import configs
assert signjax.__file__.startswith(sys.argv[1]) and common.__file__.startswith(sys.argv[1])
print(*configs.list_configs())
print(signjax.get_config("gpt:quick").tokenizer, "jax" in sys.modules)
"""
    (tmp_path / "empty").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "built")], cwd=tmp_path / "empty", text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "built")}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    names = sorted(path.stem for path in ROOT.glob("configs/*.py") if path.stem != "common")
    assert done.stdout.splitlines()[0].split() == names
    assert done.stdout.splitlines()[1].startswith("runs/vqvae-quick")


def test_one_version_everywhere():
    """setup.py reads it from the package; the other two files are written by hand."""
    citation = re.search(
        r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE
    )
    newest = re.search(r"^## (\d\S+\b)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    setup = subprocess.run(
        [sys.executable, "setup.py", "--version"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert citation[1] == newest[1] == setup.stdout.split()[-1] == signjax.__version__


def declared():
    """(dependencies, {extra: its dependencies}) of setup.py, names alone."""
    [call] = [
        node.value
        for node in ast.parse((ROOT / "setup.py").read_text()).body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]
    values = {k.arg: k.value for k in call.keywords}

    def names(requirements):
        return {part.partition(">")[0].partition("[")[0] for part in requirements}

    extras = ast.literal_eval(values["extras_require"])
    return names(ast.literal_eval(values["install_requires"])), {k: names(v) for k, v in extras.items()}


def imported():
    """{distribution: whether all its imports stand in functions} of what the package imports."""
    lazy = {}
    for path in [*PACKAGE.rglob("*.py"), *ROOT.glob("configs/*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            for name in {name.partition(".")[0] for name in names} - {"signjax", *sys.stdlib_module_names}:
                distribution = DISTRIBUTIONS.get(name, name.replace("_", "-"))
                lazy[distribution] = lazy.get(distribution, True) and node not in tree.body
    return lazy


def test_dependencies_are_what_is_imported():
    needed, extras = declared()
    lazy = imported()
    optional = set().union(*extras.values()) | {"jax2onnx"}  # which cannot be declared, see setup.py
    assert {name for name, is_lazy in lazy.items() if not is_lazy} <= needed
    assert set(lazy) <= needed | optional
    assert needed - set(lazy) == UNUSED


def test_windows_is_refused_in_one_line():
    for argv, begin in (
        ("['-m']", "error: signjax runs on"),
        ("['mine.py']", "ImportError: signjax runs on"),
    ):
        code = f"import sys; sys.platform = 'win32'; sys.argv = {argv}; import signjax"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith(begin)
        assert "WSL 2" in done.stderr and (begin.startswith("Import") or done.stderr.count("\n") == 1)


def test_python_versions_are_said_alike():
    """Where they are checked, by hand, and where people read them."""
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    named = re.findall(r"Python :: (3\.\d+)", setup)
    script = (ROOT / "launch/_venv.sh").read_text(encoding="utf-8")
    assert f'python_requires=">={named[0]}"' in setup and f"Python {named[0]} or newer" in script
    assert (
        sorted(re.findall(r"python(3\.\d+)", script.partition("for name in")[2].partition(";")[0])) == named
    )
    for page in ("README.md", "CONTRIBUTING.md", "docs/index.md"):
        assert f"Python {named[0]} to {named[-1]}" in (ROOT / page).read_text(encoding="utf-8"), page


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The Python of a new environment with the wheel of a source distribution; it downloads 400 MB."""
    home = tmp_path_factory.mktemp("installed")
    sources = copy_sources(home / "sources")
    subprocess.run([sys.executable, "setup.py", "-q", "sdist", "-d", home], cwd=sources, check=True)
    [archive] = home.glob("*.tar.gz")
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", archive, "-w", home / "of-archive"], check=True)
    subprocess.run([*pip, "wheel", "--no-deps", sources, "-w", home / "of-sources"], check=True)
    [wheel], [other] = (list((home / name).glob("*.whl")) for name in ("of-archive", "of-sources"))
    assert sorted(zipfile.ZipFile(wheel).namelist()) == sorted(zipfile.ZipFile(other).namelist())
    subprocess.run([sys.executable, "-m", "venv", home / "venv"], check=True)
    python = home / "venv" / Path(sysconfig.get_path("scripts")).name / "python"
    subprocess.run([python, *pip[1:], "install", wheel], check=True)
    return python


@pytest.mark.slow
def test_an_installed_package_works_in_an_empty_folder(installed, tmp_path):
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "XLA_FLAGS")}
    environment |= {"HOME": str(tmp_path), "JAX_PLATFORMS": "cpu"}

    def run(module, *arguments):
        done = subprocess.run(
            [installed, "-m", module, *arguments], cwd=tmp_path, env=environment, text=True,
            capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("signjax", "--version").startswith("signjax ")
    run("signjax.sample", "--text=hello", "--out=first")  # by the model that comes along
    assert (tmp_path / "first/hello.gif").stat().st_size > 10_000
    run("signjax.tools.demo", "--train=60", "--dev=6", "--test=4")
    short = [f"--config.{name}=4" for name in ("num_steps", "eval_every", "save_every")]
    run("signjax.main", "--config=vqvae:quick", *short)
    run("signjax.main", "--config=gpt:quick", "--config.versions=1", *short)
    printed = run("signjax.sample", "--text=hello", "--max_tokens=8")
    assert "outputs/hello.gif" in printed and (tmp_path / "outputs/hello.html").stat().st_size > 10_000
    assert "ground truth" in run("signjax.evaluate", "--workdir=runs/gpt-quick")
    viewer = subprocess.Popen(
        [installed, "-m", "signjax.tools.viewer", "runs/gpt-quick", "--port=0"], cwd=tmp_path,
        env=environment, text=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert "http://127.0.0.1:" in viewer.stdout.readline()
    finally:
        viewer.terminate()
        viewer.wait(timeout=60)
