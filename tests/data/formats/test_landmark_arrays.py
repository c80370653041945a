"""Arrays of MediaPipe's landmarks: every layout gives the clip that its JSON gives."""

import array_files
import format_files
import numpy as np
import pytest
from format_cases import POSE, VALID

from signjax.data import plausibility
from signjax.data.formats import (
    array_layouts,
    detect,
    frame_numbers,
    hand_sides,
    landmark_arrays,
    mediapipe,
    stacked_arrays,
)
from signjax.data.formats.base import UnreadableClip
from signjax.data.import_poses import import_poses

SIZE = format_files.SIZE


def assert_same(clip, plain, tolerance=0.01):
    """Where a clip has no face, or no pupils, that is not compared."""
    joints = 118 if clip.has_face else 50
    np.testing.assert_array_equal(clip.valid[:, :joints], plain.valid[:, :joints])
    np.testing.assert_allclose(clip.points[:, :joints], plain.points[:, :joints], atol=tolerance)


@pytest.mark.parametrize("order, face", [("plr", False), ("flpr", True), ("pflr", True)])
@pytest.mark.parametrize("dims", [2, 3, 4])
def test_points_of_a_recording(tmp_path, plain, order, face, dims):
    values = array_files.points(POSE, VALID, order, dims)
    array_files.save_recording(tmp_path / "a.npy", values, fps=24, width=SIZE[0], height=SIZE[1])
    [clip] = landmark_arrays.read_clips(tmp_path)
    assert_same(clip, plain)
    assert clip.fps == 24 and clip.has_face == face and clip.sid == "a" and not clip.warnings


def test_a_third_value_from_0_to_1_is_a_confidence(tmp_path, plain):
    values = array_files.points(POSE, VALID, "plr")
    missing = np.isnan(values[..., 0])
    # What detectors give for a hand that they do not see: places, and no confidence.
    values[..., 2] = np.where(missing, 0.0, 0.9)
    values[missing, :2] = np.random.default_rng(0).uniform(0, 1, (missing.sum(), 2))
    array_files.save_recording(tmp_path / "a.npy", values)
    [clip] = landmark_arrays.read_clips(tmp_path, SIZE)
    assert_same(clip, plain)
    assert [warning.kind for warning in clip.warnings] == [array_layouts.CONFIDENCE]


@pytest.mark.parametrize("axis", [0, 1])
def test_an_axis_of_one_person_or_clip_is_left_out(tmp_path, plain, axis):
    values = np.expand_dims(array_files.points(POSE, VALID, "plr"), axis)
    array_files.save_recording(tmp_path / "a.npy", values)
    [clip] = landmark_arrays.read_clips(tmp_path, SIZE)
    assert_same(clip, plain)


@pytest.mark.parametrize("order, count", [("plr", 258), ("pflr", 1662)])
def test_folders_of_frames(tmp_path, plain, order, count):
    values = array_files.numbers(POSE, VALID, order)
    assert values.shape[1] == count
    for folder in ("hello/0", "hello/1", "thank you/0"):
        array_files.save_frames(tmp_path / folder, values)
    first, _, second = landmark_arrays.read_clips(tmp_path, SIZE)
    assert_same(first, plain)
    assert (first.sid, first.text) == ("hello_0", "hello") and second.text == "thank you"
    assert first.warnings == ((landmark_arrays.WORD_OF_FOLDER, "hello"),)
    # A table of texts makes the guess void.
    (tmp_path / "index.csv").write_text("clip,text\nhello_0,Hello!\n")
    report = import_poses(tmp_path, str(tmp_path / "sets"), "mine", size=SIZE)
    assert (
        f"{landmark_arrays.WORD_OF_FOLDER}: 2 clips: hello_1 (hello), thank you (thank you)"
        in report["warnings"]
    )


@pytest.mark.parametrize("order", ["pflr", "flpr"])
def test_the_order_is_known_from_the_body_alone(tmp_path, plain, order):
    values = array_files.points(POSE, VALID, order)
    values[:, [k for k in range(543) if not (k < 33 if order == "pflr" else 489 <= k < 522)]] = np.nan
    np.save(tmp_path / "a.npy", values)
    [clip] = landmark_arrays.read_clips(tmp_path, SIZE)
    np.testing.assert_allclose(clip.points[:, :8], plain.points[:, :8], atol=0.01)


@pytest.mark.parametrize("order, in_pose", [("plr", 3), ("flpr", 3)])
def test_flat_recordings(tmp_path, plain, order, in_pose):
    np.save(tmp_path / "a.npy", array_files.numbers(POSE, VALID, order, in_pose))
    [clip] = landmark_arrays.read_clips(tmp_path / "a.npy", SIZE)
    assert_same(clip, plain)


def test_a_missing_number_is_a_missing_frame(tmp_path, plain):
    array_files.save_frames(tmp_path / "hello" / "7", array_files.numbers(POSE, VALID, "plr"))
    (tmp_path / "hello/7/5.npy").unlink()
    [clip] = landmark_arrays.read_clips(tmp_path, SIZE)
    assert len(clip) == len(plain) and not clip.valid[5].any()
    np.testing.assert_allclose(clip.points[11], plain.points[11, :50], atol=0.01)
    assert (frame_numbers.GAPS, "5") in clip.warnings


