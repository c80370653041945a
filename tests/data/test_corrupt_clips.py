"""Clips that cannot be used: left out and named up to one in a hundred, and then nothing is trained."""

import json
import re

import pytest
from fuzz_cases import hush, write_clip

from signjax.data import pack_writer
from signjax.data.load import load_split
from signjax.errors import DataError
from signjax.tools import pack as pack_command


def cut(text):
    return text[:-50]


def no_number(text):
    return re.sub(r"(2d.:\[)[^,]+", r"\g<1>NaN", text, count=1)


def too_large(text):
    return re.sub(r"(2d.:\[)[^,]+", r"\g<1>1e999", text, count=1)


def no_frames(text):
    return json.dumps(json.loads(text) | {"poses": [], "num_frames": 0})


def joint_missing(text):
    return re.sub(r"(2d.:\[)[^,]+,[^,]+,[^,]+,", r"\1", text, count=1)


KINDS = {
    cut: "not valid JSON",
    no_number: "holds NaN",
    too_large: "infinite",
    no_frames: "0 frames",
    joint_missing: "has 21 numbers, not 24",
}


@pytest.fixture
def root(tmp_path):
    """Twelve clips of which one is corrupt in each way, one has no pose and one no text."""
    for k in range(12):
        write_clip(tmp_path / f"set/train/{k:02}", 1)
    for k, damage in enumerate(KINDS):
        path = tmp_path / f"set/train/{k:02}/pose.json"
        path.write_text(damage(path.read_text()))
    (tmp_path / "set/train/10/pose.json").unlink()
    (tmp_path / "set/train/11/text.txt").unlink()
    return tmp_path


def test_each_bad_clip_is_named_with_its_reason_and_left_out(root, monkeypatch, capsys):
    monkeypatch.setattr(pack_writer, "MAX_BROKEN", 0.5)  # five of the ten that are whole
    assert pack_command.main(["--root", str(root), "--name", "set"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "5 clips, 5 frames" in lines[0] and "7 clips left out" in lines[0]
    dataset = load_split(root, "set", "train", on_message=hush)
    assert dataset.sids == tuple(f"{k:02}" for k in range(5, 10))
    reasons = dict(dataset.broken)
    for k, words in enumerate(KINDS.values()):
        assert words in reasons[f"{k:02}"]
    assert reasons["10"] == "pose.json: No such file or directory"
    assert reasons["11"] == "text.txt: No such file or directory"
    assert [line.split(":")[0] for line in lines[1:8]] == [f"  left out {sid}" for sid in sorted(reasons)]


def test_too_many_stop_training_and_all_can_be_seen(root, monkeypatch, capsys):
    monkeypatch.setattr(pack_writer, "MAX_BROKEN", 0.49)
    monkeypatch.setattr(pack_writer, "MAX_NAMED", 2)
    with pytest.raises(DataError, match=r"5 of 10 clips are broken.*00: pose.json: .*; python") as refused:
        load_split(root, "set", "train", on_message=hush)
    assert f"signjax.tools.pack --root {root} --name set lists all" in str(refused.value)
    assert refused.value.exit_code == 21 and "02:" not in str(refused.value)
    assert pack_command.main(["--root", str(root), "--name", "set"]) == 21
    out, err = capsys.readouterr()
    assert err.count("\n") == 1 and err.startswith("error: ")
    assert len([line for line in out.splitlines() if line.startswith("  left out ")]) == 7


def test_a_clip_without_its_file_is_not_corrupt(tmp_path):
    """Data sets lack files here and there: those clips are named, and however many do not stop a training."""
    for k in range(3):
        write_clip(tmp_path / f"set/train/{k}", 1)
        (tmp_path / f"set/train/{k}/pose.json").unlink(missing_ok=k > 0)
    (tmp_path / "set/train/empty").mkdir()
    write_clip(tmp_path / "set/train/whole", 1)
    messages = []
    dataset = load_split(tmp_path, "set", "train", on_message=messages.append)
    assert dataset.sids == ("whole",) and [sid for sid, _ in dataset.broken] == ["0", "1", "2", "empty"]
    assert sum("No such file" in line for line in messages) == 4
    (tmp_path / "set/train/whole/pose.json").unlink()
    with pytest.raises(DataError, match=r"5 of 5 clips are broken, so that none is left.*No such file"):
        load_split(tmp_path, "set", "train", on_message=messages.append)
