"""Files of one frame: which clip they belong to, and when in it they are."""

import json

import format_files
import numpy as np
import pytest

from signjax.data.formats import detect, file_names, frame_numbers, mediapipe, openpose


@pytest.mark.parametrize("pattern", [
    "clip_{:012}", "clip{}", "a-{:03}", "01April_heute.avi_pid0_fn{:06}-0", "cam2_{}_v3", "{}", "x {} of 60",
])  # fmt: skip
def test_files_of_a_folder_are_one_clip_in_the_order_of_their_numbers(pattern):
    numbers = [0, 2, 10, 9, 1]
    [clip] = frame_numbers.group_by_clip([pattern.format(n) for n in numbers])
    assert clip.numbers == sorted(numbers) and clip.indices == [0, 4, 1, 3, 2]


def test_clips_that_share_a_folder_are_told_apart():
    stems = [f"{name}_{t:04}" for name in ("one_1", "one_2", "two") for t in range(3)]
    clips = frame_numbers.group_by_clip(stems)
    assert [(clip.name, clip.numbers) for clip in clips] == [
        (n, [0, 1, 2]) for n in ("one_1", "one_2", "two")
    ]
    # A number behind that of the frame, as of a person.
    clips = frame_numbers.group_by_clip([f"a_{t:06}_{person}" for t in range(3) for person in range(2)])
    assert [clip.indices for clip in clips] == [[0, 2, 4], [1, 3, 5]] and clips[0].name != clips[1].name


@pytest.mark.parametrize("pattern, name", [
    ("S01-A10_frame_{:05}", "S01-A10"), ("clip-IMG{}", "clip"), ("a.fn{}", "a"), ("frame{}", "frame"),
    ("_frame_{}", "_frame"), ("mainframe_{}", "mainframe"),
])  # fmt: skip
def test_the_word_frame_is_no_part_of_a_name(pattern, name):
    [clip] = frame_numbers.group_by_clip([pattern.format(t) for t in range(3)])
    assert clip.name == name


def test_names_stay_apart_without_the_word_frame():
    stems = [f"{name}_{t}" for name in ("a_frame", "a_img") for t in range(3)]
    assert [clip.name for clip in frame_numbers.group_by_clip(stems)] == ["a_frame", "a_img"]


@pytest.mark.parametrize("numbers, places, warned", [
    ([7], [0], ""),
    ([4, 5, 6], [0, 1, 2], ""),
    ([4, 5, 8], [0, 1, 4], "missing"),
    ([0, 2, 4], [0, 1, 2], "go up by 2"),
    ([0, 40, 80, 160], [0, 1, 2, 4], "missing"),
    ([3, 3, 4], [0, 1, 2], "no numbers of their own"),
    ([0, 1, 10**30], [0, 1, 2], "leave out most"),
])  # fmt: skip
def test_numbers_are_times(numbers, places, warned):
    actual, warnings = frame_numbers.place_frames(numbers)
    assert actual.tolist() == places and warned in " ".join(warning.kind for warning in warnings)
    assert bool(warnings) == bool(warned)
    filled = frame_numbers.fill_gaps(np.ones((len(numbers), 2)), actual)
    assert np.flatnonzero(filled.any(1)).tolist() == places


def test_frames_without_a_file_are_missing_frames(tmp_path):
    pose, valid = format_files.motion(), format_files.validity()
    format_files.openpose(tmp_path / "one", pose, valid)
    [whole] = openpose.read_clips(tmp_path)
    for t in (3, 4, 5, 9):
        (tmp_path / f"one/one_{t:012}_keypoints.json").unlink()
    [clip] = openpose.read_clips(tmp_path)
    assert len(clip) == 12 and not clip.valid[[3, 4, 5, 9]].any()
    there = [0, 1, 2, 6, 7, 8, 10, 11]
    np.testing.assert_array_equal(clip.points[there], whole.points[there])
    assert [tuple(w) for w in clip.warnings] == [(frame_numbers.GAPS, "3-5, 9")]


