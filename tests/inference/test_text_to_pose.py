"""Clips of runs with the tokens they were decoded from, and the pages that show them."""

import json
import re

import numpy as np
import pytest

from signjax.data import load
from signjax.inference.load import load as load_run
from signjax.pose.clip import Clip, Tokens
from signjax.pose.normalization import DEFAULT, from_canonical
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


def test_one_text_gives_a_clip_and_several_a_list(run):
    one, several = run.generate(TEXTS[0]), run.generate(TEXTS, num=2)
    assert isinstance(one, Clip) and [clip.text for clip in several] == [TEXTS[0]] * 2 + [TEXTS[1]] * 2
    np.testing.assert_allclose(one.points, several[0].points, atol=1e-5)
    assert not np.array_equal(several[0].tokens.codes, several[1].tokens.codes), "each is drawn apart"
    yielded = [pair for places, clips in run.generate_batches(TEXTS, num=2, batch_size=3)
               for pair in zip(places.tolist(), clips, strict=True)]  # fmt: skip
    assert sorted(place for place, _ in yielded) == [0, 1, 2, 3]
    for place, clip in yielded:
        np.testing.assert_array_equal(clip.tokens.codes, several[place].tokens.codes)


def test_clips_lie_where_recorded_ones_do_or_in_canonical_space(run):
    placed, canonical = run.generate(TEXTS[0]), run.generate(TEXTS[0], canonical=True)
    assert placed.placement is DEFAULT and placed.fps == canonical.fps == 25
    assert np.array_equal(placed.points, from_canonical(canonical.points, DEFAULT))
    assert canonical.canonical() is canonical.points


def test_chosen_clips_are_reconstructed_as_all_are(run):
    dataset = load.load_configured_split(run.config.data, "train")
    some = [dataset[7], dataset[2]]
    every = run.codec.reconstruct(dataset, canonical=True)
    for clip, i in zip(run.codec.reconstruct(some, canonical=True), (7, 2), strict=True):
        np.testing.assert_allclose(clip.points, every[i].points, atol=1e-5)
        assert len(clip.tokens.codes) == -(-len(clip) // 4) and clip.sid == dataset.sids[i]


def test_a_continuous_tokenizer_has_no_tokens(tiny_families, tiny_runs):
    del tiny_families  # which trains it
    codec = load_run(tiny_runs / "runs/kl")
    recorded = load.load_configured_split(codec.config.data, "dev")[0]
    [clip] = codec.reconstruct([recorded])
    assert clip.tokens is None and not codec.has_tokens and len(clip) == len(recorded)
    # It lies where the recorded one does, in its unit.
    np.testing.assert_array_equal(clip.placement.origin, recorded.placement.origin)
    assert np.abs(clip.points - recorded.points).max() < 10 * recorded.placement.scale


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
