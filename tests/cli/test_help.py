"""Every command found by file: help that a newcomer can use, examples that parse, answers to mistakes."""

import ast
import importlib
import re
import shlex
import subprocess
import sys

import gpt_run
import pytest
from command_help import COMMANDS, PARSERS, ROOT, SHORT, ask, parse

from signjax import __main__ as listing
from signjax.cli import config_help
from signjax.data.load import load_split
from signjax.errors import ConfigError, DataError, StorageError, closest_match, did_you_mean
from signjax.inference.families import make_sampler
from signjax.models import build, quantizers
from signjax.tasks.registry import make_task
from signjax.text import pretrained
from signjax.tools import bench, memory
from signjax.tools import pack as tool
from signjax.training import optimizer, run_config

CONFIGS = sorted(path for path in ROOT.glob("configs/*.py") if path.stem != "common")


def docstring(name):
    return ast.get_docstring(ast.parse(COMMANDS[name]), clean=False)


def examples(name):
    """The example lines of a command's docstring, split into words, without `python -m NAME`."""
    lines = re.findall(r"^    (python -m .+)$", docstring(name), re.MULTILINE)
    words = [shlex.split(line)[2:] for line in lines]
    return [rest for module, *rest in words if module == name]


def check(name, shown):
    """What all help has: usage, a sentence, an example, every option with a word on it."""
    assert shown.startswith(f"usage: python -m {name} ")
    first = docstring(name).partition("\n")[0]
    assert first.endswith(".") and len(first) > 25 and first in shown
    assert examples(name) and f"    python -m {name}" in shown and "Traceback" not in shown
    silent = re.findall(r"^  (-\S.*?\S)$(?!\n {10,}\S)", shown.partition("\noptions:\n")[2], re.MULTILINE)
    assert not [option for option in silent if "  " not in option], "says nothing"


def test_all_commands_are_walked():
    assert {"signjax.main", "signjax.sample", "signjax.evaluate"} | {
        f"signjax.tools.{path.stem}" for path in ROOT.glob("signjax/tools/[!_]*.py")
    } == set(COMMANDS)
    assert set(listing.list_commands()) == set(COMMANDS)


@pytest.mark.parametrize("name", PARSERS)
def test_help_of_a_tool(name, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    main = importlib.import_module(name).main
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    shown = capsys.readouterr().out
    assert end.value.code == 0
    check(name, shown)

    for line in examples(name):
        assert parse(name, line) is None


@pytest.mark.parametrize("name", SHORT)
def test_help_of_a_program(name):
    lines = examples(name)
    codes, shown, faults = ask(name, [["--help"], *lines])
    assert codes == [0, *(0 if "--help" in line else None for line in lines)] and not faults
    check(name, shown)


HELP_ALONE = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name).main(["--help"])
    except SystemExit as end:
        assert end.code == 0, name
    print(name, *sorted(sys.modules.keys() & {"numpy", "jax", "flax", "grain", "orbax", "PIL", "matplotlib"}))
