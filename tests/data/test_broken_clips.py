"""Clips of a data set that cannot be read: each with its reason, and how many a split may have."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from packed_sets import Lines, content, dataset, packings, recording, write

from signjax.data import clip_files, pack_files, pack_writer
from signjax.data.load import load_split
from signjax.errors import DataError


def test_a_clip_is_read_in_skeleton_order(tmp_path):
    x = recording(0)
    write(tmp_path / "a", x, "  Good day. \n")
    clip = clip_files.read_clip(tmp_path / "a")
    assert clip.sid == "a" and clip.text == "Good day."
    assert clip.points.dtype == np.float32 and clip.valid.all() and clip.valid.shape == (12, 50)
    np.testing.assert_array_equal(clip.points, x.astype(np.float32))


def frame_with(key, value):
    def change(c):
        c["poses"][3][key] = value

    return change


BROKEN = {
    "no json": ("{'poses': 3}", "not valid JSON"),
    "cut": (json.dumps(content(recording(0)))[:-100], "not valid JSON"),
    "not utf-8": (b'{"poses": "\xff\xfe"}', "not valid JSON"),
    "deep": ("[" * 200_000, "nested"),
    "a list": ("[]", "no JSON object"),
    "a key twice": ('{"poses": [], "poses": [[]]}', "the key 'poses' twice"),
    "no poses": (lambda c: c.pop("poses"), 'no list "poses"'),
    "poses of another type": (lambda c: c.update(poses={"0": 1}), 'no list "poses"'),
    "no frames": (lambda c: c.update(poses=[], num_frames=0), "0 frames"),
    "other count": (lambda c: c.update(num_frames=11), "num_frames is 11, but there are 12"),
    "frame of another type": (lambda c: c["poses"].__setitem__(3, [1, 2]), "frame 3 has no list pose_"),
    "missing key": (lambda c: c["poses"][3].pop("hand_left_keypoints_2d"), "frame 3 has no list hand_left"),
    "wrong length": (frame_with("pose_keypoints_2d", [0.0] * 75), "pose_keypoints_2d has 75 numbers"),
    "NaN": (frame_with("pose_keypoints_2d", [float("nan")] * 24), "NaN"),
    "Infinity": (frame_with("pose_keypoints_2d", [float("-inf")] * 24), "Infinity"),
    "overflow": (frame_with("hand_right_keypoints_2d", [1e300] * 63), "frame 3 has coordinates"),
    "1e999": (
        re.sub(r"(2d.: \[)[^,]+", r"\g<1>1e999", json.dumps(content(recording(0))), count=1),
        "frame 0 has",
    ),
    "huge integer": (frame_with("hand_right_keypoints_2d", [10**400] * 63), "coordinates beyond"),
    "huger integer": ('{"poses": [' + "9" * 5000 + "]}", "not valid JSON"),
    "text": (frame_with("hand_right_keypoints_2d", ["1.0"] * 63), "not a number"),
    "null": (frame_with("hand_right_keypoints_2d", [None] * 63), "not a number"),
    "bool": (frame_with("hand_right_keypoints_2d", [True] * 63), "not a number"),
    "nested": (frame_with("hand_right_keypoints_2d", [[0.0]] * 63), "not a number"),
    "one joint far away": (
        lambda c: c["poses"][3]["pose_keypoints_2d"].__setitem__(6, 9e5),
        "joint lies more",
    ),
    "one point": (lambda c: c.update(content(np.full((12, 50, 3), 0.1))), "one point"),
}


def break_clip(folder, how):
    if isinstance(how, str | bytes):
        (folder / "pose.json").write_bytes(how.encode() if isinstance(how, str) else how)
        return
    broken = json.loads((folder / "pose.json").read_text())
    how(broken)
    (folder / "pose.json").write_text(json.dumps(broken))


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_poses_are_refused_with_their_reason(tmp_path, kind):
    write(tmp_path / "a" / "train" / "x", recording(0))
    break_clip(tmp_path / "a" / "train" / "x", BROKEN[kind][0])
    with pytest.raises(DataError) as refused:
        load_split(tmp_path, "a", "train", on_message=Lines())
    message = str(refused.value)
    assert BROKEN[kind][1] in message and "x: pose.json: " in message and "\n" not in message


@pytest.mark.parametrize(
    "name, data, words",
    [
        ("text.txt", b" \n\t ", "text.txt: is empty"),
        ("text.txt", b"\xff\xfe\x00", "text.txt: is not UTF-8"),
        ("text.txt", b"x" * 5_000, "text.txt: has 5,000 bytes"),
        ("text.txt", None, "text.txt: No such file"),
        ("pose.json", None, "pose.json: No such file"),
    ],
)
def test_broken_files_are_refused_with_their_reason(tmp_path, name, data, words):
    write(tmp_path / "x", recording(0))
    (tmp_path / "x" / name).unlink()
    if data is not None:
        (tmp_path / "x" / name).write_bytes(data)
    with pytest.raises(DataError, match="repair this clip") as refused:
        clip_files.read_clip(tmp_path / "x")
    assert words in str(refused.value) and str(tmp_path / "x") in str(refused.value)


def test_broken_clips_up_to_one_percent_are_left_out_and_listed(tmp_path, monkeypatch):
    root = dataset(tmp_path, (("train", 6),))
    break_clip(root / "set" / "train" / "-clip_2", "{")
    with pytest.raises(DataError, match=r"1 of 6 clips are broken.*-clip_2: pose.json: is not valid JSON"):
        load_split(root, "set", "train", on_message=Lines())
    assert not pack_files.list_packs(root / "set" / ".cache", "train"), "a refused split must leave no pack"
    monkeypatch.setattr(pack_writer, "MAX_BROKEN", 0.2)
    for _ in range(2):  # packed, then from the cache
        packed, messages = packings(root)
        assert len(packed) == 5 and "-clip_2" not in packed.sids
        assert packed.broken[0][0] == "-clip_2" and "not valid JSON" in packed.broken[0][1]
    assert "1 clips left out" in packed.describe() and not messages


@pytest.mark.parametrize("broken, total, refused", [(1, 99, 1), (1, 100, 0), (2, 199, 1), (0, 1, 0)])
def test_the_limit_is_one_percent(broken, total, refused):
    pairs = [(str(k), "why") for k in range(broken)]
    index = {"broken": pairs, "missing": [], "digests": dict.fromkeys(range(total))}
    if refused:
        with pytest.raises(DataError, match="more than 1%"):
            pack_writer.refuse_broken(Path("root/set/x"), index)
    else:
        pack_writer.refuse_broken(Path("root/set/x"), index)


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir(parents=True)], ids=["missing", "empty"])
def test_no_clips_is_an_error_that_says_what_to_do(tmp_path, make):
    make(tmp_path / "set" / "train")
    with pytest.raises(DataError, match=r"set/train: .*signjax.tools.demo"):
        load_split(tmp_path, "set", "train")