def test_frames_of_openpose_may_have_other_names(tmp_path):
    format_files.openpose(tmp_path / "one", format_files.motion(), format_files.validity())
    [expected] = openpose.read_clips(tmp_path)
    for t in range(12):
        file = tmp_path / f"one/one_{t:012}_keypoints.json"
        file.rename(file.with_name(f"{t}.json"))
    [clip] = detect.detect_format(tmp_path).read_clips(tmp_path)
    np.testing.assert_array_equal(clip.points, expected.points)


@pytest.mark.parametrize("key, values, places, warned", [
    ("frame_id", [3, 1, 2], [0, 1, 2], ""),
    ("frame", [1, 2, 5], [0, 1, 4], "missing"),
    ("timestamp_ms", [0, 33, 67, 100, 200], [0, 1, 2, 3, 6], "missing"),
    ("timestamp", [0.04, 0.08, 0.12], [0, 1, 2], ""),
    ("timestamp_ms", [0, 50, 125, 175], [0, 1, 2, 3], "uneven"),
    ("timestamp_ms", [0, 0, 0], [0, 1, 2], "uneven"),
    ("timestamp_ms", [0, 1e300, 1e12], [0, 1, 2], "some frames have no"),
    ("frame_id", [1, None, 2], [0, 1, 2], "some frames have no"),
    ("frame_id", [True, "1", None], [0, 1, 2], ""),
])  # fmt: skip
def test_files_say_when_frames_are(key, values, places, warned):
    entries = [{key: value} for value in values]
    order, actual, warnings = frame_numbers.place_entries(entries)
    assert actual.tolist() == places and warned in " ".join(warning.kind for warning in warnings)
    assert bool(warnings) == bool(warned)
    assert order == ([1, 2, 0] if values == [3, 1, 2] else list(range(len(values))))


def test_landmarks_lie_at_their_times(tmp_path):
    format_files.landmarks(tmp_path / "one.json", format_files.motion(), format_files.validity())
    [whole] = mediapipe.read_clips(tmp_path)
    content = json.loads((tmp_path / "one.json").read_text())
    for t, frame in enumerate(content["frames"]):
        frame["timestamp_ms"] = round(t * 1000 / 30)
    del content["frames"][5:8]
    (tmp_path / "one.json").write_text(json.dumps(content))
    [clip] = mediapipe.read_clips(tmp_path)
    there = [0, 1, 2, 3, 4, 8, 9, 10, 11]
    np.testing.assert_array_equal(clip.points[there], whole.points[there])
    assert not clip.valid[5:8].any() and (frame_numbers.GAPS, "5-7") in [tuple(w) for w in clip.warnings]


def test_a_numbered_folder_gives_way_to_the_name_above_it(tmp_path):
    for folder in ("a/1", "b/1", "hello/0", "hello/1", "c", "train/7"):
        (tmp_path / "set" / folder).mkdir(parents=True)
    root = tmp_path / "set"
    names = {
        folder: file_names.name_folder(root, root / folder) for folder in ("a/1", "hello/1", "c", "train/7")
    }
    assert names == {"a/1": "a", "hello/1": "hello_1", "c": "c", "train/7": "7"}
    assert file_names.name_folder(root / "a/1", root / "a/1") == "a"
    assert file_names.name_folder(root / "a", root / "a/1") == "a"
    assert file_names.name_folder(root / "hello", root / "hello/1") == "1"


def test_phoenix_folders_are_clips(tmp_path):
    pose, valid = format_files.motion(frames=3), format_files.validity(3)
    for name in ("one", "two"):
        folder = tmp_path / name / "1"
        format_files.openpose(folder, pose, valid)
        for t, file in enumerate(sorted(folder.iterdir())):
            file.rename(folder / f"x.avi_pid0_fn{t:06}-0_keypoints.json")
    (tmp_path / "one/text.txt").write_text("hello")
    clips = list(openpose.read_clips(tmp_path))
    assert [(clip.sid, len(clip), clip.text) for clip in clips] == [("one", 3, "hello"), ("two", 3, "")]
