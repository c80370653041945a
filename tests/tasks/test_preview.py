"""The score that chooses a generator's checkpoint: neither standing still nor racing wins."""

import numpy as np
import pytest

from signjax import demo
from signjax.pose import skeleton
from signjax.pose.clip import Clip
from signjax.seeds import make_rng
from signjax.tasks.preview import LEAST_RATIO, combine_scores, measure_clips

TEXTS = ("my name is Ada", "thank you", "where is the red book?", "good morning")


def sign(texts, seed):
    poses = [demo.synthesize_pose(text, make_rng(seed, k)) for k, text in enumerate(texts)]
    return [Clip(pose, fps=25.0).move_to() for pose in poses]


def score(recorded, clips):
    return combine_scores(measure_clips(recorded, clips))


def test_standing_still_is_nearest_and_loses():
    recorded = sign(TEXTS, 1)
    # Hands that move as they should, at another place.
    others = sign(TEXTS[::-1], 2)
    for clip in others:
        clip.points[:, skeleton.RIGHT.start :] += np.float32([0, 1, 0])
    still = [Clip(np.repeat(clip.points.mean(0)[None], len(clip), 0), fps=25.0) for clip in recorded]
    assert measure_clips(recorded, still)["dtw"] < measure_clips(recorded, others)["dtw"]
    assert score(recorded, still) > 3 * score(recorded, others)
    assert score(recorded, recorded) == 0


def test_too_much_costs_as_too_little():
    right = {"dtw": 0.5, "travel": 1.0, "speed": 1.0, "length": 1.0}
    assert combine_scores(right) == 0.5
    for name in ("travel", "speed", "length"):
        half, twice = (combine_scores(right | {name: ratio}) for ratio in (0.5, 2.0))
        assert half == pytest.approx(twice) and half > 0.8
    assert combine_scores(right | {"travel": 0.0}) == combine_scores(right | {"travel": LEAST_RATIO})


def test_half_as_fast_is_seen():
    recorded = sign(TEXTS, 1)
    slow = [Clip(np.repeat(clip.points, 2, 0), fps=25.0) for clip in recorded]
    measured = measure_clips(recorded, slow)
    assert measured["length"] == 2 and measured["speed"] == pytest.approx(0.5, abs=0.02)
