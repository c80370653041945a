"""The functions of signjax.metrics: one clip or a list, numbers as in an evaluation, clear refusals."""

import dataclasses
import math
import subprocess
import sys

import numpy as np
import pytest
from signer import signer

from signjax import metrics
from signjax.errors import DataError
from signjax.metrics import dtw_distances, motion_statistics, reconstruction, text
from signjax.metrics.score import compute_value
from signjax.pose import skeleton
from signjax.pose.clip import Clip

FRAMEWISE = ("mpjpe", "pa_mpjpe", "pck", "velocity_error", "acceleration_error", "bone_length_error")
WARPED = ("dtw_mje", "pt_dtw", "ndtw_mje", "dtwp", "ndtwp", "dtw_jpe")
MOTION = ("hand_travel_ratio", "deviation_ratio", "speed_ratio", "jitter_ratio")


@pytest.fixture(scope="module")
def pair():
    """Recorded clips in pixels, and trembling ones made of them."""
    rng = np.random.default_rng(0)
    recorded = []
    for frames in (12, 20):
        points = 1000 * signer(frames) + 300
        points[:, [skeleton.L_WRIST, *range(29, 50)], 0] += 20 * np.sin(np.arange(frames) / 2)[:, None]
        recorded.append(Clip(points, text="hello"))
    noise = [9 * rng.normal(size=clip.points.shape) for clip in recorded]
    made = [dataclasses.replace(c, points=c.points + n) for c, n in zip(recorded, noise, strict=True)]
    return recorded, made


@pytest.mark.parametrize("name", FRAMEWISE + WARPED)
def test_a_list_is_a_corpus_and_a_clip_a_list_of_one(pair, name):
    metric, (recorded, made) = getattr(metrics, name), pair
    both, alone = metric(recorded, made), metric(recorded[0], made[0])
    assert isinstance(both, float) and alone == pytest.approx(metric(recorded[:1], made[:1]), rel=1e-6)
    perfect = 100 if name == "pck" else 0
    assert metric(recorded, recorded) == pytest.approx(perfect, abs=1e-3)
    assert abs(both - perfect) > 1e-3 and both != alone


@pytest.mark.parametrize("name", MOTION)
def test_ratios_are_one_at_best(pair, name):
    recorded, made = pair
    assert getattr(metrics, name)(recorded, recorded) == pytest.approx(1)
    assert getattr(metrics, name)(recorded, made) > 1.01, "what trembles moves too much"


def test_numbers_are_those_of_an_evaluation(pair):
    scores = reconstruction.score_reconstruction(*pair) | dtw_distances.score_distances(*pair)
    scores |= motion_statistics.score_motion(*pair)
    values = {name: compute_value(score) for name, score in scores.items()}
    for part in ("body", "hands", "hands-relative"):
        assert metrics.mpjpe(*pair, part=part) == values[f"MPJPE-{part}"]
    for part in ("body", "hands"):
        assert metrics.pck(*pair, part=part, share=0.1) == values[f"PCK-{part}@0.1"]
    for part in ("body", "right", "left"):
        assert metrics.dtw_jpe(*pair, part=part) == values[f"DTW-JPE-{part}"]
    assert metrics.mpjpe(*pair) == values["MPJPE"] and metrics.pa_mpjpe(*pair) == values["PA-MPJPE"]
    assert metrics.velocity_error(*pair) == values["velocity error"]
    assert metrics.acceleration_error(*pair) == values["acceleration error"]
    assert metrics.bone_length_error(*pair) == values["bone-length error"]
    for name, key in (("dtw_mje", "DTW-MJE"), ("pt_dtw", "PT-DTW"), ("ndtw_mje", "nDTW-MJE")):
        assert getattr(metrics, name)(*pair) == values[key]
    assert (metrics.dtwp(*pair), metrics.ndtwp(*pair)) == (values["DTWp"], values["nDTWp"])
    assert metrics.hand_travel_ratio(*pair) == values["hand travel"]
    assert metrics.jitter_ratio(*pair) == values["jitter"]


def test_errors_are_in_the_reference_s_unit_and_place_is_none(pair):
    """A clip that is moved and scaled is the same clip; errors of pixels are pixels."""
    recorded, made = pair
    moved = [dataclasses.replace(clip, points=3 * clip.points - 7) for clip in made]
    assert metrics.mpjpe(recorded, moved) == pytest.approx(metrics.mpjpe(recorded, made), rel=1e-3)
    assert metrics.dtw_mje(recorded, moved) == pytest.approx(metrics.dtw_mje(recorded, made), rel=1e-3)
    one = dataclasses.replace(recorded[0], points=recorded[0].points.copy())
    one.points[:, skeleton.R_HAND + 4] += np.float32([3, 4, 0])  # the tip of a finger, 5 pixels off
    one = dataclasses.replace(one, placement=recorded[0].find_placement())
    assert metrics.mpjpe(recorded[0], one) == pytest.approx(5 / 50, rel=1e-4)


