"""Rows of the evaluation: nothing dropped, baselines that are what they say, copies and standstill found."""

import math
import types

import numpy as np
import pytest

from signjax import demo
from signjax.evaluation import baselines, scorecard, tables
from signjax.evaluation import score as score_module
from signjax.metrics import memorization, motion_statistics, score
from signjax.pose.clip import Clip
from signjax.pose.normalization import CANONICAL


def sign(text, seed):
    points = demo.synthesize_pose(text, np.random.default_rng(seed))
    return Clip(points, text=text).move_to()


TEXTS = ["Hello Ada.", "My name is Ben.", "I want water.", "Two red cars.", "Is the coffee hot?", "Goodbye!"]


@pytest.fixture(scope="module")
def truth():
    return [sign(text, k) for k, text in enumerate(TEXTS)]


@pytest.fixture(scope="module")
def train():
    texts = 4 * ["Hello Ben.", "I want bread.", "My name is Co.", "Is the tea hot?", "Two blue cars.", "Bye."]
    return [sign(text, 100 + k) for k, text in enumerate(texts)]


@pytest.fixture(scope="module")
def by(truth, train):
    return scorecard.make_judges(truth, train, readable=True, translator=None)


@pytest.fixture(scope="module")
def mean(train):
    return baselines.compute_mean_pose(train)


def values(row):
    return {name: score.compute_value(s) for scores in row.scores.values() for name, s in scores.items()}


@pytest.mark.extended
def test_clips_without_content_are_counted_and_scored(truth, by, mean):
    """Leaving out what failed must not pay: every bad clip makes WER and distance worse."""
    good = truth
    empty, hidden = Clip(np.zeros((0, 50, 3))), Clip(good[1].points, np.zeros_like(good[1].valid))
    broken, short = Clip(np.full((4, 50, 3), np.nan)), Clip(good[3].points[:1], placement=CANONICAL)
    clips = [empty, hidden, broken, short, *good[4:]]
    motions, counts, silent = scorecard.prepare_clips(clips, mean)
    assert counts == {"empty": 1, "all missing": 2, "one frame": 1}
    assert silent.tolist() == [True] * 3 + [False] * 3
    assert len(motions) == len(clips) and all(len(m) and m.valid.any() for m in motions)
    bad = scorecard.score_row("x", clips, truth, by, mean, 0)
    whole = scorecard.score_row("x", good, truth, by, mean, 0)
    assert all(len(s.statistics) == len(clips) for s in bad.scores["distance"].values())
    assert values(whole)["WER"] == 0 and values(bad)["WER"] > 50
    for name in bad.scores["distance"]:
        assert values(bad)[name] > values(whole)[name] + 0.01, name
    assert bad.counts == counts and any("1 empty, 2 all missing" in line for line in bad.warnings)


def test_recorded_clips_score_perfectly_and_the_baselines_do_not(truth, train, by, mean):
    rows = {scorecard.TRUTH: truth, **baselines.make_baselines(truth, train, truth, 0)}
    scored = {name: scorecard.score_row(name, clips, truth, by, mean, 0) for name, clips in rows.items()}
    best = values(scored[scorecard.TRUTH])
    assert best["WER"] == 0 and not scored[scorecard.TRUTH].warnings
    assert best["FGD"] == pytest.approx(0, abs=1e-6) and best["FGD-half"] > 0
    assert all(best[n] < 1e-3 for n in scored[scorecard.TRUTH].scores["distance"])
    for name in (baselines.MEAN, baselines.RANDOM, baselines.RETRIEVAL, baselines.SHUFFLED):
        worse = values(scored[name])
        assert worse["WER"] > 10 and worse["DTW-MJE"] > 0.1, name
    assert values(scored[baselines.RETRIEVAL])["WER"] < values(scored[baselines.RANDOM])["WER"]
    assert values(scored[baselines.MEAN])["hand travel"] == 0
    assert any("moves much less" in line for line in scored[baselines.MEAN].warnings)
    assert any("copy" in line for line in scored[baselines.RANDOM].warnings)
    assert values(scored[baselines.SHUFFLED])["copies"] == values(scored[scorecard.TRUTH])["copies"]


@pytest.mark.parametrize("rate,count", [(25.0, 1), (50.0, 0), (None, 0)])
def test_a_run_of_another_frame_rate_is_noted(rate, count):
    run = types.SimpleNamespace(run="runs/gpt", codec=types.SimpleNamespace(rate=rate))
    dataset = types.SimpleNamespace(label="set/test", fps=50.0)
    rows = {scorecard.TRUTH: types.SimpleNamespace(warnings=[])}
    notes = score_module._list_notes(run, dataset, rows, [])
    assert len(notes) == count and all("runs/gpt was trained on 25" in note for note in notes)


