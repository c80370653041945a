"""Clips of a dictionary as signs: without rest, at one rate and size, with all their hands."""

import numpy as np
import pytest

from signjax import demo
from signjax.lexicon import missing_hands, signs, trimming
from signjax.pose import skeleton
from signjax.pose.clip import Clip
from signjax.seeds import make_rng


def make_clip(word="work", seed=0, **options):
    return Clip(demo.synthesize_pose(word, make_rng(seed, 1), 0, **options), fps=25.0, text=word)


@pytest.mark.parametrize("word", ["work", "hello", "go", "help"])
def test_rest_is_trimmed_and_the_sign_is_kept(word):
    clip = make_clip(word)
    pose, valid, fps = signs._read_clip(clip)
    span = trimming.find_sign(missing_hands.complete_pose(pose, valid, fps), fps)
    [(_, start, stop)] = demo.locate_words(clip.points)
    assert 0 < span.up <= span.first <= start + 2 and stop - 2 <= span.last <= span.down < len(clip)
    # What is left beside the sign is less than what was cut.
    assert (start - span.first) + (span.last - stop) < span.first + len(clip) - span.last


def test_a_trimmed_clip_stays_as_it_is():
    clip = make_clip()
    [(_, start, stop)] = demo.locate_words(clip.points)
    pose = clip.canonical()[start:stop].astype(np.float64)
    assert trimming.find_sign(pose, 25.0) == (0, 0, stop - start, stop - start)


def test_rate_and_speed_change_the_frames_alone():
    clip = make_clip()
    slow, fast = (signs.prepare_sign(clip, 50.0, speed) for speed in (1.0, 2.0))
    np.testing.assert_array_equal(slow.pose[::2], fast.pose[: len(slow.pose[::2])])
    assert abs(len(slow.pose) - 2 * len(clip)) <= 2
    assert slow.span.last - slow.span.first > 1.8 * (fast.span.last - fast.span.first) - 2


def test_size_and_place_are_taken_out():
    clip = make_clip()
    moved = Clip(clip.points * 7 + np.float32(3), fps=25.0)
    np.testing.assert_allclose(
        signs.prepare_sign(moved, 25.0, 1.0).pose, signs.prepare_sign(clip, 25.0, 1.0).pose, atol=1e-3
    )


def test_a_sign_that_the_left_hand_leads_is_mirrored():
    clip = make_clip("you")
    twin = Clip(skeleton.mirror_pose(clip.points), fps=25.0)
    wrists = signs.prepare_sign(twin, 25.0, 1.0).pose[:, [skeleton.R_WRIST, skeleton.L_WRIST]]
    travel = np.abs(np.diff(wrists, axis=0)).sum((0, 2))
    assert travel[0] > travel[1]


def lose_hand(clip, start, stop, side=skeleton.RIGHT):
    valid = clip.valid.copy()
    valid[start:stop, side] = False
    return clip.points, valid


def test_a_short_gap_is_bridged():
    clip = make_clip("work")
    points, valid = lose_hand(clip, 12, 16)
    filled = missing_hands.complete_pose(points, valid, 25.0)
    np.testing.assert_array_equal(filled[:12], points[:12])
    hand = filled[:, skeleton.RIGHT] - filled[:, skeleton.R_WRIST, None]
    assert np.abs(np.diff(hand[11:18], axis=0)).max() < 0.1
    np.testing.assert_array_equal(filled[:, skeleton.BODY], points[:, skeleton.BODY])


def test_a_long_gap_is_lowered_to_rest_and_never_a_stub():
    clip = Clip(np.repeat(make_clip("work").canonical()[15:16], 60, 0), fps=25.0)
    points, valid = lose_hand(clip, 10, 50)
    filled = missing_hands.complete_pose(points, valid, 25.0)
    np.testing.assert_allclose(filled[:10], points[:10], atol=1e-5)
    low = filled[20:40]
    assert (low[:, skeleton.R_WRIST, 1] > low[:, skeleton.R_ELBOW, 1]).all()
    size = np.ptp(filled[:, skeleton.RIGHT], axis=1).max(-1)
    assert (size > 0.5).all(), "a hand has a size in every frame"
    assert np.abs(np.diff(filled, axis=0)).max() < 1.0, "the way down is no leap"
    # The other arm knows nothing of it.
    np.testing.assert_allclose(filled[:, skeleton.LEFT], points[:, skeleton.LEFT], atol=1e-5)


def test_a_hand_that_is_never_seen_rests():
    clip = make_clip("you")
    points, valid = lose_hand(Clip(clip.canonical()), 0, len(clip), skeleton.LEFT)
    filled = missing_hands.complete_pose(points, valid, 25.0)
    assert np.isfinite(filled).all()
    assert (filled[:, skeleton.L_WRIST, 1] > filled[:, skeleton.L_ELBOW, 1]).all()
    assert np.ptp(filled[:, skeleton.LEFT], axis=1).max() > 0.5