def test_many_clips_in_one_array(tmp_path, plain):
    values = array_files.points(POSE, VALID, "plr")
    array_files.save_stack(tmp_path, [("a/b", values[:5]), ("hello", values)])
    first, second = landmark_arrays.read_clips(tmp_path, SIZE)
    assert (first.sid, first.text, len(first)) == ("a-b_0", "a/b", 5)
    assert_same(second, plain, 0.2)
    assert (
        second.fps == 20 and second.signer == "s1" and second.warnings == ((stacked_arrays.FIXED_POINT, ""),)
    )


def test_two_arrays_with_the_same_words(tmp_path):
    values = array_files.points(POSE[:4], VALID[:4], "plr")
    for name in ("one", "two"):
        array_files.save_stack(tmp_path, [("hello", values)], name)
    clips = list(landmark_arrays.read_clips(tmp_path, SIZE))
    assert [(clip.sid, clip.text) for clip in clips] == [("one_hello_0", "hello"), ("two_hello_0", "hello")]


def test_hands_by_side_of_the_picture(tmp_path, plain):
    array_files.save_recording(tmp_path / "a.npy", array_files.points(POSE, VALID, "prl"))
    [clip] = map(plausibility.inspect_clip, landmark_arrays.read_clips(tmp_path, SIZE))
    assert_same(clip, plain)
    assert (hand_sides.CROSSED, "") in clip.warnings


def test_hands_that_rest_in_each_other_stay_where_they_are():
    points = np.zeros((9, 145, 3))
    points[:, [16, 33], 0], points[:, [15, 54], 0] = 1.0, 1.05
    points[:, 33] += 0.04
    seen = np.ones((9, 145), bool)
    map_of = mediapipe.landmarks.JOINT_MAP
    assert hand_sides.cross_hands(points, seen, map_of) == (map_of, False)


def test_names_of_files_that_are_no_words(tmp_path):
    """Folders of splits, a single folder, and names with a text beside them."""
    values = array_files.points(POSE, VALID, "plr")
    array_files.save_recording(tmp_path / "x/train/a.npy", values)
    array_files.save_recording(tmp_path / "x/dev/b.npy", values)
    array_files.save_recording(tmp_path / "y/hello/0.npy", values)
    array_files.save_recording(tmp_path / "y/no/0.npy", values)
    (tmp_path / "y/no/0.txt").write_text("No!")
    assert [clip.text for clip in landmark_arrays.read_clips(tmp_path / "x", SIZE)] == ["", ""]
    clips = list(landmark_arrays.read_clips(tmp_path / "y", SIZE))
    assert [(clip.sid, clip.text) for clip in clips] == [("hello_0", "hello"), ("no_0", "No!")]


@pytest.mark.parametrize("values, message", [
    (np.zeros((4, 42, 3)), "has hands only"),
    (np.zeros((4, 61, 3)), "frames of shape [61, 3]; known are"),
    (np.zeros((0, 75, 3)), "has 0 frames"),
    (np.zeros((4, 75, 3), bool), "is bool [4, 75, 3]"),
    (np.zeros(7), "is float64 [7]"),
    (np.ones((4, 75, 3)), "give --size"),
])  # fmt: skip
def test_what_is_no_clip_is_named(tmp_path, values, message):
    np.save(tmp_path / "a.npy", values)
    [item] = detect.detect_format(tmp_path).read_clips(tmp_path)
    assert isinstance(item, UnreadableClip) and message in item.reason and "\n" not in item.reason


@pytest.mark.parametrize("change, message", [
    (lambda folder: np.save(folder / "3.npy", np.zeros(1662)), "3.npy: has 1662 numbers, others 258"),
    (lambda folder: (folder / "3.npy").write_bytes(b"x"), "3.npy: is no array"),
])  # fmt: skip
def test_a_frame_that_is_none_is_named(tmp_path, change, message):
    array_files.save_frames(tmp_path / "hello/0", array_files.numbers(POSE[:4], VALID[:4], "plr"))
    change(tmp_path / "hello/0")
    [item] = landmark_arrays.read_clips(tmp_path, SIZE)
    assert isinstance(item, UnreadableClip) and message in item.reason


@pytest.mark.parametrize("row, message", [
    ("x,0,0,99", "its frames 0 to 99 are not in the 4 of the array"),
    ("x,0,a,4", "its start and frames are 'a' and '4'"),
    ("x,0,0", "its start and frames are '0' and ''"),
])  # fmt: skip
def test_a_row_that_is_no_clip_is_named(tmp_path, row, message):
    np.save(tmp_path / "w.npy", array_files.points(POSE[:4], VALID[:4], "plr"))
    (tmp_path / "w_index.csv").write_text(f"label,sequence,start,frames\n{row}\nx,1,0,4\n")
    item, clip = landmark_arrays.read_clips(tmp_path, SIZE)
    assert isinstance(item, UnreadableClip) and message in item.reason and clip.text == "x"
    (tmp_path / "w_index.csv").write_text("label,frames\n")
    [item] = landmark_arrays.read_clips(tmp_path, SIZE)
    assert "w_index.csv has no columns start and frames" in item.reason


def test_every_layout_has_its_size():
    for table in (array_layouts.BY_NUMBERS, array_layouts.BY_POINTS):
        for count, layouts in table.items():
            for layout in layouts:
                sizes = [
                    len(part.points) * (part.numbers if table is array_layouts.BY_NUMBERS else 1)
                    for part in layout
                ]
                assert sum(sizes) == count
