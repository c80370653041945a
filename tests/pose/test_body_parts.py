"""Part streams: nothing is lost, sides are mirror images, a hand knows nothing of its arm, nor the face."""

import numpy as np
import pytest

from signjax.pose import body_parts, skeleton

SIDED = ["parts", "parts+face"]
FACED = ["whole+face", "parts+face"]


@pytest.fixture(params=body_parts.LAYOUTS)
def layout(request):
    return request.param


@pytest.fixture
def pose(layout):
    joints = skeleton.WITH_FACE if body_parts.has_face(layout) else skeleton.NUM_JOINTS
    return np.random.default_rng(0).normal(size=(3, 5, joints, 3)).astype(np.float32)


def test_join_is_the_inverse_of_cut(layout, pose):
    parts = body_parts.split_parts(pose, layout)
    shapes = {name: x.shape for name, x in parts.items()}
    count = len(body_parts.list_sides(layout))
    assert shapes == {name: (count, 3, 5, n) for name, n in body_parts.LAYOUTS[layout].items()}
    np.testing.assert_allclose(body_parts.merge_parts(parts, layout), pose, atol=2e-6)


def test_every_feature_matters(layout, pose):
    parts = body_parts.split_parts(pose, layout)
    for name, x in parts.items():
        for index in np.ndindex(x.shape[0], x.shape[3]):
            moved = parts | {name: x.at[index[0], 0, 0, index[1]].add(1.0)}
            change = np.abs(body_parts.merge_parts(moved, layout) - pose).max(axis=(-1, -2))
            assert change[0, 0] > 0.3, (name, index)
            assert change.ravel()[1:].max() < 1e-5, "frames and clips stay apart"


@pytest.mark.parametrize("layout", SIDED, indirect=True)
def test_a_mirrored_clip_exchanges_sides(layout, pose):
    parts, mirrored = (
        body_parts.split_parts(pose, layout),
        body_parts.split_parts(skeleton.mirror_pose(pose), layout),
    )
    for name, x in parts.items():
        assert np.array_equal(mirrored[name], x[::-1]), name
        assert not np.array_equal(x[0], x[1])


@pytest.mark.parametrize("layout", SIDED, indirect=True)
def test_a_symmetric_pose_looks_alike_on_both_sides(layout, pose):
    for x in body_parts.split_parts((pose + skeleton.mirror_pose(pose)) / 2, layout).values():
        np.testing.assert_allclose(x[0], x[1], atol=1e-6)


def test_hands_are_relative_to_their_wrists(layout, pose):
    moved = pose.copy()
    moved[..., [skeleton.R_WRIST, *range(8, 29)], :] += [0.5, -1, 2]
    before, after = body_parts.split_parts(pose, layout), body_parts.split_parts(moved, layout)
    if layout in SIDED:
        np.testing.assert_allclose(after["hand"], before["hand"], atol=1e-6)
        np.testing.assert_array_equal(after["arm"][1], before["arm"][1])
        assert np.abs(after["arm"][0] - before["arm"][0]).max() > 1
    else:
        changed = np.abs(after["whole"] - before["whole"]).max(axis=(0, 1, 2)) > 1e-5
        wrist = 3 * skeleton.R_WRIST
        assert np.flatnonzero(changed).tolist() == [wrist, wrist + 1, wrist + 2]


@pytest.mark.parametrize("layout", FACED, indirect=True)
def test_the_face_is_relative_to_the_nose_and_a_stream_of_its_own(layout, pose):
    moved, other = pose.copy(), pose.copy()
    moved[..., [skeleton.NOSE, *range(50, 120)], :] += [0.5, -1, 2]
    other[..., skeleton.FACE, :] += 1
    before, after = body_parts.split_parts(pose, layout), body_parts.split_parts(other, layout)
    np.testing.assert_allclose(body_parts.split_parts(moved, layout)["face"], before["face"], atol=1e-6)
    assert not np.array_equal(before["face"], after["face"])
    bare = body_parts.split_parts(pose[..., :50, :], layout.removesuffix("+face"))
    for name in before.keys() - {"face"}:
        assert np.array_equal(before[name], after[name]) and np.array_equal(before[name], bare[name])


def test_faces_are_cut_in_the_middle():
    """Points on the plane of symmetry are their own counterparts; the others exchange sides."""
    mirror = skeleton.COUNTERPARTS
    assert np.array_equal(mirror[mirror], np.arange(120)) and (mirror[50:] >= 50).all()
    middle = np.flatnonzero(mirror[50:] == np.arange(50, 120))
    assert middle.tolist() == [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]
    numbered = np.broadcast_to(np.arange(120.0)[:, None], (1, 1, 120, 3))  # the nose is 0
    halves = np.asarray(body_parts.split_parts(numbered, "parts+face")["face"])
    right, left = halves.reshape(2, 40, 3)[..., 1].astype(int) - 50
    assert np.array_equal(right[:10], middle) and np.array_equal(mirror[50 + right] - 50, left)
    assert {0, 17, 31, 36, 48, 59, 60, 67, 68} <= set(right), "ear, brow, nostril, eye and lips of the right"


@pytest.mark.parametrize("layout", ["parts"], indirect=True)
def test_what_two_arms_tell_of_head_and_neck_is_averaged(layout, pose):
    arm = body_parts.split_parts(pose, "parts")["arm"]
    parts = body_parts.split_parts(pose, "parts") | {"arm": arm.at[0, ..., 1].add(0.2)}  # the nose's y
    change = np.array(body_parts.merge_parts(parts, "parts") - pose)
    np.testing.assert_allclose(change[..., skeleton.NOSE, 1], 0.1, atol=1e-5)
    change[..., skeleton.NOSE, 1] = 0
    assert np.abs(change).max() < 1e-5
