"""What every script in launch/ says to --help: what it does, its options, two examples; and nothing runs."""

import importlib.util
import re
import shlex

import pytest
from launch_helpers import bash, calls
from paths import ROOT

# Those of "_" that are sourced are no scripts of their own.
SCRIPTS = sorted(
    path.name
    for path in ROOT.glob("launch/*.sh")
    if not path.read_text(encoding="utf-8").split("\n")[0].startswith("# Sourced")
)
PROGRAMS = sorted(path.name for path in ROOT.glob("launch/*.py"))


def examples(shown: str) -> list[list[str]]:
    """The words of every example, those of continued lines together."""
    section = re.sub(r" *\\\n *", " ", shown.partition("Examples:\n")[2])
    return [shlex.split(line) for line in re.findall(r"^    (\S.+)$", section, re.MULTILINE)]


def check(name: str, shown: str) -> None:
    """What all help has."""
    assert len(shown.split("\n")[0]) > 25 and f"launch/{name}" in shown
    assert re.search(r"^Options:|^options:|^positional arguments:", shown, re.MULTILINE)
    named = [words for words in examples(shown) if f"launch/{name}" in words]
    assert len(named) >= 2 and all(words[0] in ("bash", "python") for words in named)


def test_all_scripts_are_walked():
    assert {"quickstart.sh", "test.sh", "tpu_vm.sh", "slurm.sh", "gpu.sh", "soak.sh"} < set(SCRIPTS)
    assert "_venv.sh" not in SCRIPTS and "gallery.py" in PROGRAMS


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_of_a_script(cluster, name):
    before = sorted(cluster.iterdir())
    done = bash(cluster, f"launch/{name}", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    check(name, done.stdout)
    # The same from another folder, and nothing was made, asked for or begun.
    assert bash(cluster, "-c", f"cd launch && bash {name} -h").stdout == done.stdout
    assert sorted(cluster.iterdir()) == before and calls(cluster) == []
    source = (cluster / "launch" / name).read_text(encoding="utf-8").split("\nset -", 1)[1]
    for option in re.findall(r"^ *(--\w+)[ )]", source, re.MULTILINE):
        assert option in done.stdout


@pytest.mark.parametrize("name", ["gpu.sh", "slurm.sh", "tpu_vm.sh"])
def test_examples_of_a_launcher_are_understood(cluster, name):
    lines = examples(bash(cluster, f"launch/{name}", "--help").stdout)
    assert lines
    for words in lines:
        place = 3 if name == "tpu_vm.sh" else 2
        done = bash(cluster, *words[1:place], "--dry_run", *words[place:])
        assert done.returncode == 0 and done.stdout, (words, done.stderr)


def test_help_of_a_command_is_its_own(cluster):
    """What comes after the options of a launcher, or after "--", is not read."""
    for words in (
        ("launch/gpu.sh", "--dry_run", "train", "--help"),
        ("launch/slurm.sh", "--dry_run", "--name=a", "--", "train", "--help"),
    ):
        done = bash(cluster, *words)
        assert "train --help" in done.stdout and "Usage" not in done.stdout
    shown = bash(cluster, "launch/tpu_vm.sh", "run", "--name", "mine", "--help")
    assert shown.returncode == 0 and shown.stdout == bash(cluster, "launch/tpu_vm.sh", "--help").stdout


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_of_a_program(name, capsys):
    spec = importlib.util.spec_from_file_location(name[:-3], ROOT / "launch" / name)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    with pytest.raises(SystemExit) as end:
        program.main(["--help"])
    assert end.value.code == 0
    check(name, capsys.readouterr().out)
