"""Bones of avatars: they give the positions back, turn as the data do, and do not flip."""

import dataclasses

import numpy as np
import pytest
from avatar_clips import demo_clip, hide_joints, mirror_clip, reverse_axes, turn_clip

from signjax.errors import DataError
from signjax.pose import avatar_axes, avatar_rig, quaternions, rotations, skeleton
from signjax.pose.clip import Clip

HIPS = avatar_rig.NUMBERS["hips"]
TEXTS = ("hello", "where do you live", "my phone is two five one seven", "i love my family")


def measure_errors(clip):
    placed = avatar_axes.place_clip(clip)
    return rotations.measure_error(rotations.solve_placed(placed), placed)


def assert_same_turns(one, other, atol=1e-4):
    apart = quaternions.measure_angle(one, other)
    names = [avatar_rig.NAMES[bone] for bone in np.flatnonzero((apart > atol).any(0))]
    assert not names, names


def speeds(clip):
    """How far bones turn from frame to frame [T - 1, N] in radians, and the data's bones at most [T - 1]."""
    _, turns = rotations.find_bones(rotations.solve_rotations(clip))
    vectors = quaternions.normalize(
        clip.points[:, skeleton.BONES[:, 0]] - clip.points[:, skeleton.BONES[:, 1]]
    )
    data = np.arccos(np.clip((vectors[1:] * vectors[:-1]).sum(-1), -1, 1))
    return quaternions.measure_angle(turns[1:], turns[:-1]), data.max(1)


@pytest.mark.parametrize("text", TEXTS)
def test_positions_of_rigid_clips_come_back(text):
    for seed in range(3):
        assert np.nanmax(measure_errors(demo_clip(text, seed))) < 0.005


def test_the_error_of_other_clips_is_what_their_bones_stretch():
    clip = demo_clip()
    stretched = clip.points.copy()
    stretched[:, skeleton.NOSE] += 0.1 * (stretched[:, skeleton.NOSE] - stretched[:, skeleton.NECK]) * (
        np.arange(len(clip)) % 3 == 0
    )[:, None]  # fmt: skip
    errors = measure_errors(dataclasses.replace(clip, points=stretched)).max(0)
    assert 0.04 < errors[skeleton.NOSE] < 0.1 and errors[1:].max() < 0.005


@pytest.mark.parametrize("text", TEXTS)
def test_no_bone_turns_faster_than_the_data(text):
    for seed in range(3):
        ours, data = speeds(demo_clip(text, seed))
        # Two bones that move against each other turn their common hinge by more than either.
        assert (ours.max(1) < 2.5 * data).all() and ours.max() < 1.6 * data.max()


def test_bones_are_unit_quaternions_that_keep_their_sign():
    motion = rotations.solve_rotations(demo_clip())
    assert motion.rotations.shape == (81, len(avatar_rig.BONES), 4)
    np.testing.assert_allclose(np.linalg.norm(motion.rotations, axis=-1), 1, atol=1e-9)
    assert ((motion.rotations[1:] * motion.rotations[:-1]).sum(-1) > 0).all()


@pytest.mark.parametrize("axis, degrees", [((0, 1, 0), 35), ((1, 0, 0), -50), ((1, 2, 3), 60)])
def test_a_turn_of_the_whole_body_changes_the_hips_alone(axis, degrees):
    clip = demo_clip()
    one, other = (rotations.solve_rotations(c) for c in (clip, turn_clip(clip, axis, degrees)))
    assert_same_turns(np.delete(one.rotations, HIPS, 1), np.delete(other.rotations, HIPS, 1), 1e-3)
    apart = quaternions.measure_angle(one.rotations[:, HIPS], other.rotations[:, HIPS])
    np.testing.assert_allclose(apart, np.radians(abs(degrees)), atol=1e-3)
    np.testing.assert_allclose(one.offsets, other.offsets, atol=1e-4)


def test_another_place_and_size_change_nothing():
    clip = demo_clip()
    moved = dataclasses.replace(clip, points=clip.points * 700 + [600, 300, 20])
    one, other = (rotations.solve_rotations(c) for c in (clip, moved))
    assert_same_turns(one.rotations, other.rotations, 1e-2)
    np.testing.assert_allclose(one.hips, other.hips, atol=1e-3)


def test_a_mirrored_clip_has_the_mirrored_motion():
    clip = demo_clip()
    one, other = (rotations.solve_rotations(c) for c in (clip, mirror_clip(clip)))
    mirrored = one.rotations[:, avatar_rig.MIRROR] * [1, -1, -1, 1]
    assert_same_turns(mirrored, other.rotations, 1e-3)
    np.testing.assert_allclose(one.offsets[avatar_rig.MIRROR] * [-1, 1, 1], other.offsets, atol=1e-5)


def test_the_motion_of_what_comes_out_is_the_motion():
    motion = rotations.solve_rotations(demo_clip())
    again = rotations.solve_rotations(Clip(rotations.find_joints(motion) * [1, -1, -1]))
    assert_same_turns(motion.rotations, again.rotations, 1e-2)


