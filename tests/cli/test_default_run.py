"""The run that a command uses by default: somebody's own before the one that comes with signjax."""

import pytest

from signjax.cli.default_run import find_default_run
from signjax.errors import StorageError
from signjax.inference import hub
from signjax.io import model_file


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working folder; the model that comes with signjax would be in "shipped"."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "_DEMO_FOLDER", tmp_path / "shipped")
    return tmp_path


def add_run(path):
    path.mkdir(parents=True)
    (path / model_file.FILE).touch()


def test_an_own_run_wins(folder, capsys):
    assert find_default_run() == "runs/gpt"  # whose error names the command that trains it
    assert capsys.readouterr() == ("", "")
    for place, chosen in (
        ("shipped", "demo"),
        ("runs/gpt-quick", "runs/gpt-quick"),
        ("runs/gpt", "runs/gpt"),
    ):
        add_run(folder / place)
        assert find_default_run() == chosen
        out, err = capsys.readouterr()
        # On stdout it would be among the JSON lines of --stream.
        assert out == "" and err.count("\n") == (chosen != "runs/gpt")
        assert chosen == "runs/gpt" or "No trained model in runs/gpt; using " in err


def test_without_a_model_the_name_is_one_line(folder):
    with pytest.raises(StorageError, match=r"^demo: no model came with this checkout; .*reproduce\.sh"):
        hub.find_run("demo")
