"""The layouts of data sets: what the third value is, which arm is which, which joints are missing."""

import numpy as np
import pytest
from packed_sets import dataset, packings, recording

from signjax.data import pose_layout
from signjax.data.load import load_split
from signjax.pose import skeleton


def with_confidence(seed, frames=12, lose=True):
    """2-D, third value a confidence, the left hand with its wrist unseen in half of the frames."""
    x = recording(seed, frames)
    x[..., 2] = np.random.default_rng(seed).uniform(0.3, 1.0, x.shape[:2])
    if lose:
        x[: frames // 2, skeleton.LEFT] = 0
        x[: frames // 2, skeleton.L_WRIST] = 0
    return x


def swap_arms(x):
    order = [*skeleton.MIRROR[:8], *range(8, 50)]
    return x[:, order]


def constant_third(seed, frames, value):
    x = recording(seed, frames)
    x[..., 2] = value
    return x


def anchored(seed, frames):
    x = with_confidence(seed, frames)
    x[..., :2] -= x[:, [skeleton.NECK], :2]
    x[: frames // 2, skeleton.LEFT] = 0
    return x


@pytest.mark.parametrize(
    "make, expected",
    [
        (recording, pose_layout.PoseLayout("depth", False)),
        (lambda s, f: recording(s, f) - 0.2, pose_layout.PoseLayout("depth", False)),
        (lambda s, f: recording(s, f) * 1000, pose_layout.PoseLayout("depth", False)),
        (lambda s, f: swap_arms(recording(s, f)), pose_layout.PoseLayout("depth", True)),
        (with_confidence, pose_layout.PoseLayout("confidence", False)),
        (lambda s, f: swap_arms(with_confidence(s, f)), pose_layout.PoseLayout("confidence", True)),
        (lambda s, f: constant_third(s, f, 1), pose_layout.PoseLayout("confidence", False)),
        (lambda s, f: constant_third(s, f, 0), pose_layout.PoseLayout("zero", False)),
        (anchored, pose_layout.PoseLayout("confidence", False, skeleton.NECK)),
    ],
    ids=[
        *("depth", "negative", "millimetres", "swapped"),
        *("confidence", "swapped confidence", "ones", "zeros", "anchored"),
    ],
)
def test_variants_are_found_and_brought_into_one_form(tmp_path, make, expected):
    root = dataset(tmp_path, make=make)
    packed, messages = packings(root, "dev")
    assert packed.layout == expected
    assert messages == [packed.describe()] and messages[0].startswith("set/dev: 2 clips, 17 frames, ")
    assert f"{expected.dims}-D" in messages[0] and ("5-6-7 (exchanged" in messages[0]) == expected.swapped
    raw = make(1, 9).astype(np.float32)
    clip = packed[1]
    wrists = clip.points[:, [skeleton.R_WRIST, skeleton.L_WRIST]]
    near = np.linalg.norm(wrists - clip.points[:, [skeleton.R_HAND]], axis=-1)
    seen = clip.valid[:, skeleton.L_WRIST]
    assert (near[seen, 0] < near[seen, 1]).all(), "the right hand hangs on arm 2-3-4"
    if expected.dims == 2:
        assert not clip.points[..., 2].any()
    if not expected.swapped and expected.anchor < 0:
        np.testing.assert_array_equal(clip.points[..., : expected.dims], raw[..., : expected.dims])


def test_a_confidence_above_one_makes_no_depth():
    clips = [with_confidence(seed, 40) for seed in range(3)]
    clips[1][7, 30, 2] = 1.3
    assert pose_layout.detect_layout(clips).third == "confidence"
    clips[1][..., 2] *= 1.3
    assert pose_layout.detect_layout(clips).third == "depth"


def test_unseen_joints_are_marked(tmp_path):
    root = dataset(tmp_path, make=with_confidence)
    packed, _ = packings(root)
    clip = packed[4]
    expected = np.ones((12, 50), bool)
    expected[:6, skeleton.LEFT] = expected[:6, skeleton.L_WRIST] = False
    np.testing.assert_array_equal(clip.valid, expected)
    assert not clip.points[~clip.valid].any() and "% of joints missing" in packed.describe()
    assert load_split(root, "set", "train").valid is not None
    low = with_confidence(0, lose=False)
    low[2, 30, 2] = 0
    assert (
        pose_layout.apply_layout(low.astype(np.float32), pose_layout.PoseLayout("confidence"))[1].sum()
        == 12 * 50 - 1
    )


def test_anchor_joints_are_not_missing(tmp_path):
    root = dataset(tmp_path, make=anchored)
    assert packings(root)[0][0].valid[:, skeleton.NECK].all()
