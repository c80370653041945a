"""Clips of runs with the tokens they were decoded from, and the pages that show them."""

import json
import re

import numpy as np
import pytest

from signjax.data import load, packed_dataset
from signjax.data.clip_list import select_clips
from signjax.inference.load import load as load_run
from signjax.pose.clip import Tokens
from signjax.tools import viz

pytestmark = pytest.mark.usefixtures("compile_quickly")
TEXTS = ["hello", "my friend is happy"]


@pytest.fixture(scope="module")
def run(tiny_runs):
    """The tiny GPT."""
    return load_run(tiny_runs / "runs/gpt")


def test_tokens_are_those_of_the_clip(run):
    clips, codes = run.generate(TEXTS, canonical=True), run.generate_tokens(TEXTS)
    for clip, own, text in zip(clips, codes, TEXTS, strict=True):
        np.testing.assert_array_equal(clip.tokens.codes, own)
        np.testing.assert_array_equal(run.tokenizer.decode([own], canonical=True)[0].points, clip.points)
        assert clip.tokens.stride == 4 and clip.tokens.names == ("whole",) * 2 and clip.text == text


def test_chosen_clips_are_reconstructed_as_all_are(run):
    dataset = load.load(run.config.data, "train")
    some = select_clips(dataset, [7, 2])
    assert isinstance(some, packed_dataset.Pack) and some.sids == (dataset.sids[7], dataset.sids[2])
    every = run.codec.reconstruct(dataset, canonical=True)
    for clip, i in zip(run.codec.reconstruct(some, canonical=True), (7, 2), strict=True):
        np.testing.assert_allclose(clip.points, every[i].points, atol=1e-5)
        assert len(clip.tokens.codes) == -(-len(clip) // 4) and clip.sid == dataset.sids[i]


def test_a_continuous_tokenizer_has_no_tokens(tiny_families, tiny_runs):
    del tiny_families  # which trains it
    codec = load_run(tiny_runs / "runs/kl")
    dataset = select_clips(load.load(codec.config.data, "dev"), [0])
    [clip] = codec.reconstruct(dataset)
    assert clip.tokens is None and not codec.has_tokens and len(clip) == dataset.lengths[0]


def data_of(path):
    [data] = re.findall(r'id="data">(.*?)</script>', path.read_text(encoding="utf-8"))
    return json.loads(data)


def test_a_page_of_a_run(tiny_runs, tmp_path, capsys):
    run = str(tiny_runs / "runs/gpt")
    assert viz.main(["samples", run, "--split", "dev", "--num", "2", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "run_gpt_dev.html")]
    clips = data_of(tmp_path / "run_gpt_dev.html")["clips"]
    assert len(clips) == 2
    for clip in clips:
        titles = [panel["title"] for panel in clip["panels"]]
        assert titles == ["ground truth", "reconstruction", "generated"]
        assert [panel["tokens"] is None for panel in clip["panels"]] == [True, False, False]
    assert viz.main(["samples", str(tmp_path), "--out", str(tmp_path)]) == 22
    assert "config.json" in capsys.readouterr().err


@pytest.mark.parametrize("change, fault", [
    ({}, None),
    ({"codes": np.zeros((4, 2), int)}, "do not make"),
    ({"codes": np.zeros((3, 2))}, "do not make"),
    ({"stride": 0}, "do not make"),
    ({"names": ["arm"]}, "names"),
])  # fmt: skip
def test_tokens_of_a_saved_clip(tmp_path, capsys, change, fault):
    pose = np.random.default_rng(0).normal(size=(12, 50, 3)).astype(np.float32)
    tokens = {"codes": np.arange(6).reshape(3, 2), "stride": 4, "names": ["arm", "hand"]}
    np.savez(tmp_path / "a.npz", pose=pose, text="hello", **(tokens | change))
    code = viz.main(["samples", str(tmp_path / "a.npz"), "--out", str(tmp_path)])
    err = capsys.readouterr().err
    if fault:
        assert code == 21 and fault in err and err.count("\n") == 1
    else:
        [[panel]] = [clip["panels"] for clip in data_of(tmp_path / "sample_a.html")["clips"]]
        assert code == 0 and panel["tokens"]["codes"] == [[0, 1], [2, 3], [4, 5]]
        assert Tokens(**panel["tokens"]).stride == 4
