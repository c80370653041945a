"""Quaternions: rotations as matrices have them, whatever their sign."""

import numpy as np

from signjax.pose import quaternions


def random_turns(count=50, seed=0):
    return quaternions.normalize(np.random.default_rng(seed).normal(size=(count, 4)))


def test_products_and_inverses_are_those_of_matrices():
    a, b = random_turns(), random_turns(seed=1)
    matrix = quaternions.to_matrix(a)
    np.testing.assert_allclose(matrix @ matrix.transpose(0, 2, 1), np.tile(np.eye(3), (50, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(matrix), 1)
    both = quaternions.to_matrix(quaternions.multiply(a, b))
    np.testing.assert_allclose(both, matrix @ quaternions.to_matrix(b), atol=1e-12)
    none = quaternions.multiply(a, quaternions.invert(a))
    np.testing.assert_allclose(none, np.tile(quaternions.IDENTITY, (50, 1)), atol=1e-12)
    np.testing.assert_array_equal(quaternions.invert(quaternions.invert(a)), a)


def test_the_smallest_turn_is_found_and_opposite_vectors_have_one():
    u, v = random_turns()[:, :3], random_turns(seed=1)[:, :3]
    u, v = quaternions.normalize(u), quaternions.normalize(v)
    v[0], v[1] = -u[0], u[1]
    turn = quaternions.turn_between(u, v)
    np.testing.assert_allclose(quaternions.rotate(turn, u), v, atol=1e-6)
    angles = quaternions.measure_angle(turn, quaternions.IDENTITY)
    np.testing.assert_allclose(angles, np.arccos(np.clip((u * v).sum(-1), -1, 1)), atol=1e-5)


def test_a_twist_is_what_lacks_to_a_direction():
    turn, towards = random_turns(), random_turns(seed=1)[:, :3]
    twist = quaternions.measure_twist(turn, np.eye(3)[0], np.eye(3)[1], towards)
    axis = quaternions.rotate(turn, np.eye(3)[0])
    side = quaternions.rotate(quaternions.turn_about(axis, twist), quaternions.rotate(turn, np.eye(3)[1]))
    across = towards - (towards * axis).sum(-1, keepdims=True) * axis
    np.testing.assert_allclose(side, quaternions.normalize(across), atol=1e-9)


def test_interpolation_takes_the_shorter_way_evenly():
    a, b = random_turns(), random_turns(seed=1)
    whole = quaternions.measure_angle(a, b)
    for share in (0.0, 0.3, 1.0):
        part = quaternions.interpolate(a, b, np.full(50, share))
        np.testing.assert_allclose(quaternions.measure_angle(a, part), share * whole, atol=1e-6)
    np.testing.assert_allclose(quaternions.interpolate(a, a, np.full(50, 0.5)), a, atol=1e-9)


def test_signs_go_on():
    turn = quaternions.turn_about(np.eye(3)[0], np.linspace(0, 20, 100))
    kept = quaternions.keep_hemisphere(turn * np.random.default_rng(0).choice([-1, 1], (100, 1)))
    assert ((kept[1:] * kept[:-1]).sum(-1) > 0.9).all() and kept[0, 3] > 0
    assert quaternions.measure_angle(kept, turn).max() < 1e-6
