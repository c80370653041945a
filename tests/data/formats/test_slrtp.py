"""SLRTP's 178 points: the face in either order, and a face of no known order."""

import format_files
import numpy as np
import pytest
from format_cases import POSE, VALID

from signjax.data.formats import landmark_arrays, landmarks, slrtp
from signjax.pose import skeleton


@pytest.mark.parametrize("order", slrtp.ORDERS)
def test_a_face_in_either_order(tmp_path, order):
    format_files.slrtp(tmp_path / "one.npy", POSE, VALID, order=order)
    [clip] = landmark_arrays.read_clips(tmp_path)
    there = np.array([number in order for number in landmarks.FACE])
    assert there.sum() == 59 and not there[27:36].any() and not there[68:].any()
    np.testing.assert_array_equal(clip.valid[:, skeleton.FACE], np.tile(there, (len(POSE), 1)))
    expected = (format_files.face_of(POSE) - (640, 300)) / 1000
    np.testing.assert_allclose(clip.points[:, skeleton.FACE, :2][:, there], expected[:, there], atol=1e-6)
    assert not clip.warnings


def test_a_face_of_another_order_is_named(tmp_path):
    order = np.random.default_rng(0).permutation(slrtp.MESH_POINTS).tolist()
    format_files.slrtp(tmp_path / "one.npy", POSE, VALID, order=order)
    [clip] = landmark_arrays.read_clips(tmp_path)
    assert not clip.has_face and clip.warnings == ((slrtp.UNKNOWN_FACE, ""),)


# Two of the five loops that the challenge's scripts draw, and the loops of the face mesh.
DRAWN_LIPS = (95, 130, 55, 54, 84, 51, 50, 62, 61, 167, 166, 172, 175, 140, 58, 59, 123, 165, 91, 92)
MESH_LIPS = (308, 415, 310, 311, 312, 13, 82, 81, 80, 191, 78, 95, 88, 178, 87, 14, 317, 402, 318, 324)
DRAWN_BROW = (147, 77, 78, 152, 153, 122, 121, 144, 143, 161)
MESH_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)


@pytest.mark.parametrize("drawn, mesh", [(DRAWN_LIPS, MESH_LIPS), (DRAWN_BROW, MESH_BROW)])
def test_lines_of_the_challenge_are_lines_of_the_mesh(drawn, mesh):
    assert tuple(slrtp.MESH_POINTS[point - slrtp.FACE_START] for point in drawn) == mesh
    assert len(set(slrtp.MESH_POINTS)) == 128