@pytest.mark.parametrize("signs", [(1, 1, -1), (-1, 1, 1), (-1, 1, -1)])
def test_whichever_way_axes_point_the_avatar_faces_us(signs):
    clip = demo_clip()
    one, other = (rotations.solve_rotations(c) for c in (clip, reverse_axes(clip, *signs)))
    for motion in (one, other):
        assert (quaternions.rotate(motion.rotations[:, HIPS], [0, 0, 1])[:, 2] > 0.9).all()
        assert (quaternions.rotate(motion.rotations[:, HIPS], [0, 1, 0])[:, 1] > 0.99).all()
    assert_same_turns(np.delete(one.rotations, HIPS, 1), np.delete(other.rotations, HIPS, 1), 1e-2)


def test_a_hand_that_flips_for_a_moment_does_not_turn_the_avatar():
    clip = demo_clip()
    points = clip.points.copy()
    root = points[30:33, [skeleton.R_HAND]]
    along = points[30:33, [skeleton.R_HAND + 9]] - root
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    # Half a turn about the palm's own axis: the knuckles change places.
    offset = points[30:33, skeleton.RIGHT] - root
    points[30:33, skeleton.RIGHT] = root + 2 * (offset * along).sum(-1, keepdims=True) * along - offset
    flipped = dataclasses.replace(clip, points=points)
    ours, _ = speeds(flipped)
    assert ours[28:34, avatar_rig.NUMBERS["rightHand"]].max() < np.radians(45)
    assert np.nanmax(measure_errors(flipped)) < 0.005


def test_missing_joints_are_bridged_and_named():
    clip = demo_clip()
    gaps = hide_joints(hide_joints(clip, slice(20, 30), skeleton.RIGHT), slice(0, None), skeleton.LEFT)
    motion = rotations.solve_rotations(gaps)
    assert motion.held == ("the right hand in 10 of 81 frames", "the left hand in 81 of 81 frames")
    assert np.isfinite(motion.rotations).all() and np.nanmax(measure_errors(gaps)) < 0.005
    index = motion.rotations[:, avatar_rig.NUMBERS["rightIndexProximal"]]
    steps = quaternions.measure_angle(index[19:30], index[20:31])
    np.testing.assert_allclose(steps, steps[0], atol=1e-5)
    np.testing.assert_array_equal(motion.rotations[:, avatar_rig.NUMBERS["leftIndexDistal"], 3], 1)
    assert not rotations.solve_rotations(clip).held


def test_a_straight_arm_keeps_its_turn():
    clip = demo_clip()
    points = clip.points.copy()
    for shift in range(30, 36):
        upper = points[shift, skeleton.R_ELBOW] - points[shift, skeleton.R_SHOULDER]
        hand = [skeleton.R_WRIST, *range(8, 29)]
        reach = np.linalg.norm(points[shift, skeleton.R_WRIST] - points[shift, skeleton.R_ELBOW])
        straight = points[shift, skeleton.R_ELBOW] + upper / np.linalg.norm(upper) * reach
        points[shift, hand] += straight - points[shift, skeleton.R_WRIST]
    ours, _ = speeds(dataclasses.replace(clip, points=points))
    assert ours[30:35, avatar_rig.NUMBERS["rightUpperArm"]].max() < np.radians(30)


def test_a_face_turns_the_head():
    clip = demo_clip()
    points = np.zeros((len(clip), 120, 3), np.float32)
    points[:, :50] = clip.points
    corners = np.array([[-0.3, 0, 0], [0.3, 0, 0], [-0.2, 0.5, 0], [0.2, 0.5, 0]])
    yaw = quaternions.turn_about(np.array([0, -1.0, 0]), np.radians(25))
    unit = np.linalg.norm(points[0, 2] - points[0, 1])
    nose = points[:, [skeleton.NOSE]]
    points[:, rotations.FACE_CORNERS] = nose + unit * quaternions.rotate(yaw, corners)
    # Depth grows towards us in the demo, so that its axes are left-handed, and turns go the other way round.
    head = rotations.solve_rotations(dataclasses.replace(clip, points=points, valid=None)).rotations
    front = quaternions.rotate(head[:, avatar_rig.NUMBERS["head"]], [0, 0, 1])
    assert (np.abs(np.degrees(np.arctan2(front[:, 0], front[:, 2]))) > 15).all()
    none = rotations.solve_rotations(clip).rotations[:, avatar_rig.NUMBERS["head"]]
    np.testing.assert_array_equal(none, np.tile(quaternions.IDENTITY, (len(clip), 1)))


@pytest.mark.parametrize("change, words", [
    (lambda clip: reverse_axes(clip, 1, 1, 0), "has no depth.*3-D data"),
    (lambda clip: hide_joints(clip, slice(None), [skeleton.R_SHOULDER]), "both shoulders"),
    (lambda clip: hide_joints(clip.move_to(), slice(None), [skeleton.NECK]), "the neck"),
    (lambda clip: Clip(np.zeros((0, 50, 3)), sid="one"), "no frames"),
])  # fmt: skip
def test_what_cannot_be_posed_is_refused_in_one_line(change, words):
    with pytest.raises(DataError, match=rf"clip one: .*{words}") as caught:
        rotations.solve_rotations(change(demo_clip(sid="one")))
    assert "\n" not in str(caught.value)
