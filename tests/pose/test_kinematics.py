"""Kinematics: angles and directions say the whole pose, and mean what they are called."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from signjax import demo
from signjax.errors import DataError
from signjax.pose import kinematics, normalization, skeleton

pytestmark = pytest.mark.usefixtures("compile_quickly")
NAMED = {name: k for k, name in enumerate(skeleton.NAMES)}
BONE = {skeleton.NAMES[child]: k for k, child in enumerate(kinematics.CHILD)}  # named by its child
FORMS = {
    2: (kinematics.to_planar, kinematics.from_planar),
    3: (kinematics.to_spatial, kinematics.from_spatial),
}


def random_pose(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=(*shape, 50, 3)).astype(np.float32)


def demo_clip():
    own = demo.synthesize_pose("where do you live", np.random.default_rng(1))
    return normalization.to_canonical(own, normalization.measure_placement(own)).astype(np.float32)


def back(points, dims):
    there, inverse = FORMS[dims]
    return inverse(there(points[..., :dims]))


@pytest.mark.parametrize("dims", FORMS)
@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3), (1500,)])
def test_nothing_is_lost(dims, shape):
    x = random_pose(*shape)
    y = back(x, dims)
    assert y.dtype == np.float32 and y.shape == (*shape, 50, dims)
    np.testing.assert_allclose(y, x[..., :dims], rtol=0, atol=1e-5)


@pytest.mark.parametrize("dims", FORMS)
def test_nothing_of_a_clip_is_lost(dims):
    x = demo_clip()
    assert len(x) > 20
    np.testing.assert_allclose(back(x, dims), x[..., :dims], rtol=0, atol=1e-5)
    np.testing.assert_allclose(back(x[:1], dims), x[:1, :, :dims], rtol=0, atol=1e-5)


@pytest.mark.parametrize("dims", FORMS)
def test_numpy_and_jax_give_the_same(dims):
    x, (there, inverse) = random_pose(2, 9)[..., :dims], FORMS[dims]
    x[0, 3, skeleton.RIGHT] = x[0, 3, [skeleton.R_WRIST]]
    for ours, theirs in zip(there(x), jax.jit(there)(x), strict=True):
        assert isinstance(ours, np.ndarray) and isinstance(theirs, jax.Array)
        turn = 2 * np.pi if dims == 2 else np.inf  # angles at either end of their range are the same
        apart = np.abs(ours - theirs)
        assert np.minimum(apart, np.abs(turn - apart)).max() < 1e-5
    np.testing.assert_allclose(jax.jit(inverse)(there(jnp.asarray(x))), inverse(there(x)), atol=1e-5)


def test_chain_is_the_sum_along_the_tree():
    rng = np.random.default_rng(0)
    root, vectors = rng.normal(size=(4, 3)), rng.normal(size=(4, 49, 3))
    slow = np.zeros((4, 50, 3))
    slow[:, skeleton.NECK] = root
    for k, (child, parent) in enumerate(skeleton.BONES):
        slow[:, child] = slow[:, parent] + vectors[:, k]
    np.testing.assert_allclose(kinematics.chain_bones(root, vectors), slow, atol=1e-12)


def test_angles_are_relative_and_scales_are_lengths():
    """Turned and grown, a pose has the same angles but where the tree begins."""
    x = random_pose(6)[..., :2]
    turn = np.array([[np.cos(0.7), np.sin(0.7)], [-np.sin(0.7), np.cos(0.7)]], np.float32)
    one, other = kinematics.to_planar(x), kinematics.to_planar(2 * x @ turn)
    change = (other.theta - one.theta + np.pi) % (2 * np.pi) - np.pi
    first = kinematics.PARENT == skeleton.NECK
    assert first.sum() == 3
    np.testing.assert_allclose(change, np.broadcast_to(np.where(first, 0.7, 0), change.shape), atol=1e-4)
    np.testing.assert_allclose(other.scale, 2 * one.scale, rtol=1e-4)
    np.testing.assert_allclose(other.root, 2 * one.root @ turn, atol=1e-5)
    lengths = np.linalg.norm(x[:, kinematics.CHILD] - x[:, kinematics.PARENT], axis=-1)
    np.testing.assert_allclose(one.scale * skeleton.LENGTHS[kinematics.CHILD], lengths, rtol=1e-5)
    assert (np.abs(one.theta) <= np.pi + 1e-6).all()


def test_bending_an_elbow_carries_the_hand():
    start = kinematics.to_planar(random_pose(1)[..., :2])
    theta = start.theta.copy()
    theta[:, BONE["right_wrist"]] += np.pi / 2
    before, after = (kinematics.from_planar(p) for p in (start, start._replace(theta=theta)))
    elbow = before[:, [skeleton.R_ELBOW]]
    quarter = np.array([[0, 1], [-1, 0]], np.float32)
    carried = [skeleton.R_WRIST, *range(8, 29)]
    np.testing.assert_allclose((before - elbow)[:, carried] @ quarter, (after - elbow)[:, carried], atol=1e-5)
    rest = np.setdiff1d(np.arange(50), carried)
    np.testing.assert_allclose(after[:, rest], before[:, rest], atol=1e-6)


def collapsed(frames=3):
    x = random_pose(frames)
    x[:, skeleton.RIGHT] = x[:, [skeleton.R_WRIST]]
    x[1, NAMED["left_index_2"]] = x[1, NAMED["left_index_1"]]
    return x


def test_bones_without_length_point_where_their_parents_do():
    x = collapsed()
    flat, deep = kinematics.to_planar(x[..., :2]), kinematics.to_spatial(x)
    hand = [k for k, child in enumerate(kinematics.CHILD) if 8 <= child < 29]
    assert not flat.theta[:, hand].any() and not flat.scale[:, hand].any() and not deep.scale[:, hand].any()
    forearm = deep.direction[:, [BONE["right_wrist"]]]
    np.testing.assert_array_equal(deep.direction[:, hand], np.broadcast_to(forearm, (3, 21, 3)))
    np.testing.assert_allclose(np.linalg.norm(deep.direction, axis=-1), 1, atol=1e-6)
    # what comes after such a bone is measured from the last direction there was
    before, after = (x[1, NAMED[f"left_index_{k}"], :2] for k in (1, 3))
    lower, upper = before - x[1, NAMED["left_hand"], :2], after - x[1, NAMED["left_index_2"], :2]
    turned = np.arctan2(lower[0] * upper[1] - lower[1] * upper[0], lower @ upper)
    np.testing.assert_allclose(flat.theta[1, BONE["left_index_3"]], turned, atol=1e-5)
    for dims in FORMS:
        np.testing.assert_allclose(back(x, dims), x[..., :dims], rtol=0, atol=1e-5)


def test_a_clip_on_one_point_comes_back():
    x = np.full((2, 50, 3), 0.25, np.float32)
    for dims in FORMS:
        np.testing.assert_array_equal(back(x, dims), x[..., :dims])


@pytest.mark.parametrize("dims", FORMS)
def test_gradients_are_finite_and_those_of_the_identity(dims):
    x, weight = collapsed()[..., :dims], random_pose(3, seed=1)[..., :dims]
    whole = jnp.asarray(random_pose(3)[..., :dims])
    gradient = jax.jit(jax.grad(lambda x: (back(x, dims) * weight).sum()))
    assert np.isfinite(gradient(jnp.asarray(x))).all()
    np.testing.assert_allclose(gradient(whole), weight, atol=2e-3)
    there = FORMS[dims][0]
    parts = jax.jit(jax.grad(lambda x: sum(part.sum() for part in there(x))))
    assert np.isfinite(parts(jnp.asarray(x))).all()


def test_missing_joints_lie_on_the_nearest_there_and_the_others_come_back():
    x, valid = random_pose(4), np.ones((4, 50), bool)
    valid[1, [skeleton.R_WRIST, *range(8, 29)]] = False
    valid[2, skeleton.L_WRIST] = False
    valid[3, [skeleton.NECK, skeleton.R_SHOULDER]] = False
    filled = kinematics.fill_missing(x, valid)
    np.testing.assert_array_equal(filled[valid], x[valid])
    np.testing.assert_array_equal(filled[1, 8:29], np.broadcast_to(x[1, skeleton.R_ELBOW], (21, 3)))
    np.testing.assert_array_equal(filled[2, skeleton.L_WRIST], x[2, skeleton.L_ELBOW])
    np.testing.assert_array_equal(filled[3, [1, 2]], x[3, [1, 1]])  # a missing neck stays
    np.testing.assert_array_equal(filled, kinematics.fill_missing(jnp.asarray(x), jnp.asarray(valid)))
    for dims in FORMS:
        np.testing.assert_allclose(back(filled, dims)[valid], x[valid][..., :dims], rtol=0, atol=1e-5)


def test_bones_of_one_length_need_one_number():
    rng = np.random.default_rng(0)
    direction = random_pose(30)[:, 1:]
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    scale = rng.uniform(0.5, 2, 49).astype(np.float32)
    clip = kinematics.from_spatial(kinematics.SpatialPose(direction, scale, random_pose(30)[:, 0]))
    form = kinematics.make_rigid(kinematics.to_spatial(clip))
    np.testing.assert_allclose(form.scale, scale, rtol=1e-4)
    np.testing.assert_allclose(kinematics.from_spatial(form), clip, atol=1e-4)
    valid = np.ones((30, 50), bool)
    valid[:20, skeleton.LEFT] = valid[:, skeleton.RIGHT] = False
    gaps = np.where(valid[..., None], clip, 7).astype(np.float32)
    form = kinematics.make_rigid(kinematics.to_spatial(kinematics.fill_missing(gaps, valid)), valid)
    seen = ~((kinematics.CHILD >= 8) & (kinematics.CHILD < 29))
    np.testing.assert_allclose(form.scale[seen], scale[seen], rtol=1e-4)
    assert not form.scale[~seen].any()


@pytest.mark.parametrize("there, size, words", [
    (kinematics.to_planar, (4, 50, 3), "2-D angles"), (kinematics.to_spatial, (50, 2), "3-D angles"),
    (kinematics.to_planar, (4, 42, 2), r"\[4, 42, 2\]"),
])  # fmt: skip
def test_other_shapes_are_named(there, size, words):
    with pytest.raises(DataError, match=words) as caught:
        there(np.zeros(size))
    assert "\n" not in str(caught.value)
