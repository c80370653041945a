"""Configs by name and by path, with changes of fields: what is found, set and refused."""

import pathlib

import ml_collections
import pytest
from paths import ROOT

import signjax
from signjax.cli import config_options
from signjax.errors import ConfigError
from signjax.training import config_fields, configs, run_config

OWN = """
import ml_collections

def get_config(variant="plain"):
    return ml_collections.ConfigDict({"task": "own", "variant": variant, "optim": {"lr": 0.1}})
"""


def test_a_name_and_a_path_are_the_same_config(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    by_path = signjax.get_config("configs/gpt.py:quick")
    assert signjax.get_config("gpt:quick").to_json() == by_path.to_json()
    monkeypatch.chdir(tmp_path)
    assert signjax.get_config("gpt:quick").to_json() == by_path.to_json()
    assert signjax.get_config(f"{ROOT}/configs/gpt.py:quick").to_json() == by_path.to_json()
    assert run_config.get_default_workdir("gpt:quick") == run_config.get_default_workdir(
        "configs/gpt.py:quick"
    )


def test_files_of_ones_own(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("own.py").write_text(OWN)
    pathlib.Path("configs").mkdir()
    pathlib.Path("configs/mine.py").write_text(OWN)
    assert signjax.get_config("own.py").variant == "plain"
    assert signjax.get_config(f"{tmp_path}/own.py:a,b").variant == "a,b"
    assert signjax.get_config("mine:c").variant == "c"
    assert {
        "mine",
        "gpt",
        "vqvae",
    } <= configs.list_configs().keys() and "common" not in configs.list_configs()
    assert (
        run_config.format_train_command("runs/mine-c") == "python -m signjax.main --config=configs/mine.py:c"
    )
    assert run_config.format_train_command("runs/gpt-quick") == "python -m signjax.main --config=gpt:quick"
    pathlib.Path("configs/gpt.py").write_text(OWN)
    assert signjax.get_config("gpt").task == "own", "a project's own config goes first"


def test_changes_have_the_type_of_the_field():
    c = signjax.get_config(
        "gpt",
        **{"data.name": "mine", "optim.lr": 1, "num_steps": "7", "mesh.shape": [2, 4], "model.remat": True},
    )
    assert (c.data.name, c.optim.lr, c.num_steps, c.mesh.shape) == ("mine", 1.0, 7, (2, 4))
    assert isinstance(c.optim.lr, float) and c.model.remat is True
    assert signjax.get_config("gpt", **{"mesh.axes": "('data', 'x')"}).mesh.axes == ("data", "x")
    assert signjax.get_config("gpt", **{"model.remat": "True"}).model.remat is True
    assert signjax.get_config("gpt").num_steps == 6500, "one call does not change another's config"
    c.optim.lr = 2e-3
    with pytest.raises(AttributeError, match="locked"):
        c.optim.rl = 2e-3  # no field: the config is locked


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"optim.rl": 1}, "gpt has no field 'optim.rl'; did you mean 'optim.lr'?"),
        ({"optim": 1}, "optim is a group of fields; set one of them: optim.b2, optim.clip, "),
        ({"num_steps": 1.5}, "num_steps=1.5: give a whole number"),
        ({"num_steps": True}, "num_steps=True: give a whole number"),
        ({"num_steps": "1.5"}, "num_steps=1.5: invalid literal for int"),
        ({"optim.lr": "fast"}, "optim.lr=fast: could not convert"),
        ({"optim.lr": None}, "optim.lr=None: give a number"),
        ({"data.name": 5}, "data.name=5: give a text"),
        ({"model.remat": 1}, "model.remat=1: give true or false"),
        ({"model.remat": "maybe"}, "model.remat=maybe: give true or false"),
        ({"mesh.shape": "__import__('os')"}, "mesh.shape=__import__"),
    ],
)
def test_wrong_changes_are_one_line(changes, message):
    with pytest.raises(ConfigError) as error:
        signjax.get_config("gpt", **changes)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content, message",
    [
        ("def get_config(): return {}", "get_config returns dict; it must return"),
        ("x = 1", "get_config is missing"),
        ("def get_config(:", "SyntaxError in line"),
        ("def get_config():\n    return 1 / 0", "ZeroDivisionError in line 2 of bad.py: division by zero"),
        ("import nothing_of_this_name", "ModuleNotFoundError in line 1 of bad.py"),
    ],
)
def test_files_that_are_no_configs(content, message, tmp_path):
    (tmp_path / "bad.py").write_text(content)
    with pytest.raises(ConfigError) as error:
        signjax.get_config(f"{tmp_path}/bad.py")
    assert str(error.value).startswith(f"{tmp_path}/bad.py: ") and message in str(error.value)


@pytest.mark.parametrize(
    "spec, message",
    [
        ("vqvee", "vqvee: no such config; did you mean vqvae? there are: ae2d, "),
        ("vqvae:fqs", "did you mean 'fsq'?"),
        ("ae2d:x", "configs/ae2d.py has no variants; 'x' was given"),
        ("common", "common: no such config"),
        ("nowhere/gpt.py", "nowhere/gpt.py: no such config; did you mean gpt?"),
    ],
)
def test_configs_that_are_not_there(spec, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as error:
        signjax.get_config(spec)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_words_of_a_command_line():
    words = [
        "--config=gpt:quick",
        "--workdir=x",
        "-config.seed=3",
        "--config.data.name",
        "mine",
        "--wandb",
        "p",
    ]
    spec, changes, others = config_options.split_words(words)
    assert spec == "gpt:quick" and changes == [("seed", "3"), ("data.name", "mine")]
    assert others == ["--workdir=x", "--wandb", "p"]
    assert config_options.split_words(["--config", "gpt", "--configs=x"]) == ("gpt", [], ["--configs=x"])
    assert config_options.split_words(["--config.text.encoder="])[1] == [("text.encoder", "")]


def test_groups_without_fields_are_values():
    config = ml_collections.ConfigDict({"a": {"b": {}, "c": (1, (2,))}})
    flat = config_fields.flatten_fields(config)
    assert list(flat) == ["a.b", "a.c"] and flat["a.c"] == (1, (2,))
    assert config_fields.convert_to_tuples({"x": [1, [2, {"y": [3]}]]}) == {"x": (1, (2, {"y": (3,)}))}
