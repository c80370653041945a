"""The launch scripts, with stand-ins for Python and its modules."""

import os
import shutil
import subprocess
import sys

import pytest
from launch_helpers import add_python, bash
from paths import ROOT


def ready(checkout, extras="", **variables: str):
    """Runs `prepare_python` as the scripts do."""
    script = f'set -euo pipefail; . launch/_venv.sh; prepare_python {extras}; echo "$PYTHON"'
    return bash(checkout, "-c", script, **variables)


def asked(checkout) -> list[str]:
    """The modules that were run since the last call."""
    path = checkout / "asked"
    modules = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return modules


@pytest.mark.parametrize("names, chosen", [
    ({"python3.11": 0, "python3.12": 0}, "python3.12"),
    ({"python3": 0, "python3.11": 0, "python3.12": 127}, "python3.11"),
    ({"python3.12": 1, "python3": 0}, "python3"),
])  # fmt: skip
def test_a_python_that_fits_is_found(checkout, names, chosen):
    for name, status in names.items():
        add_python(checkout, name, status)
    assert bash(checkout, "-c", ". launch/_venv.sh; find_python").stdout.strip() == chosen


def test_no_python_is_one_line(checkout):
    add_python(checkout, "python3", 1)
    done = ready(checkout)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "Python 3.12" in done.stderr


def test_an_environment_is_made_once_and_follows_setup_py(checkout):
    add_python(checkout, "python3")
    done = ready(checkout)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(".venv/bin/python\n")
    assert asked(checkout) == ["venv", "pip"]
    ready(checkout)
    assert asked(checkout) == []
    (checkout / "setup.py").write_text("second")
    ready(checkout)
    assert asked(checkout) == ["pip"]


def test_what_has_more_extras_than_a_script_needs_is_not_installed_again(checkout):
    add_python(checkout, "python3")
    ready(checkout, "test,docs")
    assert asked(checkout) == ["venv", "pip"]
    for extras in ("", "test", "docs", "docs,test"):
        assert ready(checkout, extras).returncode == 0
        assert asked(checkout) == [], extras
    # A part of a name is another extra; and what was installed for another script may have other versions.
    for extras in ("doc", "test,docs", "cuda", "test"):
        assert ready(checkout, extras).returncode == 0
        assert asked(checkout) == ["pip"], extras


def test_a_half_made_environment_is_made_anew(checkout):
    add_python(checkout, "python3")
    for left in (checkout / ".venv" / "lib", checkout / ".venv" / "bin"):  # what Ctrl-C leaves
        left.mkdir(parents=True)
        assert ready(checkout).returncode == 0
        assert asked(checkout) == ["venv", "pip"]
        shutil.rmtree(checkout / ".venv")
    ready(checkout)
    asked(checkout)
    (checkout / ".venv" / "bin" / "python").unlink()  # its Python was taken from the machine
    assert ready(checkout).returncode == 0
    assert asked(checkout) == ["venv", "pip"]


def test_without_network_a_finished_environment_stays(checkout):
    add_python(checkout, "python3")
    (checkout / "fail-pip").write_text("1")
    assert ready(checkout).returncode == 1
    assert ready(checkout).returncode == 1
    assert asked(checkout) == ["venv", "pip", "venv", "pip"]  # never finished: made anew
    (checkout / "fail-pip").unlink()
    ready(checkout)
    asked(checkout)
    (checkout / "setup.py").write_text("second")
    (checkout / "fail-pip").write_text("1")
    assert ready(checkout).returncode == 1
    assert ready(checkout).returncode == 1
    assert asked(checkout) == ["pip", "pip"]  # not venv: what was there still works


def test_an_active_environment_is_used(checkout):
    add_python(checkout, "python")
    mine = checkout / "mine"
    (mine / "bin").mkdir(parents=True)
    shutil.copy(checkout / "bin" / "python", mine / "bin")
    done = ready(checkout, VIRTUAL_ENV=str(mine))
    assert done.stdout.endswith(f"{mine}/bin/python\n")
    assert asked(checkout) == ["pip"]
    assert not (checkout / ".venv").exists()
    add_python(checkout, "python", 1)
    shutil.copy(checkout / "bin" / "python", mine / "bin")
    done = ready(checkout, VIRTUAL_ENV=str(mine))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "deactivate" in done.stderr


def test_quickstart_signs_with_the_model_that_comes_along(checkout):
    add_python(checkout, "python3")
    done = bash(checkout, "launch/quickstart.sh")
    assert done.returncode == 0, done.stderr
    assert asked(checkout) == ["venv", "pip", "signjax.sample"]
    assert f"{checkout}/outputs/hello.gif" in done.stdout and "--workdir demo" in done.stdout
    (checkout / "fail-signjax.sample").write_text("22")
    assert bash(checkout, "launch/quickstart.sh").returncode == 22
    done = bash(checkout, "launch/quickstart.sh", "--trian")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1) and "--trian" in done.stderr


