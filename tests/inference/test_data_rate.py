"""The frame rate of the training data: kept with a run, and that of all that the run makes."""

import dataclasses
import json
import shutil

import gpt_run
import numpy as np
import pytest
from packed_sets import recording
from tokenizer_helpers import tiny_config
from translator_helpers import MODEL, WORDS, clip

from signjax.cli import sample_output
from signjax.data import dataset_writer, frame_rates
from signjax.data.load import load_split
from signjax.errors import ConfigError, SignjaxWarning, StorageError
from signjax.export import hub_folder, model_card
from signjax.inference import ctc_attention_decoding, pose_to_text
from signjax.inference.load import load
from signjax.inference.pose_autoencoder import PoseAutoencoder
from signjax.pose.clip import Clip
from signjax.pose.normalization import CANONICAL
from signjax.pose.resampling import resample_clip
from signjax.tasks import flow, token_run, training_rows
from signjax.tasks.registry import make_task
from signjax.training import data_rate, saved_steps


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

    sample_output.print_frames(Streaming, ["a"], 1, 0, {}, False)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 8 and {line["fps"] for line in lines} == {50.0}


def test_training_keeps_the_rate_of_its_data(tmp_path):
    write_clips(tmp_path / "data", 50, train=4, dev=1)
    data = {"data.root": str(tmp_path / "data"), "data.name": "set"}
    for task in ("vqvae", "backtranslate"):
        make_task(gpt_run.get_config(task, **data), tmp_path / task)
        assert data_rate.read_rate(tmp_path / task) == 50


def test_a_run_is_resumed_at_its_rate_only(tmp_path, monkeypatch):
    data_rate.record_rate(tmp_path, 50.0)
    data_rate.record_rate(tmp_path, 30.0)
    assert data_rate.read_rate(tmp_path) == 30, "nothing was trained on the first"
    monkeypatch.setattr(saved_steps, "find_last_step", lambda workdir, which: 7)
    data_rate.record_rate(tmp_path, None)
    assert data_rate.read_rate(tmp_path) == 30
    with pytest.raises(ConfigError, match="was trained on 30 frames a second, and the data have 25 now"):
        data_rate.record_rate(tmp_path, 25.0)
    monkeypatch.setattr(saved_steps, "find_last_step", lambda workdir, which: None)
    data_rate.record_rate(tmp_path, None)
    assert data_rate.read_rate(tmp_path) is None


@pytest.mark.parametrize("content", ["[]", "{", '{"fps": 0}', '{"fps": [25]}', '{"fps": "fast"}'])
def test_a_corrupt_rate_is_named(tmp_path, content):
    (tmp_path / data_rate.FILE).write_text(content)
    with pytest.raises(StorageError, match=r"data_rate\.json"):
        data_rate.read_rate(tmp_path)


def repeat_frames(variables, codes, mask):
    return codes.repeat(2, axis=1).reshape(*mask.shape[:1], -1, 50, 3)


def make_codec(rate):
    """A codec whose latents are every second frame."""

    def encode(variables, pose, mask):
        return pose[:, ::2].reshape(len(pose), -1, 150)

    return PoseAutoencoder(tiny_config("kl"), {}, 2, encode, repeat_frames, rate=rate)


def record(fps, seconds=1.0, seed=0):
    """A clip of slow motion."""
    times = np.arange(round(seconds * fps)) / fps
    sway = np.sin(4 * times[:, None, None] + np.arange(50)[:, None])
    return Clip(clip(1, seed) + 0.1 * sway, fps=fps, placement=CANONICAL)


def test_clips_are_encoded_at_the_rate_of_the_training_data():
    clips = [record(50), record(25), dataclasses.replace(record(50), fps=None), record(24.9)]
    sequences = make_codec(25.0).encode(clips)
    [expected] = make_codec(25.0).encode([resample_clip(clips[0], 25.0)])
    np.testing.assert_array_equal(sequences[0], expected)
    assert [len(sequence) for sequence in sequences] == [13, 13, 25, 13]
    assert [len(sequence) for sequence in make_codec(None).encode(clips)] == [25, 13, 25, 13], "as in 0.1"


@pytest.mark.parametrize("fps", [24, 50, 60])
def test_reconstructions_keep_length_rate_and_pace(fps):
    original = record(fps, 1.5)
    [again] = make_codec(25.0).reconstruct([original], canonical=True)
    assert len(again) == len(original) and again.fps == fps
    # Frames that are repeated are late by a frame of the codec.
    assert np.abs(again.points - original.points).max() < 0.1 * 4 * 2 / 25


def test_translations_are_of_clips_at_the_rate_of_the_training_data(monkeypatch):
    lengths = []

    def decode_texts(model, variables, pose, mask, share):
        lengths.extend(np.asarray(mask).sum(1).tolist())
        return np.zeros((len(pose), 1), int)

    monkeypatch.setattr(ctc_attention_decoding, "decode_texts", decode_texts)
    config = gpt_run.get_config("backtranslate")
    for rate, expected in ((25.0, 25), (None, 50)):
        run = pose_to_text.PoseToText(config, {}, MODEL, WORDS, rate)
        run.translate([record(50)])
        assert lengths.pop() == expected


def write_clips(root, fps, **splits):
    for split, count in splits.items():
        for k in range(count):
            one = Clip(recording(k, 40), fps=fps, text="a")
            dataset_writer.write_clip(root / "set" / split / f"clip_{k}", one)


def test_a_data_set_of_another_rate_is_warned_of(tmp_path):
    write_clips(tmp_path, 50, dev=1)
    dev = load_split(tmp_path, "set", "dev")
    expected = "set/dev has 50 frames a second, and the model was trained on 25: .* --name set --resample 25"
    with pytest.warns(SignjaxWarning, match=expected):
        assert len(make_codec(25.0).encode(dev)[0]) == 20
    for rate in (None, 50.0, 49.9):
        assert frame_rates.compare_rates("a", 50.0, "b", rate, "c") == ""


@pytest.mark.parametrize("family", ["gpt", "flow"])
def test_training_on_data_of_another_rate_than_the_codec_is_warned_of(tmp_path, family, monkeypatch):
    class Stop(Exception):
        pass

    def stop(*args):
        raise Stop

    write_clips(tmp_path / "data", 50, train=4, dev=1)
    codec = make_codec(25.0)
    monkeypatch.setattr(token_run, "load_codec", lambda folder: codec)
    monkeypatch.setattr(flow, "load_autoencoder", lambda folder: codec)
    monkeypatch.setattr(training_rows.text_encoder, "prepare_text_encoder", stop)
    monkeypatch.setattr(token_run.dependencies, "record_dependency", lambda *args: None)
    field = "tokenizer" if family == "gpt" else "autoencoder"
    data = {"data.root": str(tmp_path / "data"), "data.name": "set", field: "runs/mine"}
    expected = "50 frames a second, and runs/mine was trained on 25: .* again"
    with pytest.warns(SignjaxWarning, match=expected), pytest.raises(Stop):
        make_task(gpt_run.get_config(family, **data), tmp_path)