@pytest.mark.parametrize("rate,expected", [(25.0, 25.0), (None, 50.0)])
def test_what_a_run_of_unknown_rate_makes_is_as_fast_as_the_data(rate, expected, monkeypatch):
    """Or a back-translator that knows its rate would play it faster or slower."""
    monkeypatch.setattr(score_module.reconstruction, "score_reconstruction", lambda *clips: None)
    truth = [Clip(np.zeros((3, 50, 3)), fps=50.0)]
    codec = types.SimpleNamespace(
        rate=rate, reconstruct=lambda clips, canonical: [Clip(np.zeros((3, 50, 3)), fps=25.0)]
    )
    run = types.SimpleNamespace(codec=codec, can_generate=False)
    clips, _, _ = score_module._make_rows(run, None, truth, truth, None, 0, lambda line: None)
    assert clips[scorecard.CEILING][0].fps == expected


def test_nearest_texts_prefer_rare_words():
    known = ["the house is red", "the house is blue", "my zebra"]
    wanted = ["a zebra is the house", "Blue!", "nothing known"]
    assert baselines.find_nearest_texts(wanted, known).tolist() == [2, 1, 0]


def test_shuffling_moves_every_clip():
    for count in (2, 3, 50):
        order = baselines.draw_derangement(count, np.random.default_rng(count))
        assert sorted(order) == list(range(count)) and (order != np.arange(count)).all()


def test_mean_pose_is_over_frames_that_show_a_joint():
    one = Clip(np.ones((2, 50, 3)), placement=CANONICAL)
    other = Clip(np.full((6, 50, 3), 5), placement=CANONICAL)
    other.valid[:, 7], other.valid[:4, 8] = False, False
    mean = baselines.compute_mean_pose([one, other]).points[0]
    assert mean[0] == pytest.approx(4) and mean[7] == pytest.approx(1) and mean[8] == pytest.approx(3)


def test_copies_are_found_through_noise(truth, train):
    """A copy that trembles is a copy; other recordings of nearly the same words are not."""
    rng = np.random.default_rng(0)
    near = memorization.find_nearest_distances(truth, train)
    noisy = [
        Clip(m.points + 0.05 * rng.normal(size=m.points.shape), m.valid, placement=CANONICAL)
        for m in train[:6]
    ]
    copied = memorization.find_nearest_distances(noisy, train)
    assert copied.max() < 0.7 * near.min()
    assert score.compute_value(memorization.score_copies(copied, near)) == 100
    assert score.compute_value(memorization.score_copies(near, near)) <= 100 / 6 + 1e-6


def test_token_bleu_has_the_systems_own_lengths():
    rng = np.random.default_rng(1)
    recorded = [rng.integers(0, 9, (n, 2)) for n in (12, 20, 5)]
    same = scorecard.score_token_bleu(recorded, recorded)
    assert all(score.compute_value(s) == pytest.approx(100) for s in same.values())
    short = scorecard.score_token_bleu([m[: len(m) // 2] for m in recorded], recorded)
    assert score.compute_value(short["token BLEU-1"]) == pytest.approx(100 * math.exp(1 - 37 / 18), rel=1e-6)
    assert len(short["token BLEU-4"].statistics) == 3, "resampled by clip"
    swapped = scorecard.score_token_bleu([m[:, ::-1] for m in recorded], recorded)
    assert score.compute_value(swapped["token BLEU-4"]) < 20, "columns are apart"


def test_still_clips_are_warned_of():
    usual = {"hand travel": 0.8, "deviation": 0.7, "hands": 0.9}
    assert not motion_statistics.list_warnings(usual)
    assert "moves much less" in motion_statistics.list_warnings(usual | {"hand travel": 0.2})[0]
    # Hands that are left out cannot be wrong.
    [line] = motion_statistics.list_warnings(usual | {"hands": 0.5})
    assert line == "shows 0.50 times as much of the hands as the recordings"


def test_tables_show_values_and_intervals():
    cell = {"value": 12.3456, "low": 10.0, "high": 14.0}
    none = {"value": None, "low": None, "high": None}
    rows = {"mine": {"text": {"WER": cell, "BT-BLEU-4": none}, "guards": {"hand travel": cell}}}
    text, guards = tables.format_tables(rows).split("\n\n")
    head, line = text.splitlines()[1:]
    assert head.split() == ["WER", "BT-BLEU-4", "hand", "travel", "deviation", "speed", "length"]
    assert line.split() == ["mine", "12.35±2.00", "-", "12.35", "-", "-", "-"]
    assert guards.splitlines()[-1].split() == ["mine", "12.35±2.00"]


def test_plots_are_the_same_every_time(tmp_path):
    cell = {"value": 1.0, "low": 0.5, "high": 1.5}
    rows = {name: {"guards": {"speed": cell, "length": cell}} for name in ("a", "b")}
    one, two = (tables.plot_family(tmp_path / f"{k}.png", "guards", rows).read_bytes() for k in range(2))
    assert one == two and one.startswith(b"\x89PNG")


def test_repeats_have_a_seed_that_no_neighbour_has():
    seeds = [scorecard.derive_seed(seed) for seed in range(50)]
    assert len({*seeds, *range(60)}) == 110 and max(seeds) < 1 << 31