def test_faces(pair):
    recorded, made = ([_with_face(clip, k) for k, clip in enumerate(side)] for side in pair)
    assert metrics.mpjpe(recorded, made, part="face") > 0
    assert metrics.mpjpe(recorded, made) == metrics.mpjpe(*pair), "of body and hands, with a face or without"
    with pytest.raises(DataError, match="no face"):
        metrics.mpjpe(*pair, part="face")


def _with_face(clip, seed):
    rng = np.random.default_rng(seed + len(clip.points))
    face = clip.points[:, [skeleton.NOSE]] + rng.normal(size=(len(clip), 70, 3)) * 20
    return Clip(np.concatenate([clip.points, face], 1), placement=clip.find_placement())


def test_motion_taken_together(pair):
    recorded, made = pair
    assert metrics.fgd(recorded * 3, recorded * 3) == pytest.approx(0, abs=1e-6)
    assert metrics.fgd(recorded * 3, made * 3) > 0.1
    assert metrics.diversity([recorded[0]] * 4) == 0 and metrics.diversity(recorded + made) > 0.1
    assert metrics.multimodality([recorded, made]) > metrics.multimodality([[made[0]] * 2, [made[1]] * 2])


def test_texts():
    references, hypotheses = ["How are you?", "I like tea."], ["How are they?", "I like tea"]
    assert metrics.word_error_rate(references[0], hypotheses[0]) == pytest.approx(25)
    assert metrics.word_error_rate("a b c d", "a b") == 50, "over the words of the reference, which is first"
    assert metrics.bleu(references, references) == pytest.approx(100)
    assert metrics.bleu(references, hypotheses) < 90
    scores = {k: compute_value(s) for k, s in text.score_texts(hypotheses, references).items()}
    assert metrics.bleu(references, hypotheses, order=2) == scores["BLEU-2"]
    assert metrics.chrf(references, hypotheses) == scores["chrF"]
    assert metrics.rouge_l(references, hypotheses) == scores["ROUGE-L"]
    assert metrics.word_error_rate(references, hypotheses) == scores["WER"]
    assert math.isnan(metrics.word_error_rate("", ""))


def test_what_cannot_be_compared_is_said_in_one_line(pair):
    recorded, made = pair
    for call, message in (
        (lambda: metrics.dtw_mje(recorded, made[:1]), "2 and 1 clips"),
        (lambda: metrics.dtw_mje([], []), "0 and 0 clips"),
        (lambda: metrics.dtw_mje(recorded[0].points, made[0].points), "takes clips, not ndarray"),
        (lambda: metrics.dtw_mje(Clip(np.zeros((0, 50, 3))), made[0]), "without frames"),
        (lambda: metrics.dtw_mje(Clip(np.ones((3, 50, 3))), made[0]), "no place in canonical space"),
        (lambda: metrics.mpjpe(recorded[0], made[1]), "12 and 20 frames"),
        (lambda: metrics.mpjpe(recorded, made, part="foot"), "'foot'; choose one of all, body"),
        (lambda: metrics.pck(recorded, made, part="all"), "'all'; choose one of body, hands"),
        (lambda: metrics.dtw_jpe(recorded, made, part="hands"), "'hands'; choose one of body, right"),
        (lambda: metrics.diversity(recorded[:1]), "at least 2 clips"),
        (lambda: metrics.multimodality([recorded, made[:1]]), r"equally many .* not \[1, 2\]"),
        (lambda: metrics.bleu(["a"], ["a", "b"]), "1 and 2 texts"),
    ):
        with pytest.raises(DataError, match=message) as error:
            call()
        assert "\n" not in str(error.value)


def test_names_are_listed_and_nothing_is_imported_before_it_is_used():
    assert set(metrics.__all__) <= set(dir(metrics)) and "mpjpe" in metrics.__all__
    for name in metrics.__all__:
        assert callable(getattr(metrics, name)) and getattr(metrics, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'mpjp'"):
        _ = metrics.mpjp
    code = "import sys, signjax.metrics; sys.exit('jax' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
