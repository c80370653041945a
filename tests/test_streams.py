"""Part streams: nothing is lost, sides are mirror images, a hand knows nothing of its arm."""

import numpy as np
import pytest

from signjax import skeleton, streams


@pytest.fixture
def pose():
    return np.random.default_rng(0).normal(size=(3, 5, 50, 3)).astype(np.float32)


@pytest.mark.parametrize("layout", streams.LAYOUTS)
def test_join_is_the_inverse_of_cut(layout, pose):
    parts = streams.cut(pose, layout)
    shapes = {name: x.shape for name, x in parts.items()}
    count = len(streams.sides(layout))
    assert shapes == {name: (count, 3, 5, n) for name, n in streams.LAYOUTS[layout].items()}
    np.testing.assert_allclose(streams.join(parts, layout), pose, atol=2e-6)


@pytest.mark.parametrize("layout", streams.LAYOUTS)
def test_every_feature_matters(layout, pose):
    parts = streams.cut(pose, layout)
    for name, x in parts.items():
        for index in np.ndindex(x.shape[0], x.shape[3]):
            moved = parts | {name: x.at[index[0], 0, 0, index[1]].add(1.0)}
            change = np.abs(streams.join(moved, layout) - pose).max(axis=(-1, -2))
            assert change[0, 0] > 0.3, (name, index)
            assert change.ravel()[1:].max() < 1e-5, "frames and clips stay apart"


def test_a_mirrored_clip_exchanges_sides(pose):
    parts, mirrored = streams.cut(pose, "parts"), streams.cut(skeleton.mirror(pose), "parts")
    for name, x in parts.items():
        assert np.array_equal(mirrored[name], x[::-1]), name
        assert not np.array_equal(x[0], x[1])


def test_a_symmetric_pose_looks_alike_on_both_sides(pose):
    for x in streams.cut((pose + skeleton.mirror(pose)) / 2, "parts").values():
        np.testing.assert_allclose(x[0], x[1], atol=1e-6)


@pytest.mark.parametrize("layout", streams.LAYOUTS)
def test_hands_are_relative_to_their_wrists(layout, pose):
    moved = pose.copy()
    moved[..., [skeleton.R_WRIST, *range(8, 29)], :] += [0.5, -1, 2]
    before, after = streams.cut(pose, layout), streams.cut(moved, layout)
    if layout == "parts":
        np.testing.assert_allclose(after["hand"], before["hand"], atol=1e-6)
        np.testing.assert_array_equal(after["arm"][1], before["arm"][1])
        assert np.abs(after["arm"][0] - before["arm"][0]).max() > 1
    else:
        changed = np.abs(after["whole"] - before["whole"]).max(axis=(0, 1, 2)) > 1e-5
        wrist = 3 * skeleton.R_WRIST
        assert np.flatnonzero(changed).tolist() == [wrist, wrist + 1, wrist + 2]


def test_what_two_arms_tell_of_head_and_neck_is_averaged(pose):
    arm = streams.cut(pose, "parts")["arm"]
    parts = streams.cut(pose, "parts") | {"arm": arm.at[0, ..., 1].add(0.2)}  # the nose's y
    change = np.array(streams.join(parts, "parts") - pose)
    np.testing.assert_allclose(change[..., skeleton.NOSE, 1], 0.1, atol=1e-5)
    change[..., skeleton.NOSE, 1] = 0
    assert np.abs(change).max() < 1e-5
