"""Clips, variants and packs: strict reading, what is found, and a cache that follows its content."""

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from paths import ROOT

from signjax.data import clip_files, pack_files, pack_writer, pose_layout
from signjax.data.load import load_split
from signjax.errors import DataError
from signjax.io import atomic
from signjax.pose import normalization, skeleton
from signjax.tools import pack as pack_command


def recording(seed, frames=12, shift=(0.05, -0.1, 0.3)):
    """A rigid moving skeleton [T, 50, 3] of positive depth, in units of lifted data."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(50, 3)) + 0.8 * rng.normal(size=(frames, 50, 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    x = np.zeros((frames, 50, 3))
    for joint in skeleton.ORDER[1:]:
        x[:, joint] = x[:, skeleton.PARENTS[joint]] + directions[:, joint] * skeleton.LENGTHS[joint] * 0.05
    x += shift
    x[..., 2] -= x[..., 2].min() - 0.01
    return np.round(x, 5)


def content(x):
    """The JSON object of a pose."""
    frames = [
        {
            "pose_keypoints_2d": row[:24].tolist(),
            "hand_left_keypoints_2d": row[87:].tolist(),
            "hand_right_keypoints_2d": row[24:87].tolist(),
            "face_keypoints_2d": [0.0] * 210,
        }
        for row in np.asarray(x, float).reshape(len(x), 150)
    ]
    return {"poses": frames, "num_frames": len(x), "original_index": 7}


def write(folder, x, text="Hello."):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pose.json").write_text(json.dumps(content(x)))
    (folder / "text.txt").write_text(text, encoding="utf-8")


def dataset(root, splits=(("train", 5), ("dev", 2)), make=recording):
    for split, count in splits:
        for k in range(count):
            write(root / "set" / split / f"-clip_{k}", make(k, 8 + k), f"Größe {k}\n")
    return root


class Lines(list):
    """Collects what load says."""

    def __call__(self, line):
        self.append(line)


def packings(root, split="train"):
    """Loads and tells whether clips were parsed."""
    said = Lines()
    result = load_split(root, "set", split, on_message=said)
    return result, said


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
    with pytest.raises(DataError, match="repair or remove") as refused:
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
        found, said = packings(root)
        assert len(found) == 5 and "-clip_2" not in found.sids
        assert found.broken[0][0] == "-clip_2" and "not valid JSON" in found.broken[0][1]
    assert "1 clips left out" in found.describe() and not said


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


def with_confidence(seed, frames=12, lose=True):
    """2-D, third value a confidence, the left hand with its wrist unseen in half of the frames."""
    x = recording(seed, frames)
    x[..., 2] = np.random.default_rng(seed).uniform(0.3, 1.0, x.shape[:2])
    if lose:
        x[: frames // 2, skeleton.LEFT] = 0
        x[: frames // 2, skeleton.L_WRIST] = 0
    return x


def swap_arms(x):
    order = [*skeleton.MIRROR[:8], *range(8, 50)]
    return x[:, order]


def constant_third(seed, frames, value):
    x = recording(seed, frames)
    x[..., 2] = value
    return x


def anchored(seed, frames):
    x = with_confidence(seed, frames)
    x[..., :2] -= x[:, [skeleton.NECK], :2]
    x[: frames // 2, skeleton.LEFT] = 0
    return x


@pytest.mark.parametrize(
    "make, expected",
    [
        (recording, pose_layout.PoseLayout("depth", False)),
        (lambda s, f: recording(s, f) - 0.2, pose_layout.PoseLayout("depth", False)),
        (lambda s, f: recording(s, f) * 1000, pose_layout.PoseLayout("depth", False)),
        (lambda s, f: swap_arms(recording(s, f)), pose_layout.PoseLayout("depth", True)),
        (with_confidence, pose_layout.PoseLayout("confidence", False)),
        (lambda s, f: swap_arms(with_confidence(s, f)), pose_layout.PoseLayout("confidence", True)),
        (lambda s, f: constant_third(s, f, 1), pose_layout.PoseLayout("confidence", False)),
        (lambda s, f: constant_third(s, f, 0), pose_layout.PoseLayout("zero", False)),
        (anchored, pose_layout.PoseLayout("confidence", False, skeleton.NECK)),
    ],
    ids=[
        *("depth", "negative", "millimetres", "swapped"),
        *("confidence", "swapped confidence", "ones", "zeros", "anchored"),
    ],
)
def test_variants_are_found_and_brought_into_one_form(tmp_path, make, expected):
    root = dataset(tmp_path, make=make)
    found, said = packings(root, "dev")
    assert found.layout == expected
    assert said == [found.describe()] and said[0].startswith("set/dev: 2 clips, 17 frames, ")
    assert f"{expected.dims}-D" in said[0] and ("5-6-7 (exchanged" in said[0]) == expected.swapped
    raw = make(1, 9).astype(np.float32)
    clip = found[1]
    wrists = clip.points[:, [skeleton.R_WRIST, skeleton.L_WRIST]]
    near = np.linalg.norm(wrists - clip.points[:, [skeleton.R_HAND]], axis=-1)
    seen = clip.valid[:, skeleton.L_WRIST]
    assert (near[seen, 0] < near[seen, 1]).all(), "the right hand hangs on arm 2-3-4"
    if expected.dims == 2:
        assert not clip.points[..., 2].any()
    if not expected.swapped and expected.anchor < 0:
        np.testing.assert_array_equal(clip.points[..., : expected.dims], raw[..., : expected.dims])


def test_unseen_joints_are_marked(tmp_path):
    root = dataset(tmp_path, make=with_confidence)
    found, _ = packings(root)
    clip = found[4]
    expected = np.ones((12, 50), bool)
    expected[:6, skeleton.LEFT] = expected[:6, skeleton.L_WRIST] = False
    np.testing.assert_array_equal(clip.valid, expected)
    assert not clip.points[~clip.valid].any() and "% of joints missing" in found.describe()
    assert load_split(root, "set", "train").valid is not None
    low = with_confidence(0, lose=False)
    low[2, 30, 2] = 0
    assert (
        pose_layout.apply_layout(low.astype(np.float32), pose_layout.PoseLayout("confidence"))[1].sum()
        == 12 * 50 - 1
    )


def test_anchor_joints_are_not_missing(tmp_path):
    root = dataset(tmp_path, make=anchored)
    assert packings(root)[0][0].valid[:, skeleton.NECK].all()


def test_a_pack_holds_the_clips(tmp_path):
    found, _ = packings(dataset(tmp_path))
    assert len(found) == 5 and found.lengths.tolist() == [8, 9, 10, 11, 12] and len(list(found)) == 5
    for k, clip in enumerate(found):
        expected = clip_files.read_clip(tmp_path / "set" / "train" / f"-clip_{k}")
        assert (clip.sid, clip.text) == (expected.sid, f"Größe {k}")
        np.testing.assert_array_equal(clip.points, expected.points)
        assert found.get_placement(k).scale == normalization.measure_placement(expected.points).scale
        place = found.get_placement(k)
        back = normalization.from_canonical(normalization.to_canonical(clip.points, place), place)
        np.testing.assert_allclose(back, clip.points, atol=1e-5)
    assert found[-1].sid == found[4].sid
    with pytest.raises(IndexError):
        found[5]


def test_a_pack_travels_as_its_folder(tmp_path):
    found, _ = packings(dataset(tmp_path))
    data = pickle.dumps(found)
    assert len(data) < 500
    np.testing.assert_array_equal(pickle.loads(data).pose, found.pose)


def change_same_size(root):
    path = root / "set" / "train" / "-clip_1" / "text.txt"
    old = path.stat()
    path.write_text("Größe 7\n", encoding="utf-8")
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))


def remove(root):
    for file in (folder := root / "set" / "train" / "-clip_1").iterdir():
        file.unlink()
    folder.rmdir()


@pytest.mark.parametrize(
    "change",
    [
        lambda root: write(root / "set" / "train" / "-clip_1", recording(9, 9)),
        change_same_size,
        lambda root: write(root / "set" / "train" / "new", recording(9, 9)),
        remove,
    ],
    ids=["changed", "same size and time", "added", "removed"],
)
def test_changed_content_is_packed_again(tmp_path, change):
    root = dataset(tmp_path)
    old, said = packings(root)
    assert said and not packings(root)[1], "the second load must come from the cache"
    change(root)
    new, said = packings(root)
    assert said[-1].endswith("left out") and new.folder != old.folder
    expected = [clip_files.read_clip(root / "set" / "train" / sid) for sid in sorted(new.sids)]
    assert new.texts == tuple(c.text for c in expected)
    np.testing.assert_array_equal(new.pose, np.concatenate([c.points for c in expected]))
    assert len(pack_files.list_packs(root / "set" / ".cache", "train")) == 1, "the old pack is removed"
    assert not packings(root)[1]


def test_touched_files_are_not_parsed_again(tmp_path, monkeypatch):
    root = dataset(tmp_path)
    old, _ = packings(root)
    for file in (root / "set" / "train").glob("*/*"):
        os.utime(file, (1, 1))
    monkeypatch.setattr(pack_writer, "write_pack", None)
    hashed = []
    digest = clip_files.digest_clip
    monkeypatch.setattr(clip_files, "digest_clip", lambda folder: hashed.append(folder) or digest(folder))
    assert packings(root)[0].folder == old.folder and len(hashed) == 5
    assert packings(root)[0].folder == old.folder and len(hashed) == 5, "nor hashed a second time"


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize("file", ["pose.npy", "offsets.npy", "scale.npy", "index.json", "seal.json"])
@pytest.mark.parametrize("harm", [flip, lambda p: os.truncate(p, p.stat().st_size - 1), os.unlink])
def test_damaged_packs_are_packed_again(tmp_path, file, harm):
    root = dataset(tmp_path, (("train", 2),))
    expected = np.array(packings(root)[0].pose)
    [folder] = pack_files.list_packs(root / "set" / ".cache", "train")
    harm(folder / file)
    found, said = packings(root)
    assert "packing again" in said[0] and (file in said[0] or file == "seal.json")
    np.testing.assert_array_equal(found.pose, expected)
    assert not packings(root)[1]


def test_an_array_without_a_checksum_or_behind_a_link_is_not_mapped(tmp_path):
    found, _ = packings(dataset(tmp_path, (("train", 2),)))
    folder = Path(found.folder)
    np.save(tmp_path / "outside.npy", np.zeros(found.pose.shape[:2], bool))
    (folder / "valid.npy").symlink_to(tmp_path / "outside.npy")
    assert pack_files.find_corruption(folder) == "valid.npy is a link"
    (folder / "valid.npy").unlink()
    shutil.copy(tmp_path / "outside.npy", folder / "valid.npy")
    assert pack_files.find_corruption(folder).endswith("does not know valid.npy")
    assert packings(tmp_path)[0].valid is None


@pytest.mark.parametrize("harm", [flip, lambda p: p.write_text("[]"), lambda p: os.truncate(p, 5), os.unlink])
@pytest.mark.parametrize("name", ["variant.json", "*/signatures.json"])
def test_damaged_notes_do_no_harm(tmp_path, harm, name):
    root = dataset(tmp_path, (("train", 2),))
    expected, _ = packings(root)
    [path] = (root / "set" / ".cache").glob(name)
    harm(path)
    assert packings(root)[0].layout == expected.layout


def test_without_a_writable_folder_the_pack_goes_to_the_user(tmp_path, monkeypatch):
    root = dataset(tmp_path / "data", (("train", 2),))
    (root / "set" / ".cache").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    found, said = packings(root)
    assert "cannot be written" in said[0] and found.folder.startswith(str(tmp_path / "home"))
    assert not packings(root)[1]
    (tmp_path / "file").write_text("in the way, too")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    found, said = packings(root)
    assert "into memory" in said[0] and found.folder is None and len(found) == 2


def test_without_a_cache_nothing_is_written(tmp_path):
    root = dataset(tmp_path, (("train", 2),))
    found = load_split(root, "set", "train", cache=False, on_message=Lines())
    assert not (root / "set" / ".cache").exists() and found.folder is None
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(found)).pose, found.pose)
    np.testing.assert_array_equal(found.pose, packings(root)[0].pose)


def test_worker_processes_give_the_same_pack_and_know_no_jax(tmp_path, monkeypatch):
    root = dataset(tmp_path, (("train", 7),))
    expected = load_split(root, "set", "train", cache=False, on_message=Lines())
    monkeypatch.setattr("signjax.data.parallel_read.MIN_CLIPS_FOR_WORKERS", 1)
    monkeypatch.setattr("signjax.data.parallel_read.CHUNK_CLIPS", 4)
    monkeypatch.setattr("signjax.data.parallel_read._count_processors", lambda: 2)
    monkeypatch.setattr("signjax.data.parallel_read.read_chunk", None)  # this process must not read
    found = load_split(root, "set", "train", cache=False, on_message=Lines())
    assert (found.sids, found.texts, found.layout) == (expected.sids, expected.texts, expected.layout)
    np.testing.assert_array_equal(found.pose, expected.pose)
    np.testing.assert_array_equal(found.placements.scale, expected.placements.scale)
    code = (
        "import sys, signjax.data.parallel_read, signjax.data.packed_dataset;"
        "sys.exit(any(m in sys.modules for m in ('jax', 'flax', 'grain')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_processes_packing_at_once_all_succeed(tmp_path):
    root = dataset(tmp_path)
    code = (
        "import sys; from signjax.data.load import load_split; p = load_split(sys.argv[1], 'set', 'train');"
        "print(len(p), float(p.pose.sum()))"
    )
    command = [sys.executable, "-c", code, str(root)]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = {process.communicate()[0] for process in running}
    assert not any(process.returncode for process in running) and len(answers) == 1 and "5 " in answers.pop()
    cache = root / "set" / ".cache"
    assert len(pack_files.list_packs(cache, "train")) == 1 and not list(cache.glob(atomic.BUILDING + "*"))


def test_what_killed_builds_left_is_removed(tmp_path):
    root = dataset(tmp_path, (("train", 2),))
    for name, age in (("old", 1), ("young", None)):
        folder = root / "set" / ".cache" / (atomic.BUILDING + name)
        folder.mkdir(parents=True)
        if age:
            os.utime(folder, (age, age))
    packings(root)
    left = (root / "set" / ".cache").glob(atomic.BUILDING + "*")
    assert [p.name for p in left] == [atomic.BUILDING + "young"]


def test_large_files_are_checked_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(pack_files, "MAX_FULL_CHECK", 1000)
    monkeypatch.setattr(pack_files, "BLOCK", 64)
    (tmp_path / "x").write_bytes(bytes(100_000))
    pack_files.write_checksums(tmp_path)
    (tmp_path / "index.json").write_text("{}")
    pack_files.write_checksums(tmp_path)
    assert pack_files.find_corruption(tmp_path) is None
    os.truncate(tmp_path / "x", 99_999)
    assert pack_files.find_corruption(tmp_path) == "x is not as seal.json says"


def test_the_command_packs_all_splits_and_says_what_it_found(tmp_path, capsys):
    root = dataset(tmp_path)
    assert pack_command.main(["--root", str(root), "--name", "set", "--measure"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("set/train: 5 clips, 50 frames, 3-D (third value is depth), right hand")
    assert lines[1].startswith("set/dev: 2 clips") and lines[2] == "set/test: not there"
    assert [line.split(" from ")[0] for line in lines[3:]] == ["set/train: all frames", "set/dev: all frames"]
    assert all(line.endswith("times") for line in lines[3:])
    assert pack_command.main(["--root", str(root), "--name", "nothing"]) == DataError.exit_code
    assert "signjax.tools.demo" in capsys.readouterr().err


@pytest.mark.real
@pytest.mark.parametrize(
    "split, count, frames", [("train", 351, 55753), ("dev", 52, 7845), ("test", 46, 8143)]
)
def test_real_data(real_data, split, count, frames):
    found = load_split(real_data, "how2sign", split)
    assert (len(found), len(found.pose), len(found.broken)) == (count, frames, 0)
    assert found.layout == pose_layout.PoseLayout("depth", False) and found.valid is None
    for k, clip in enumerate(found):
        place = found.get_placement(k)
        canonical = normalization.to_canonical(clip.points, place)
        assert np.abs(normalization.from_canonical(canonical, place) - clip.points).max() <= 1e-5
        assert np.abs(canonical).max() < 10
    sid = found.sids[count // 2]
    np.testing.assert_array_equal(
        found[count // 2].points, clip_files.read_clip(real_data / "how2sign" / split / sid).points
    )