"""


def test_help_imports_no_large_library():
    """So it is there at once; what a command does is imported after its options are parsed."""
    command = [sys.executable, "-c", HELP_ALONE, *COMMANDS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    seen = [line for line in done.stdout.splitlines() if line.partition(" ")[0] in COMMANDS]
    assert seen == list(COMMANDS)


def test_the_help_of_training_names_configs_and_their_fields():
    _, shown, _ = ask("signjax.main", [["--config=configs/gpt.py:quick", "--help"]])
    _, general, _ = ask("signjax.main", [["--help"]])
    for path in CONFIGS:
        assert re.search(rf"configs/{path.name} +\S+ \S+", general)
    assert "common" not in general
    assert re.search(r"--config.optim.lr=0.0015 +highest learning rate", shown)
    assert "--config.num_steps=1500 " in shown and "quick  a short run" in shown


def test_the_help_of_a_field_has_its_range():
    assert config_help.explain_field("fold") == "latents in a position (whole numbers, 1 to 64)"
    assert config_help.explain_field("corrupt").endswith("(0 to 0.5)")
    assert config_help.explain_field("model.dropout").endswith("(0 to below 1)")
    assert config_help.explain_field("optim.schedule").endswith("(cosine or constant)")
    assert config_help.explain_field("optim.of_somebody") == ""


MISTAKES = {
    "configs/vqvee.py": "did you mean configs/vqvae.py?",
    "configs/gpt.py:larg": "did you mean 'large'?",
    "configs/vqvae.py:fqs": "did you mean 'fsq'?",
    "configs/gpt.py --config.optmizer.lr=1": "has no field 'optmizer.lr'; did you mean 'optim.lr'?",
    "configs/gpt.py --config.modl.width=1": "did you mean 'model.width'?",
    "configs/gpt.py --workdr=x": "did you mean '--workdir'?",
    "configs/gpt.py hello": "'hello': options begin with --",
    "configs/gpt.py --config.num_steps=1.5": "--config.num_steps=1.5: invalid literal",
    "configs/gpt.py --config.batch_tokens=99999999999": "it can be whole numbers, 1 to 16,777,216",
    "configs/gpt.py --config.optim.lr=nan": "--config.optim.lr=nan: it can be 0 to 100",
    "configs/gpt.py --config.optim.lr=1e400": "--config.optim.lr=1e400: it can be 0 to 100",
    "configs/gpt.py --config.model.dtype=float16": "it can be float32 or bfloat16",
}


def test_wrong_commands_of_training_are_one_line():
    lines = [[f"--config={words[0]}", *words[1:]] for words in map(str.split, MISTAKES)]
    codes, _, faults = ask("signjax.main", lines)
    messages = faults.splitlines()
    assert codes == [23] * len(lines)
    assert len(messages) == len(lines)
    for line, meant in zip(messages, MISTAKES.values(), strict=True):
        assert line.startswith("error: ") and meant in line


@pytest.mark.parametrize(
    "name, words, meant",
    [
        ("pack", ["--nme", "mine"], "'--name'"),
        ("export", ["a.npz", "--to", "opnpose"], "'openpose'"),
        ("viz", ["sampels", "a.npz"], "'samples'"),
        ("viz", ["samples", "a.npz", "--uot=x"], "'--out'"),
        ("verify", ["4d"], ""),
    ],
)
def test_wrong_words_of_tools(name, words, meant, capsys):
    with pytest.raises(SystemExit) as end:
        importlib.import_module(f"signjax.tools.{name}").main(words)
    line = capsys.readouterr().err.splitlines()[-1]
    assert end.value.code == 2 and line.startswith(f"python -m signjax.tools.{name}: error: ")
    assert line.endswith(f"; did you mean {meant}?") if meant else "did you mean" not in line


def test_a_command_that_is_none(capsys):
    assert listing.main(["signjax.tools.pak"]) == 2
    assert "did you mean python -m signjax.tools.pack?" in capsys.readouterr().err
    assert listing.main([]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)


def test_wrong_names_are_answered(tmp_path):
    (tmp_path / "runs/gpt").mkdir(parents=True)
    (tmp_path / "runs/gpt/config.json").write_text("{}")
    (tmp_path / "sets/mine/train").mkdir(parents=True)
    quantizer, generator = gpt_run.get_config("vqvae").quantizer, gpt_run.get_config("flow")
    quantizer.kind, schedule = "rqv", generator.optim
    schedule.schedule = "cosin"
    for call, kind, meant in (
        (
            lambda: run_config.load_config(tmp_path / "runs/gtp/config.json"),
            StorageError,
            "mean .*runs/gpt[?] train",
        ),
        (lambda: build.build_quantizer(quantizer, "arm"), ConfigError, "did you mean 'rvq'"),
        (lambda: make_task(gpt_run.get_config("gpt", task="gtp"), ""), ConfigError, "did you mean 'gpt'"),
        (lambda: load_split(tmp_path / "sets", "mnie", "train"), DataError, "did you mean 'mine'"),
        (lambda: load_split(tmp_path / "sets", "mine", "trian"), DataError, "did you mean 'train'"),
        (lambda: make_sampler(generator, solver="midpont"), ConfigError, "did you mean 'midpoint'"),
        (lambda: make_sampler(generator, stepps=3), ConfigError, "did you mean 'steps'"),
        (lambda: optimizer.make_schedule(schedule, 9), ConfigError, "did you mean 'cosine'"),
    ):
        with pytest.raises(kind, match=meant):
            call()


def test_a_wrong_encoder_is_answered(monkeypatch):
    def fetch(name, **_):
        raise OSError(f"{name} is not there")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    with pytest.raises(ConfigError, match=r"'minlm'.*did you mean 'minilm'\? give a folder"):
        pretrained.find_encoder("minlm")


def test_wrong_names_of_commands(capsys):
    for command, words, meant in (
        (bench, ["trian"], "did you mean 'train'"),
        (memory, ["--family=vqave"], "did you mean 'vqvae'"),
        (tool, ["--name=dmeo", f"--root={ROOT}/nothing"], "no train, dev or test folder; give"),
    ):
        assert command.main(words) in (21, 23)
        assert meant in capsys.readouterr().err


def test_what_is_near():
    assert did_you_mean("opnpose", ["json", "openpose"]) == "; did you mean 'openpose'?"
    assert did_you_mean("opnpose", ["json", "openpose"], "give one") == "; did you mean 'openpose'? give one"
    assert did_you_mean("zzz", ["json", "openpose"], "give one") == "; give one"
    assert did_you_mean("zzz", ["json"]) == "" and closest_match("GPT", ["gpt"]) == "gpt"
    assert set(quantizers.QUANTIZERS) == {"rvq", "vq", "fsq", "kl"}
