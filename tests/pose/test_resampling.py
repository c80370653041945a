"""Clips at another frame rate: times, speeds, missing joints."""

import numpy as np
import pytest

from signjax.errors import DataError
from signjax.pose.clip import Clip, Tokens
from signjax.pose.resampling import resample_clip


def make_clip(frames: int, fps: float | None, valid=None) -> Clip:
    """Joints on smooth curves of their own, in seconds."""
    time = np.arange(frames)[:, None, None] / (fps or 25)
    phases = np.arange(150).reshape(50, 3)
    return Clip(200 + 30 * np.sin(3 * time + phases), valid, fps=fps, text="a", sid="c")


def test_same_rate_is_the_clip_itself():
    clip = make_clip(7, 29.97)
    assert resample_clip(clip, 29.97) is clip


@pytest.mark.parametrize("old,new", [(50, 25), (25, 50), (30, 25), (24, 25), (60, 25), (29.97, 25), (25, 24)])
@pytest.mark.parametrize("frames", [1, 2, 41])
def test_constant_speed_stays_constant(old, new, frames):
    speed = np.arange(150).reshape(50, 3) - 70.0  # units a second
    clip = Clip(np.arange(frames)[:, None, None] / old * speed, fps=old, text="a")
    result = resample_clip(clip, new)
    expected = np.arange(len(result))[:, None, None] / new * speed
    assert result.fps == new and result.text == "a" and result.valid.all()
    np.testing.assert_allclose(result.points, expected, atol=1e-4)
    # The last frame is at most one of the new frames before the last recorded one, and never after it.
    assert 0 <= (frames - 1) / old - (len(result) - 1) / new < 1 / new


def test_half_the_rate_is_every_second_frame():
    clip = make_clip(40, 50)
    result = resample_clip(clip, 25)
    assert np.array_equal(result.points, clip.points[::2])


def test_up_and_down_again_returns():
    rng = np.random.default_rng(0)
    clip = make_clip(40, 25, rng.random((40, 50)) > 0.3)
    clip = Clip(np.where(clip.valid[..., None], clip.points, 0), clip.valid, fps=25)
    again = resample_clip(resample_clip(clip, 75), 25)
    assert np.array_equal(again.points, clip.points) and np.array_equal(again.valid, clip.valid)


@pytest.mark.parametrize("old,new,error", [(50, 30, 0.05), (30, 25, 0.05), (25, 30, 0.05), (24, 60, 0.05)])
def test_smooth_motion_is_kept(old, new, error):
    result = resample_clip(make_clip(50, old), new)
    expected = make_clip(len(result), new)
    # Of motion within 60 units; straight lines would be wrong by 30 * (3 / 24 / 2) ** 2 / 2 = 0.06.
    assert np.abs(result.points - expected.points).max() < error


def test_missing_joints_stay_missing():
    valid = np.ones((30, 50), bool)
    valid[10:20, 3] = False  # 0.33 s
    valid[:, 4] = False
    valid[12, 5] = False
    clip = make_clip(30, 30, valid)
    result = resample_clip(clip, 25)
    times = np.arange(len(result)) / 25
    assert not result.valid[:, 4].any() and result.points[:, 4].max() == 0
    # Nothing in the gap, and nothing between its ends and the frames beside it.
    gap = (times > 9.01 / 30) & (times < 19.99 / 30)
    assert not result.valid[gap, 3].any() and result.valid[~gap, 3].all()
    # A single lost frame costs at most one frame, the nearest.
    assert result.valid[:, 5].sum() >= len(result) - 1
    assert result.valid[:, 6].all()


def test_what_stands_at_missing_joints_has_no_influence():
    valid = np.random.default_rng(1).random((30, 50)) > 0.4
    clip = make_clip(30, 30, valid)
    other = Clip(np.where(valid[..., None], clip.points, np.nan), valid, fps=30)
    one, two = (resample_clip(c, 25) for c in (clip, other))
    assert np.array_equal(one.points, two.points) and np.array_equal(one.valid, two.valid)


@pytest.mark.parametrize("fps", [10, 24, 25, 30, 50, 100])
def test_signs_keep_their_first_frames(fps):
    segment = np.array([0, 2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 0, 0, 0, 2, 1, 1, 1, 1, 0], np.int8)
    clip = Clip(np.zeros((21, 50, 3)), fps=25, segment=segment)
    result = resample_clip(clip, fps).segment
    assert (result == 2).sum() == 3 and len(result) == 1 + 20 * fps // 25
    # Where a sign is, at half of one of the longer frames.
    nearest = np.floor(np.arange(len(result)) * 25 / fps + 0.5).astype(int)
    assert ((result > 0) == (segment[nearest] > 0)).all()


def test_tokens_go_and_unknown_rates_are_refused():
    clip = Clip(make_clip(8, 25).points, fps=25, tokens=Tokens(np.zeros((2, 1), int), 4))
    assert resample_clip(clip, 50).tokens is None and resample_clip(clip, 25).tokens is not None
    with pytest.raises(DataError, match="frame rate"):
        resample_clip(make_clip(8, None), 25)
    assert len(resample_clip(Clip(np.zeros((0, 50, 3)), fps=50), 25)) == 0
