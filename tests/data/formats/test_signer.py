"""Which of several people is the signer: by the whole clip, whatever order and confidence frames have."""

import json

import format_files
import numpy as np
import pytest

from signjax.data.formats import dwpose, frame_numbers, openpose, pose_file, pose_format, signer
from signjax.data.formats.base import JointMap

BODY_AND_HANDS = JointMap(tuple((k,) for k in range(8)), 8, 29)


def person(seed, place=0.0, moves=True, size=1.0, confidence=0.9):
    """x, y and confidence [T, 50, 3] of somebody `place` pixels to the right."""
    pose = format_files.motion(seed, 30)
    pose = pose if moves else pose[:1] + 0 * pose
    points = format_files.pixels(pose * size) + np.array([place, 0.0])
    return np.concatenate([points, np.full((*points.shape[:2], 1), confidence)], -1)


def mix(*people, seed=0):
    """The people of each frame in an order of its own, and where the first is."""
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(people)) for _ in range(len(people[0]))]
    frames = [np.stack([people[k][t] for k in order]) for t, order in enumerate(orders)]
    return frames, [int(np.flatnonzero(order == 0)[0]) for order in orders], orders


@pytest.mark.parametrize("other", [
    person(1, 500, moves=False),
    person(1, 500, moves=False, confidence=0.95),
    person(1, -350, size=0.4),
    person(1, 300, moves=False, size=1.2),
])  # fmt: skip
def test_the_one_who_signs_is_chosen_in_every_frame(other):
    frames, places, _ = mix(person(0), other)
    # Frame by frame, the other one is surer in every third.
    for t in range(0, 30, 3):
        frames[t][places[t], :, 2] = 0.6
    chosen, warnings = signer.choose_signer(frames, BODY_AND_HANDS)
    assert chosen.tolist() == places
    assert [warning.kind for warning in warnings] == [signer.SEVERAL]
    assert warnings[0].detail == "2 people, the signer in 30 of 30 frames"


def test_frames_without_the_signer_show_nobody():
    frames, places, _ = mix(person(0), person(1, 500, moves=False))
    for t in range(10, 20):
        frames[t], places[t] = np.delete(frames[t], places[t], 0), -1
    chosen, _ = signer.choose_signer(frames, BODY_AND_HANDS)
    assert chosen.tolist() == places
    points = signer.pick_people(frames, chosen)
    assert not points[10:20].any() and points[:10].all()


def test_numbers_of_a_tracker_are_used_where_they_follow_people():
    # They walk past each other: by place alone, nobody could tell.
    path = np.linspace(-400, 400, 30)[:, None, None] * np.array([1, 0, 0])
    frames, places, orders = mix(person(0) + path, person(1, moves=False) - path)
    chosen, _ = signer.choose_signer(frames, BODY_AND_HANDS, [[int(k) for k in order] for order in orders])
    assert chosen.tolist() == places
    # Numbers that only count the people of each frame follow nobody.
    frames, places, _ = mix(person(0), person(1, 500, moves=False))
    for ids in ([0, 1], [-1, -1]):
        chosen, _ = signer.choose_signer(frames, BODY_AND_HANDS, [ids] * 30)
        assert chosen.tolist() == places


def test_one_person_is_the_signer_wherever_the_picture_is_cut():
    points = person(0)
    points[20:, :, 0] += 600
    frames = [frame[None] for frame in points]
    frames[7] = frames[7][:0]
    chosen, warnings = signer.choose_signer(frames, BODY_AND_HANDS)
    assert chosen.tolist() == [0] * 7 + [-1] + [0] * 22 and not warnings
    # A lamp that is taken for a body now and then is no second person.
    frames[5] = np.concatenate([points[5:6] * 0.3, points[5:6]])
    chosen, warnings = signer.choose_signer(frames[:20], BODY_AND_HANDS)
    assert chosen.tolist() == [0] * 5 + [1, 0, -1] + [0] * 12 and not warnings


def test_openpose_reads_the_signer(tmp_path):
    """As OpenPose writes people: with the number -1, the surest first."""
    pose = format_files.motion()
    format_files.openpose(tmp_path / "one", pose, np.ones((12, 50), bool))
    [clip] = openpose.read_clips(tmp_path)
    assert clip.valid.all() and not clip.warnings


