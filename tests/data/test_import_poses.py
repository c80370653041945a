"""Importing poses of other programs: what is left out and why, splits, tables of texts."""

import json

import array_files
import format_files
import numpy as np
import packed_sets
import pytest
from format_cases import FORMATS, POSE, VALID, oldest, save, skels

from signjax.data import clip_files, dataset_writer, frame_rates, import_report, split_assignment, text_doubts
from signjax.data.formats import text_table
from signjax.data.import_poses import import_poses
from signjax.errors import ConfigError, StorageError
from signjax.pose.clip import Clip
from signjax.tools import import_poses as import_command


def three_clips(root, damage):
    """Three OpenPose clips and what `damage` does to the second."""
    for name in ("a", "b", "c"):
        format_files.openpose(root / "train" / name, POSE, VALID)
    rows = [f"{name}\thello\n" for name in "abc"]
    (root / "index.tsv").write_text("clip\ttext\n" + "".join(rows))
    damage(root / "train/b")


def first(folder, data):
    next(folder.glob("*_000000000003_keypoints.json")).write_text(data)


def index(folder, text):
    (folder.parents[1] / "index.tsv").write_text(text)


@pytest.mark.parametrize("damage, message", [
    (lambda b: first(b, "{"), "b_000000000003_keypoints.json: is not valid JSON"),
    (lambda b: first(b, "[]"), "is no JSON object"),
    (lambda b: first(b, "{}"), 'no list "people"'),
    (lambda b: first(b, '{"people": [{}]}'), "pose_keypoints_2d is no list"),
    (lambda b: first(b, '{"people": [{"pose_keypoints_2d": [1, 2]}]}'), "pose_keypoints_2d is 2 numbers"),
    (lambda b: first(b, json.dumps({"people": [{"pose_keypoints_2d": ["x"] * 75}]})), "not a number"),
    (lambda b: first(b, json.dumps({"people": [{"pose_keypoints_2d": [1e30] * 75}]})), "beyond 1e+06"),
    (lambda b: [path.write_text('{"people": []}') for path in b.iterdir()], "no frame shows the neck"),
    (lambda b: b.joinpath("text.txt").mkdir(), "text.txt"),
    (lambda b: index(b, "clip\ttext\na\tx\nc\tx\n"), "has no text; add a row for b"),
    (lambda b: index(b, "clip\ttext\tsplit\na\tx\t\nb\tx\tnone\nc\tx\t\n"), "its split is 'none'"),
    (lambda b: b.rename(b.parent / "b\u200b"), "cannot name a folder"),
])  # fmt: skip
def test_a_broken_clip_is_left_out_and_named(tmp_path, capsys, damage, message):
    three_clips(tmp_path / "theirs", damage)
    code = import_command.main([str(tmp_path / "theirs"), "--root", str(tmp_path), "--name", "mine"])
    shown = capsys.readouterr().out
    [[name, reason]] = json.loads((tmp_path / "mine/import.json").read_text())["left_out"]
    assert code == 0 and message in reason and "b" in name and "\n" not in reason
    assert "left out: 1" in shown and message[:20] in shown
    assert sorted(path.name for path in (tmp_path / "mine/train").iterdir()) == ["a", "c"]


@pytest.mark.parametrize("name, damage, message", [
    ("pose-0.2", lambda data: data[:-4], "ends too early"),
    ("pose-0.2", lambda data: data[:30], "ends within its header"),
    ("pose-0.2", lambda data: b"\0\0\0@" + data[4:], "its version is 2"),
    ("pose-0.2", lambda data: data.replace(b"Shoulder", b"Shou_der"), "has no shoulders"),
    ("pose-0.0", lambda data: data[:-4], "ends too early"),
    ("skels", lambda data: data.replace(b" ", b" x", 1), "not a number"),
    ("skels", lambda data: data.replace(b" ", b" nan ", 1), "no number of values a frame fits"),
    ("skels", lambda data: data + data, "has 2 lines and train.text 1"),
    ("slrtp", lambda data: data[:-1], "is no array"),
    ("dwpose", lambda data: data.replace(b"[[", b"[[0, 0], [", 1), "keypoints are [134, 2] numbers"),
    ("dwpose", lambda data: data.replace(b"[[", b'[["a"], [', 1), "keypoints are no lists of numbers"),
    ("mediapipe", lambda data: data.replace(b'"width"', b'"w"'), "give --size"),
    ("mediapipe", lambda data: data.replace(b'{"x"', b'{"u"', 1), "no landmark with x and y"),
    ("folders", lambda data: data.replace(b'"hand_left', b'"hand', 1), "no list hand_left_keypoints_2d"),
])  # fmt: skip
def test_a_damaged_file_is_one_line(tmp_path, capsys, name, damage, message):
    source = tmp_path / "theirs"
    FORMATS[name][0](source)
    [path] = [p for p in source.rglob("*") if p.is_file() and p.suffix not in (".text", ".files", ".txt")]
    path.write_bytes(damage(path.read_bytes()))
    code = import_command.main([str(source), "--root", str(tmp_path / "sets"), "--name", "mine"])
    error = capsys.readouterr().err
    where = path.parent if name == "folders" else path
    assert code == 21 and error.count("\n") == 1 and str(where) in error and message in error
    assert list((tmp_path / "sets").iterdir()) == []