def test_quickstart_stops_at_a_failure_and_goes_on(checkout):
    add_python(checkout, "python3")
    (checkout / "fail-signjax.main").write_text("130")
    done = bash(checkout, "launch/quickstart.sh", "--train")
    assert done.returncode == 130
    assert done.stdout.endswith("To continue: bash launch/quickstart.sh --train\n")
    assert asked(checkout) == ["venv", "pip", "signjax.tools.demo", "signjax.main"]
    (checkout / "fail-signjax.main").unlink()
    done = bash(checkout, "launch/quickstart.sh", "--train")
    assert done.returncode == 0, done.stderr
    assert asked(checkout) == ["signjax.tools.demo", "signjax.main", "signjax.main", "signjax.sample"]
    assert f"{checkout}/outputs/hello.gif" in done.stdout


def test_the_demo_model_is_trained_scored_and_put_in_place(checkout):
    add_python(checkout, "python3")
    (checkout / "signjax/demo/model").mkdir(parents=True)
    (checkout / "signjax/demo/model/older").touch()
    (checkout / "fail-signjax.evaluate").write_text("22")
    assert bash(checkout, "launch/reproduce.sh", "demo_model").returncode == 22
    assert (checkout / "signjax/demo/model/older").exists()  # until the new one is complete
    (checkout / "fail-signjax.evaluate").unlink()
    asked(checkout)
    done = bash(checkout, "launch/reproduce.sh", "demo_model")
    assert done.returncode == 0, done.stderr
    steps = ["tools.demo", "main", "main", "tools.export", "evaluate", "tools.export"]
    assert asked(checkout) == [f"signjax.{step}" for step in steps]
    assert not list((checkout / "signjax/demo/model").iterdir())


def test_what_cannot_be_reproduced_is_one_line(checkout):
    for words in ((), ("gallerie",)):
        done = bash(checkout, "launch/reproduce.sh", *words)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1) and "demo_model or gallery" in done.stderr


@pytest.mark.parametrize(
    "fails, code",
    [
        *(((), 0), (("ruff",), 1), (("pytest",), 5), (("ruff", "pytest"), 5)),
        *((("pyright",), 1), (("mkdocs",), 1)),
    ],
)
def test_the_test_script_fails_if_one_of_its_parts_does(checkout, fails, code):
    add_python(checkout, "python3")
    for name in fails:
        (checkout / f"fail-{name}").write_text("5" if name == "pytest" else "1")
    assert bash(checkout, "launch/test.sh").returncode == code
    assert asked(checkout) == ["venv", "pip", "ruff", "ruff", "pyright", "mkdocs", "pytest"]


@pytest.mark.parametrize("which", ["lowest", "newest"])
def test_versions_are_tested_in_an_environment_of_their_own(checkout, which):
    add_python(checkout, "python3")
    shutil.copy(ROOT / "setup.py", checkout)
    (checkout / "fail-pytest").write_text("5")
    assert bash(checkout, "launch/test.sh", f"--{which}", "tests/io").returncode == 5
    assert asked(checkout) == ["venv", "pip", "pytest"] and not (checkout / ".venv").exists()
    named = (checkout / f".venv-{which}/versions").read_text().split()
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert all(f'"{line.replace("==", ">=")}' in setup for line in named)
    libraries = [line.partition("==")[0] for line in named]
    assert libraries == (["jax", "flax", "orbax-checkpoint", "grain"] if which == "lowest" else [])
    assert (checkout / f".venv-{which}/jaxlib").read_text().startswith("jaxlib==") == (which == "lowest")


@pytest.mark.parametrize("code", [0, 5])
def test_the_soak_script_ends_as_its_tests_do(checkout, code):
    add_python(checkout, "python3")
    (checkout / "fail-pytest").write_text(str(code))
    assert bash(checkout, "launch/soak.sh").returncode == code
    assert asked(checkout) == ["venv", "pip", "pytest"]


@pytest.mark.parametrize("arguments, code", [((), 0), ((), 1), (("serve",), 0)])
def test_the_docs_script_ends_as_the_build_does(checkout, arguments, code):
    add_python(checkout, "python3")
    (checkout / "fail-mkdocs").write_text(str(code))
    assert bash(checkout, "launch/docs.sh", *arguments).returncode == code
    assert asked(checkout) == ["venv", "pip", "mkdocs"]


def test_the_docs_script_refuses_other_words(checkout):
    add_python(checkout, "python3")
    done = bash(checkout, "launch/docs.sh", "sevre")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1) and "sevre" in done.stderr


def test_skipped_tests_of_real_data_fail_where_they_are_required(tmp_path):
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "@pytest.mark.real\ndef test_fixture(real_data): pass\n"
        "@pytest.mark.real\n@pytest.mark.skipif(True, reason='x')\ndef test_mark(): pass\n"
        "@pytest.mark.real\n@pytest.mark.xfail\ndef test_expected(): assert False\n"
        "@pytest.mark.skip\ndef test_other(): pass\n"
    )
    names = ("SIGNJAX_REAL_DATA", "SIGNJAX_REQUIRE_REAL")
    environment = {k: v for k, v in os.environ.items() if k not in names}
    for required, line in (("", "3 skipped, 1 xfailed"), ("1", "1 skipped, 1 xfailed, 2 errors")):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-W", "ignore"], cwd=tmp_path, text=True,
            env=environment | {"SIGNJAX_REQUIRE_REAL": required}, capture_output=True, check=False,
        )  # fmt: skip
        assert line in done.stdout, done.stdout
        assert done.returncode == (1 if required else 0)
