"""Runs that need other runs: found from any folder, refused once the other was trained again."""

import json
import os
import shutil

import gpt_run
import pytest
from saved_runs import save

from signjax.errors import ConfigError, StorageError
from signjax.inference.load import load
from signjax.io.digest import digest_variables
from signjax.tasks.registry import make_task
from signjax.text import tokenizer
from signjax.training import checkpoint, dependencies, loop, run_config

FAMILIES = {"gpt": ("tokenizer", {}), "flow": ("autoencoder", {"quantizer.kind": "kl"})}


@pytest.fixture(params=FAMILIES)
def built(request, tmp_path, monkeypatch):
    """(the field, home, config) of home/runs/mine, which was built on runs/other."""
    field, changes = FAMILIES[request.param]
    home = tmp_path / "home"
    (home / "runs/mine").mkdir(parents=True)
    monkeypatch.chdir(home)
    save(home / "runs/other", gpt_run.get_config("vqvae", **gpt_run.TOKENIZER, **changes), 1, 0.5)
    variables, _ = checkpoint.load_variables("runs/other")
    c = gpt_run.get_config(request.param, **{field: "runs/other"})
    dependencies.record_dependency("runs/mine", field, "runs/other", variables)
    tokenizer.fit_tokenizer(["hello"], 1).save("runs/mine/text.json")
    save(home / "runs/mine", c, 1, 1.0)
    return field, home, c


def test_a_run_is_used_from_any_folder_and_moves_with_its_home(built, tmp_path, monkeypatch):
    _, home, _ = built
    assert load("runs/mine").text_encoder.size > 5
    monkeypatch.chdir(tmp_path)
    assert load("home/runs/mine").text_encoder.size > 5
    (tmp_path / "link").symlink_to(home / "runs/mine")
    assert load("link").text_encoder.size > 5
    shutil.move(home, tmp_path / "moved")
    assert load(tmp_path / "moved/runs/mine").text_encoder.size > 5
    shutil.move(tmp_path / "moved/runs/mine", tmp_path / "mine")
    with pytest.raises(StorageError, match=r"mine: needs the .*'other'"):
        load("mine")
    monkeypatch.chdir(tmp_path / "moved")
    assert load("../mine").text_encoder.size > 5, "the config's own path is tried, too"


def test_another_run_is_refused_with_both_digests(built):
    field, home, c = built
    before = json.loads((home / f"runs/mine/{field}.json").read_text())["digest"]
    save(home / "runs/other", run_config.load_config("runs/other/config.json"), 2, 0.25)
    now = digest_variables(checkpoint.load_variables("runs/other")[0])
    for use in (lambda: load("runs/mine"), lambda: loop.train(c, "runs/mine", make_task)):
        with pytest.raises(ConfigError, match=rf"^{field}: .*mine was trained with {before}.* is {now}"):
            use()


@pytest.mark.parametrize("left", ["nothing", "an empty folder", "a config"])
def test_a_run_copied_alone_names_what_it_needs(left, built, tmp_path, monkeypatch):
    field, home, c = built
    digest = json.loads((home / f"runs/mine/{field}.json").read_text())["digest"]
    shutil.copytree(home / "runs/mine", tmp_path / "copy/runs/mine")
    monkeypatch.chdir(tmp_path / "copy")
    other = tmp_path / "copy/runs/other"
    if left != "nothing":
        other.mkdir()
    if left == "a config":
        shutil.copy(home / "runs/other/config.json", other)
    for use in (lambda: load("runs/mine"), lambda: loop.train(c, "runs/mine", make_task)):
        with pytest.raises(StorageError, match=rf"needs the {field} .*'other' of digest {digest}") as error:
            use()
        message = str(error.value)
        assert "runs/other; put that folder there, or name it" in message and "train one" not in message
    shutil.rmtree(other, ignore_errors=True)
    # As the message says: put there, or named in the config.
    shutil.copytree(home / "runs/other", tmp_path / "elsewhere")
    path = tmp_path / "copy/runs/mine/config.json"
    path.write_text(path.read_text().replace("runs/other", "../elsewhere"))
    assert load("runs/mine").text_encoder.size > 5


def test_a_run_is_resumed_with_the_recorded_one_if_that_of_the_config_is_not_there(built):
    field, _, c = built
    assert dependencies.find_to_train_on("runs/mine", field, c[field]) == "runs/other"
    recorded = dependencies.find_to_train_on("runs/mine", field, "runs/gone")
    assert os.path.samefile(recorded, "runs/other")
    assert dependencies.find_to_train_on("runs/new", field, "runs/gone") == "runs/gone"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"folder": "x"}', None])
def test_a_damaged_note_is_one_line(content, built):
    field, home, _ = built
    path = home / f"runs/mine/{field}.json"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(StorageError, match=rf"{field}\.json: cannot be read"):
        load("runs/mine")