@pytest.mark.parametrize("build, message", [
    (lambda root: None, "no such file, or an empty folder; give OpenPose"),
    (lambda root: save(root / "a.txt", b""), "none of 1 files is OpenPose"),
    (lambda root: save(root / "dev.pt", b""), "see docs/data.md"),
    (lambda root: save(root / "a.json", b"{}"), "a.json: is JSON, but not of a format that is known"),
    (lambda root: save(root / "a.json", b"{"), "a.json: is not valid JSON"),
    (lambda root: save(root / "train.skels", b""), "the files are empty"),
    (lambda root: (skels("phoenix")(root), oldest(root)), "give the folder of one of them"),
    (lambda root: (oldest(root), save(root / "index.tsv", b"clip,name\n")), "has no column text or"),
    (lambda root: (oldest(root), save(root / "index.csv", b"clip,text\na,x\na,y\n")), "line 3: clip 'a'"),
    (lambda root: (oldest(root), save(root / "index.csv", b"\xff")), "is not UTF-8"),
])  # fmt: skip
def test_what_cannot_be_imported_is_one_line(tmp_path, capsys, build, message):
    build(tmp_path / "theirs")
    code = import_command.main([str(tmp_path / "theirs"), "--root", str(tmp_path / "sets"), "--name", "mine"])
    error = capsys.readouterr().err
    assert code == 21 and error.count("\n") == 1 and message in error and not list(tmp_path.glob("sets/*"))


def test_wrong_flags_are_refused(tmp_path):
    FORMATS["openpose"][0](tmp_path / "one")
    for name in ("", ".x", "a/b"):
        with pytest.raises(ConfigError, match="give the name of a folder"):
            import_poses(tmp_path, str(tmp_path), name, None, None)
    for flags in (["--size", "big"], ["--fps", "0"], ["--resample", "0"], ["--resample", "nan"]):
        assert import_command.main([str(tmp_path), "--name", "x", *flags]) == 23
    (tmp_path / "mine/train").mkdir(parents=True)
    with pytest.raises(StorageError, match="is there already"):
        import_poses(tmp_path / "one", str(tmp_path), "mine", None, None)


def test_an_interrupted_import_leaves_nothing_and_starts_again(tmp_path, monkeypatch):
    source, written = tmp_path / "theirs", []
    three_clips(source, lambda folder: None)
    asked = [str(source), "--root", str(tmp_path / "sets"), "--name", "mine"]

    def stop(folder, clip, real=dataset_writer.write_clip):
        if len(written) == 2:
            raise KeyboardInterrupt
        real(folder, clip)
        written.append(folder)

    monkeypatch.setattr(dataset_writer, "write_clip", stop)
    assert import_command.main(asked) == 130 and len(written) == 2
    assert list((tmp_path / "sets").iterdir()) == []
    monkeypatch.undo()
    left = tmp_path / "sets/.mine.part/train/a"  # as after kill -9
    left.mkdir(parents=True)
    (left / "pose.json").write_text("{")
    assert import_command.main(asked) == 0
    assert [path.name for path in (tmp_path / "sets").iterdir()] == ["mine"]
    assert clip_files.list_clips(tmp_path / "sets/mine/train") == ["a", "b", "c"]


