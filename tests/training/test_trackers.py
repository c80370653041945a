"""wandb and TensorBoard: what they are given, one axis over resumes, and faults that end no training."""

import json
import sys

import pytest
from engine_helpers import rows, toy

from signjax.errors import ConfigError, SignjaxWarning
from signjax.tasks.registry import make_task
from signjax.training import loop, trackers

pytestmark = pytest.mark.usefixtures("compile_quickly")

STAND_IN = """
import json, pathlib
CALLS = pathlib.Path(__file__).with_name("calls")

def _told(what, **more):
    with CALLS.open("a") as file:
        file.write(json.dumps([what, more]) + "\\n")
    fault = CALLS.with_name("fault")
    if fault.exists() and fault.read_text() == what:
        raise RuntimeError("the network is down\\nand more")

def Settings(**more):
    return more

class init:
    def __init__(self, **more):
        _told("init", **more)
    def define_metric(self, name, **more):
        _told("define", name=name, **more)
    def log(self, row):
        _told("log", **row)
    def finish(self):
        _told("finish")
"""


@pytest.fixture
def wandb(tmp_path, monkeypatch):
    """A folder with a `wandb` that writes what it is told into `calls`; it fails at what `fault` says."""
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / "wandb.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    yield folder
    sys.modules.pop("wandb", None)


def calls_of(folder):
    return [json.loads(line) for line in (folder / "calls").read_text().splitlines()]


def test_a_resumed_run_has_one_id_and_one_axis(wandb, tmp_path):
    run = tmp_path / "run"
    assert loop.train(toy(num_steps=10), run, make_task, wandb_project="mine").finished
    assert loop.train(toy(num_steps=20), run, make_task, wandb_project="mine").finished
    calls = calls_of(wandb)
    starts = [more for what, more in calls if what == "init"]
    assert len(starts) == 2 and len({start["id"] for start in starts}) == 1
    assert all(s["mode"] == "offline" and s["resume"] == "allow" and s["project"] == "mine" for s in starts)
    assert starts[0]["dir"] == str(run) and starts[1]["config"]["num_steps"] == 20
    assert [more for what, more in calls if what == "define"] == [{"name": "*", "step_metric": "step"}] * 2
    logged = [more for what, more in calls if what == "log"]
    shown = [{name: float(value).hex() for name, value in row.items()} for row in logged]
    assert shown == rows(run) and len(shown) > 3
    assert [what for what, _ in calls].count("finish") == 2 and calls[-1][0] == "finish"


def test_only_who_asks_gets_it(wandb, tmp_path):
    assert loop.train(toy(num_steps=5), tmp_path / "run", make_task).finished
    assert not (wandb / "calls").exists() and not (tmp_path / "run" / trackers.ID).exists()


@pytest.mark.parametrize("fault", ["init", "log", "finish"])
def test_a_fault_ends_no_training(wandb, tmp_path, capsys, fault):
    (wandb / "fault").write_text(fault)
    with pytest.warns(SignjaxWarning) as warned:
        assert loop.train(toy(num_steps=10), tmp_path / "run", make_task, wandb_project="mine").finished
    out, err = capsys.readouterr()
    lines = [str(warning.message) for warning in warned if warning.category is SignjaxWarning]
    assert lines == ["wandb is not used any more (the network is down)"] and not err and "not used" not in out
    assert [what for what, _ in calls_of(wandb)].count(fault) == 1
    assert loop.train(toy(num_steps=10), tmp_path / "alone", make_task).finished
    assert rows(tmp_path / "run") == rows(tmp_path / "alone")


def test_without_wandb_a_line_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(trackers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install -e '\.\[wandb\]'"):
        loop.train(toy(num_steps=5), tmp_path / "run", make_task, wandb_project="mine")
    assert not (tmp_path / "run/config.json").exists()
    assert loop.train(toy(num_steps=5), tmp_path / "run", make_task).finished
    assert not (tmp_path / "run/tensorboard").exists()


def test_a_damaged_id_is_made_anew(tmp_path):
    path = tmp_path / trackers.ID
    first = trackers._get_run_id(path)
    assert trackers._get_run_id(path) == first
    path.write_bytes(b"\xff../../elsewhere")
    assert trackers._get_run_id(path) != first and len(trackers._get_run_id(path)) == 16


def test_tensorboard_that_fails_is_left_out(tmp_path, monkeypatch, capsys):
    pytest.importorskip("tensorboardX")
    whole = trackers.append_bytes

    def full(path, data):
        if "tfevents" in path.name and path.exists():
            raise OSError(28, "No space left on device")
        whole(path, data)

    monkeypatch.setattr(trackers, "append_bytes", full)
    with pytest.warns(SignjaxWarning, match=r"^TensorBoard is not used any more \(No space"):
        assert loop.train(toy(num_steps=10), tmp_path / "run", make_task).finished
    assert capsys.readouterr() == ("", "")
    assert len(rows(tmp_path / "run")) > 3


def test_the_real_wandb_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    for num_steps in (5, 10):
        assert loop.train(
            toy(num_steps=num_steps), tmp_path / "run", make_task, wandb_project="mine"
        ).finished
    parts = list((tmp_path / "run/wandb").glob("offline-run-*/run-*.wandb"))
    assert len({part.name for part in parts}) == 1 and len(parts) >= 1
    assert (tmp_path / "run" / trackers.ID).read_text() in parts[0].name
    assert sum(part.stat().st_size for part in parts) > 100
