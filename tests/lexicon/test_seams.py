"""Seams: signs stay bit for bit, position and velocity are continuous, bones keep their lengths."""

import numpy as np
import pytest

from signjax.lexicon import missing_hands, seams, spelling, stitching
from signjax.lexicon.stitching import Stroke
from signjax.pose import skeleton

RATE = 25.0


def move_resting(frames, velocity, start=(0, 0, 0)):
    """A pose that moves as a whole, [frames, 50, 3]."""
    t = np.arange(frames)[:, None, None]
    return (missing_hands.make_resting_pose() + np.array(start) + t * np.array(velocity)).astype(np.float32)


def make_stroke(rng, frames, start=(0, 0, 0)):
    """Smooth random motion of every joint."""
    t = np.linspace(0, 1, frames)[:, None, None]
    waves = [rng.normal(0, 0.1, (1, 50, 3)) * np.sin(k * np.pi * t) for k in (1, 2)]
    pose = (missing_hands.make_resting_pose() + np.array(start) + sum(waves)).astype(np.float32)
    return Stroke(pose, pose[:0], pose[:0])


def test_signs_are_bit_equal_inside(rng_seed=3):
    rng = np.random.default_rng(rng_seed)
    strokes = [make_stroke(rng, n, (x, 0, 0)) for n, x in ((14, 0), (20, 1), (9, -1), (12, 0))]
    stitched = stitching.stitch_strokes(strokes, RATE)
    assert len(stitched.cuts) == 4 and len(stitched.segment) == len(stitched.pose)
    for k, (stroke, (start, first, last)) in enumerate(zip(strokes, stitched.cuts, strict=True)):
        low = seams.MARGIN if k else 0
        high = last - first - (seams.MARGIN if k < 3 else 0)
        assert high - low > 0.4 * len(stroke.pose)
        ours = stitched.pose[start + low : start + high]
        assert ours.tobytes() == stroke.pose[first + low : first + high].tobytes()
        # Both ends of a clip are no seams.
        assert first <= seams.SEARCH_SHARE * len(stroke.pose) if k else first == 0
    assert [int(t) for t in np.flatnonzero(stitched.segment == 2)] == [cut[0] for cut in stitched.cuts]


def test_ways_continue_position_and_velocity():
    before, after = move_resting(10, (0.05, 0, 0)), move_resting(10, (0, -0.08, 0), (1.5, 0.5, 0))
    for frames in (1, 4, 9, 25):
        way = seams.bridge_poses(before, after, frames, RATE)
        whole = np.concatenate([before, way, after])
        steps = np.sqrt((np.diff(whole, axis=0) ** 2).sum(-1)).mean(1)
        assert len(way) == frames
        if frames >= 9:
            # No step differs from the one before it by more than the fastest way there could ask for.
            np.testing.assert_allclose(way[0] - before[-1], before[-1] - before[-2], atol=0.04)
            np.testing.assert_allclose(after[0] - way[-1], after[1] - after[0], atol=0.04)
            assert np.abs(np.diff(steps)).max() < 0.1
        assert steps.max() < 2.2 * 1.6 / (frames + 1) + 0.16


def test_a_turning_bone_keeps_its_length():
    start = missing_hands.make_resting_pose().astype(np.float32)
    end = start.copy()
    # The right hand turned a quarter about its wrist.
    hand = end[skeleton.RIGHT] - end[skeleton.R_WRIST]
    end[skeleton.RIGHT] = end[skeleton.R_WRIST] + np.stack([hand[:, 1], -hand[:, 0], hand[:, 2]], -1)
    way = seams.bridge_poses(start[None], end[None], 5, RATE)
    lengths = skeleton.bone_lengths(way)
    np.testing.assert_allclose(lengths, np.tile(skeleton.bone_lengths(start), (5, 1)), rtol=1e-4)


def test_the_cut_is_where_poses_are_nearest():
    before, after = move_resting(20, (0.1, 0, 0)), move_resting(20, (0, 0.1, 0), (1.7, 0, 0))
    # The one is in its frame 17 where the other begins.
    assert seams.find_cut(before, after, RATE) == (18, 0)
    assert seams.find_cut(before, before[::-1], RATE)[1] == 0  # equal poses: nothing is cut


def test_a_longer_way_takes_longer():
    pose = missing_hands.make_resting_pose()
    gaps = [seams.count_gap(pose, pose + np.array([x, 0, 0]), RATE) for x in (0, 0.5, 1, 2, 4, 100)]
    assert gaps == sorted(gaps) and gaps[0] == 2 and gaps[-1] == round(seams.MOST_GAP * RATE)


def test_smoothing_reaches_the_margin_and_no_farther():
    rng = np.random.default_rng(0)
    pose = rng.normal(size=(30, 50, 3)).astype(np.float32)
    smooth = pose.copy()
    seams.smooth_seam(smooth, 12, 16)
    changed = (smooth != pose).any((1, 2))
    assert np.flatnonzero(changed).tolist() == list(range(12 - seams.MARGIN, 16 + seams.MARGIN))
    # Zero-phase: forwards and backwards give the same.
    backwards = pose[::-1].copy()
    seams.smooth_seam(backwards, 30 - 16, 30 - 12)
    np.testing.assert_allclose(backwards[::-1], smooth, atol=1e-6)


def test_equal_letters_in_a_row_move_aside():
    assert spelling.count_repeats("anna") == [0, 0, 1, 0]
    assert spelling.count_repeats("zzzz") == [0, 1, 2, 2]
    pose = move_resting(5, (0, 0, 0))
    moved = spelling.move_aside(pose, 1)
    assert (moved[:, skeleton.RIGHT, 0] < pose[:, skeleton.RIGHT, 0]).all()
    np.testing.assert_array_equal(moved[:, skeleton.LEFT], pose[:, skeleton.LEFT])


@pytest.mark.parametrize("frames", [1, 2, 7, 40])
def test_letters_are_held_equally_long(frames):
    held = spelling.hold_letter(move_resting(frames, (0.1, 0, 0)), RATE)
    assert len(held) == round(spelling.HOLD * RATE)