def test_warnings_are_counted_and_name_the_first_clips():
    def describe(sid, *warnings):
        clip = Clip(POSE, VALID, sid=sid)
        for warning in warnings:
            clip = clip.add_warning(*warning)
        return import_report.describe_clip(clip, sid)

    clips = [describe(sid, ("turned upright",)) for sid in "abcde"]
    clips += [describe("f", ("frames are missing", "3-4")), describe("g")]
    lines = import_report.group_warnings(clips)
    assert lines == ["turned upright: 5 clips: a, b, c and 2 more", "frames are missing: 1 clip: f (3-4)"]
    report = import_report.summarize_import(clips, ["train"] * 7, "as given")
    shown = import_report.format_report(
        {**report, "format": "x", "left_out": [], "warnings": lines}, "folder"
    )
    assert [line for line in shown if "warning" in line] == [f"warning: {line}" for line in lines]


def test_files_of_other_formats_are_named(tmp_path):
    source = tmp_path / "theirs"
    FORMATS["folders"][0](source)
    array_files.save_recording(source / "words/more.npy", array_files.points(POSE, VALID, "plr"))
    format_files.landmarks(source / "others/a.json", POSE, VALID)
    (source / "settings.json").write_text("{}")
    report = import_poses(source, str(tmp_path), "mine")
    unread = "not imported, as signjax folders are: "
    assert report["warnings"] == [
        f"{unread}arrays of landmarks (MediaPipe, SLRTP): 1 file: words/more.npy",
        f"{unread}MediaPipe landmarks: 1 file: others/a.json",
    ]
    frames = tmp_path / "frames"
    FORMATS["openpose"][0](frames)
    format_files.landmarks(frames / "a.json", POSE, VALID)
    (frames / "one/texts.txt").write_text("hello")
    (frames / "index.tsv").write_text("clip\ttext\none\thello\n")
    assert import_poses(frames, str(tmp_path), "others")["warnings"] == [
        "not imported, as OpenPose frames are: MediaPipe landmarks: 1 file: a.json"
    ]


def test_copies_with_other_names_are_named(tmp_path):
    FORMATS["openpose"][0](tmp_path / "theirs")
    frame = next((tmp_path / "theirs/one").glob("*.json"))
    frame.with_name(f"{frame.stem} (1).json").write_bytes(frame.read_bytes())
    (tmp_path / "theirs/index.tsv").write_text("clip\ttext\none\thello\n")
    [line] = import_poses(tmp_path / "theirs", str(tmp_path), "mine")["warnings"]
    assert line.startswith("not imported, as their names are unlike the others': 1 file: one/one_")


def test_spoiled_texts_are_told(tmp_path):
    FORMATS["openpose"][0](tmp_path / "theirs")
    (tmp_path / "theirs/index.tsv").write_text("clip\ttext\none\tTom &amp; Jerry\n")
    report = import_poses(tmp_path / "theirs", str(tmp_path), "mine")
    assert report["warnings"] == [f"{text_doubts.HAS_MARKUP}: 1 clip: one ('Tom &amp; Jerry')"]


def test_fps_that_is_not_used_is_told(tmp_path):
    FORMATS["pose-0.2"][0](tmp_path / "theirs")
    (tmp_path / "theirs/index.tsv").write_text("clip\ttext\none\thello\n")
    report = import_poses(tmp_path / "theirs", str(tmp_path), "mine", fps=30)
    assert report["fps"] == {"24": 1} and report["warnings"] == [
        f"{frame_rates.UNUSED_RATE}: 1 clip: one (24)"
    ]


def test_a_third_value_that_is_no_depth_is_told(tmp_path):
    points = POSE.copy()
    points[..., 2] = np.random.default_rng(0).uniform(0.2, 0.9, points.shape[:2])
    folder = tmp_path / "theirs/train/one"
    folder.mkdir(parents=True)
    (folder / "pose.json").write_text(json.dumps(packed_sets.content(points)))
    (folder / "text.txt").write_text("hello")
    report = import_poses(tmp_path / "theirs", str(tmp_path), "mine")
    assert not report["depth"] and "was taken as a confidence" in report["warnings"][0]