def test_pose_files_and_mmpose_read_the_signer(tmp_path):
    """Two people in an order that changes from frame to frame; numbers of frames are times."""
    pose, valid = format_files.motion(), format_files.validity()
    file = format_files.pose_file(pose, valid, "openpose")
    still = file.points[:1] + np.zeros_like(file.points) + np.array([600, 0], np.float32)
    swap = np.arange(12) % 3 == 1
    pairs = [(file.points, still), (file.confidence, np.full_like(file.confidence, 0.95))]
    points, confidence = (
        np.where(swap.reshape(-1, *[1] * (a.ndim - 1)), np.concatenate([b, a], 1), np.concatenate([a, b], 1))
        for a, b in pairs
    )
    (tmp_path / "one.pose").write_bytes(
        pose_file.format_pose_file(file._replace(points=points, confidence=confidence))
    )
    [clip] = pose_format.read_clips(tmp_path)
    assert [warning.kind for warning in clip.warnings] == [signer.SEVERAL]
    np.testing.assert_array_equal(clip.valid[:, :50], valid)
    np.testing.assert_allclose(clip.points[:, :50, :2][valid], format_files.pixels(pose)[valid], rtol=1e-5)

    format_files.dwpose(tmp_path / "one.json", pose, valid)
    content = json.loads((tmp_path / "one.json").read_text())
    for t, frame in enumerate(content["instance_info"]):
        frame["frame_id"] = 10 + t
        [person] = content["instance_info"][0]["instances"][:1]
        other = {"keypoints": [[x + 600, y] for x, y in person["keypoints"]], "keypoint_scores": [0.95] * 133}
        frame["instances"].insert(t % 2, other) if t else frame["instances"].append(other)
    del content["instance_info"][4:6]
    content["instance_info"].reverse()
    (tmp_path / "one.json").write_text(json.dumps(content))
    [clip] = dwpose.read_clips(tmp_path / "one.json")
    expected = valid.copy()
    expected[4:6] = False
    np.testing.assert_array_equal(clip.valid[:, :50], expected)
    assert tuple(clip.warnings[0]) == (frame_numbers.GAPS, "4-5")
    np.testing.assert_allclose(
        clip.points[:, :50, :2][expected], format_files.pixels(pose)[expected], rtol=1e-5
    )


def test_hands_before_the_face_are_recognised(tmp_path):
    pose, valid = format_files.motion(), np.ones((12, 50), bool)
    format_files.dwpose(tmp_path / "one.json", pose, valid)
    [expected] = dwpose.read_clips(tmp_path)
    content = json.loads((tmp_path / "one.json").read_text())
    for order in ([*range(112, 133), *range(91, 112)], [*range(91, 112), *range(112, 133)]):
        changed = json.loads(json.dumps(content))
        for frame in changed["instance_info"]:
            [person] = frame["instances"]
            for key, rows in person.items():
                person[key] = [rows[k] for k in [*range(23), *order, *range(23, 91)]]
        (tmp_path / "one.json").write_text(json.dumps(changed))
        [clip] = dwpose.read_clips(tmp_path)
        np.testing.assert_array_equal(clip.points, expected.points)
        assert dwpose.HANDS_FIRST in [warning.kind for warning in clip.warnings] and not expected.warnings


def test_files_of_pictures_are_frames(tmp_path):
    """As MMPose writes them for a folder of pictures: a list of people in each file."""
    pose, valid = format_files.motion(), format_files.validity()
    format_files.dwpose(tmp_path / "one.json", pose, valid)
    [expected] = dwpose.read_clips(tmp_path / "one.json")
    frames = json.loads((tmp_path / "one.json").read_text())["instance_info"]
    (tmp_path / "two").mkdir()
    for t, frame in enumerate(frames):
        if t not in (4, 5):
            (tmp_path / f"two/frame_{t}.json").write_text(json.dumps(frame["instances"] if t else []))
    clips = list(dwpose.read_clips(tmp_path))
    assert [clip.sid for clip in clips] == ["one", "two"]
    kinds = [warning.kind for warning in clips[1].warnings]
    assert kinds == [frame_numbers.GAPS, dwpose.PICTURES] and not clips[0].warnings
    there = [1, 2, 3, 6, 7, 8, 9, 10, 11]
    np.testing.assert_array_equal(clips[1].points[there], expected.points[there])
    assert not clips[1].valid[[0, 4, 5]].any()
