"""The frame rate of the training data: kept with a run, and that of all that the run makes."""

import json
import shutil

import gpt_run
import numpy as np
import pytest
from packed_sets import recording

from signjax.cli import sample_output
from signjax.data import dataset_writer, frame_rates
from signjax.errors import ConfigError, StorageError
from signjax.export import hub_folder, model_card
from signjax.inference.load import load
from signjax.pose.clip import Clip
from signjax.tasks.registry import make_task
from signjax.training import checkpoint, data_rate


@pytest.fixture
def runs(old_runs, tmp_path):
    shutil.copytree(old_runs, tmp_path / "runs")
    return tmp_path / "runs"


def write_rate(run, fps):
    (run / data_rate.FILE).write_bytes(frame_rates.format_rate_file(fps))


def decode_zeros(run):
    """The clip of two tokens."""
    [clip] = run.codec.decode([np.zeros((2, len(run.codec.columns)), int)])
    return clip


@pytest.mark.parametrize(
    "rates,expected", [((None, None), 25), ((50, None), 50), ((None, 30), 30), ((25, 60), 60)]
)
def test_the_data_of_a_generator_decide(runs, rates, expected):
    for name, fps in zip(("vqvae", "gpt"), rates, strict=True):
        if fps:
            write_rate(runs / name, fps)
    run = load(runs / "gpt")
    assert run.codec.fps == expected and decode_zeros(run).fps == expected
    assert load(runs / "vqvae").fps == (rates[0] or 25)
    assert f"{expected} frames a second" in model_card.format_card(runs / "gpt", "a", "other", run)


def test_a_shared_run_keeps_its_rate(runs):
    write_rate(runs / "gpt", 50)
    write_rate(runs / "vqvae", 25)
    hub_folder.write_hub_folder(runs / "gpt", runs / "shared")
    assert load(runs / "shared").codec.fps == 50 and load(runs / "shared/tokenizer").fps == 25


def test_a_stream_has_the_rate(runs, capsys):
    write_rate(runs / "gpt", 50)
    run = load(runs / "gpt")

    class Streaming:
        can_stream, codec = True, run.codec

        @staticmethod
        def stream(text, seed):
            yield decode_zeros(run)

    sample_output.print_frames(Streaming, ["a"], 1, 0, {})
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 8 and {line["fps"] for line in lines} == {50.0}


def test_training_keeps_the_rate_of_its_data(tmp_path):
    for split, count in (("train", 4), ("dev", 1)):
        for k in range(count):
            clip = Clip(recording(k, 40), fps=50, text="a")
            dataset_writer.write_clip(tmp_path / "data/set" / split / f"clip_{k}", clip)
    data = {"data.root": str(tmp_path / "data"), "data.name": "set"}
    make_task(gpt_run.get_config("vqvae", **data), tmp_path)
    assert data_rate.read_rate(tmp_path) == 50


def test_a_run_is_resumed_at_its_rate_only(tmp_path, monkeypatch):
    data_rate.record_rate(tmp_path, 50.0)
    data_rate.record_rate(tmp_path, 30.0)
    assert data_rate.read_rate(tmp_path) == 30, "nothing was trained on the first"
    monkeypatch.setattr(checkpoint, "find_last_step", lambda workdir, which: 7)
    data_rate.record_rate(tmp_path, None)
    assert data_rate.read_rate(tmp_path) == 30
    with pytest.raises(ConfigError, match="was trained on 30 frames a second, and the data have 25 now"):
        data_rate.record_rate(tmp_path, 25.0)
    monkeypatch.setattr(checkpoint, "find_last_step", lambda workdir, which: None)
    data_rate.record_rate(tmp_path, None)
    assert data_rate.read_rate(tmp_path) is None


@pytest.mark.parametrize("content", ["[]", "{", '{"fps": 0}', '{"fps": [25]}', '{"fps": "fast"}'])
def test_a_corrupt_rate_is_named(tmp_path, content):
    (tmp_path / data_rate.FILE).write_text(content)
    with pytest.raises(StorageError, match=r"data_rate\.json"):
        data_rate.read_rate(tmp_path)