def test_recordings_are_not_cut_by_splits():
    rng = np.random.default_rng(0)
    entries = [split_assignment.SplitEntry(f"clip{k}", f"video{rng.integers(40)}") for k in range(400)]
    splits, how = split_assignment.assign_splits(entries)
    of = {entry: split for entry, split in zip(entries, splits, strict=True)}
    assert how == "by recording or signer"
    assert len({(entry.group, split) for entry, split in of.items()}) == len({e.group for e in entries})
    assert all(40 <= splits.count(split) <= 80 for split in ("dev", "test"))
    turned, _ = split_assignment.assign_splits(entries[::-1])
    assert turned[::-1] == splits
    for count, least in ((1, (1, 0, 0)), (2, (1, 1, 0)), (3, (1, 1, 1)), (9, (7, 1, 1))):
        one = [split_assignment.SplitEntry(f"clip{k}", "one") for k in range(count)]
        few, how = split_assignment.assign_splits(one)
        assert tuple(few.count(split) for split in ("train", "dev", "test")) == least
        assert "clip by clip" in how
    assert split_assignment.find_group("dev_22yOjQqOb-k_9-5-rgb_front", None, "anna") == "22yOjQqOb-k"
    assert (
        split_assignment.find_group("a", None, "anna") == "anna"
        and split_assignment.find_group("a", "v", "anna") == "v"
    )


def test_tables_of_known_data_sets(tmp_path):
    how2sign = 'VIDEO_ID\tVIDEO_NAME\tSENTENCE_NAME\tSTART\tSENTENCE\nv\tv-5\tv_1-5\t0\tHi "x\n'
    phoenix = "name|video|start|speaker|orth|translation\na|a/1/*.png|-1|Signer08|JETZT|und nun , das\n"
    index = 'path,spoken_language,words,glosses\nsgg/a.pose,de,"Guten, Tag",GUT TAG\n'
    for name, data, sid, text, source in (
        ("h.csv", how2sign, "v_1-5", 'Hi "x', "v-5"),
        ("p.csv", phoenix, "a", "und nun , das", "a/1/*.png"),
        ("i.csv", index, "a", "Guten, Tag", ""),
    ):
        (tmp_path / name).write_text(data)
        [(name_in_table, row)] = text_table.read_table(tmp_path / name).rows.items()
        assert (name_in_table, row.text, row.source) == (sid, text, source)


def write_rates(root):
    """Three clips of one second: two of 25 frames a second, one of 50 by its table."""
    for name, frames in (("a", 12), ("b", 12), ("c", 24)):
        pose, valid = (np.repeat(x, frames // 12, 0) for x in (POSE, VALID))
        format_files.openpose(root / name, pose, valid)
    rows = [f"{name}\thello\ttrain\t{fps}\n" for name, fps in (("a", 25), ("b", 25), ("c", 50))]
    (root / "index.tsv").write_text("clip\ttext\tsplit\tfps\n" + "".join(rows))


def read_rates(folder):
    """{clip: (frames, fps)} of a data set."""
    clips = (clip_files.read_clip(path) for path in sorted((folder / "train").iterdir()))
    return {clip.sid: (len(clip), clip.fps) for clip in clips}


def test_clips_of_several_rates_are_named_and_resampled(tmp_path):
    write_rates(tmp_path / "theirs")
    report = import_poses(tmp_path / "theirs", str(tmp_path), "mixed")
    [line] = [line for line in report["warnings"] if "frame rates" in line]
    assert line.startswith("clips have several frame rates (25: 2, 50: 1)") and "--resample 25" in line
    assert read_rates(tmp_path / "mixed") == {"a": (12, 25), "b": (12, 25), "c": (24, 50)}
    report = import_poses(tmp_path / "theirs", str(tmp_path), "one", resample=25)
    assert "resampled from 50 to 25 frames a second: 1 clip: c" in report["warnings"]
    assert not any("several" in line for line in report["warnings"]) and report["fps"] == {"25": 3}
    assert read_rates(tmp_path / "one") == {"a": (12, 25), "b": (12, 25), "c": (12, 25)}


def test_a_clip_without_a_rate_cannot_be_resampled(tmp_path):
    write_rates(tmp_path / "theirs")
    index = tmp_path / "theirs/index.tsv"
    index.write_text(index.read_text().replace("\t50\n", "\t\n"))
    report = import_poses(tmp_path / "theirs", str(tmp_path), "mine", resample=25)
    [(name, reason)] = report["left_out"]
    assert name == "c" and "--fps" in reason
