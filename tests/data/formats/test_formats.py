"""Poses as others have them: a known motion written in each format comes back; damaged files are named."""

import json
import tarfile

import format_files
import numpy as np
import pytest
from paths import FORMATS_ARCHIVE

from signjax.data import clip_files, dataset_writer, split_assignment
from signjax.data.formats import detect, pose_file, text_table
from signjax.data.formats.base import UnreadableClip
from signjax.data.import_poses import import_poses
from signjax.data.load import load_split
from signjax.errors import ConfigError, DataError, StorageError
from signjax.pose import normalization, skeleton
from signjax.pose.clip import Clip
from signjax.tools import import_poses as import_command

POSE, VALID = format_files.motion(), format_files.validity()


def save(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def dotposes(kind, **how):
    def build(root):
        save(root / "one.pose", pose_file.format_pose_file(format_files.pose_file(POSE, VALID, kind, **how)))

    return build


def oldest(root):
    save(root / "one.pose", format_files.oldest(format_files.pose_file(POSE, VALID, "openpose")))


def json_of(write_it, *more):
    return lambda root: write_it(root / "one.json", POSE, VALID, *more)


def folders(root):
    clip = Clip(POSE, VALID, fps=30.0, text="hello", sid="one", signer="anna")
    dataset_writer.write_clip(root / "train/one", clip)


def skels(form):
    return lambda root: format_files.skels(root, "train", [(POSE, VALID)], ["hello"], form)


# For each format: how it is written, whether it has depth, the most that a joint is off (in neck-to-shoulder
# lengths), the frame rate it says, and joints it has no points of.
FORMATS = {
    "openpose": (lambda root: format_files.openpose(root / "one", POSE, VALID), False, 1e-4, None, ()),
    "pose-0.2": (dotposes("openpose"), False, 1e-4, 24, ()),
    "pose-0.1": (dotposes("openpose", version=0.1), False, 1e-4, 24, ()),
    "pose-0.0": (oldest, False, 1e-4, 24, ()),
    "pose-depth": (dotposes("openpose", depth=True), True, 1e-4, 24, ()),
    "pose-holistic": (dotposes("holistic"), False, 1e-4, 24, ()),
    "pose-reduced": (dotposes("reduced", version=0.1), False, 1e-4, 24, (skeleton.NOSE,)),
    "skels": (skels("phoenix"), True, 1e-3, None, ()),
    "skels-how2sign": (skels("how2sign"), True, 1e-3, None, ()),
    "skels-mirrored": (skels("mirrored"), True, 1e-3, None, ()),
    "slrtp": (lambda root: format_files.slrtp(root / "one.npy", POSE, VALID), True, 1e-4, 25, ()),
    "dwpose": (json_of(format_files.dwpose), False, 1e-4, None, ()),
    "dwpose-list": (json_of(format_files.dwpose, True), False, 1e-4, None, ()),
    "mediapipe": (json_of(format_files.landmarks), False, 1e-4, 30, ()),
    "folders": (folders, True, 1e-4, 30, ()),
}  # fmt: skip


def imported(root, build, **asked):
    """Writes files, imports them and returns (report, the pack of the training split)."""
    source = root / "theirs"
    build(source)
    if not (source / "index.tsv").exists():
        (source / "index.tsv").write_text("clip\ttext\tsplit\none\thello\ttrain\n")
    options = {"texts": None, "fps": None, **asked}
    report = import_poses(source, str(root / "sets"), "mine", **options)
    return report, load_split(root / "sets", "mine", "train", on_message=lambda line: None)


def placed(pose, valid):
    return normalization.to_canonical(pose, normalization.measure_placement(pose, valid))


def content(root):
    """What pose.json of the first clip of the training split holds."""
    return json.loads(next((root / "sets/mine/train").glob("*/pose.json")).read_text())


@pytest.mark.parametrize("name", FORMATS)
def test_a_known_motion_comes_back(tmp_path, name):
    build, depth, tolerance, fps, unknown = FORMATS[name]
    report, held = imported(tmp_path, build)
    assert report["depth"] == depth and held.layout.dims == 2 + depth and not held.layout.swapped
    assert not report["left_out"] and report["clips"] == {"train": 1, "dev": 0, "test": 0}
    clip, known = held.without_face()[0], [joint for joint in range(50) if joint not in unknown]
    assert clip.text == "hello"
    np.testing.assert_array_equal(clip.valid, VALID)
    # One scale and one place for the clip (a place for each frame of .skels): what is left is rounding.
    necks = [x[:, [skeleton.NECK]] * np.array([1, 1, depth]) for x in (clip.points, POSE)]
    places = necks if name.startswith("skels") else [neck.mean(0) for neck in necks]
    found, expected = (
        np.where(VALID[..., None], x * np.array([1, 1, depth]) - place, 0)[:, known]
        for x, place in zip((clip.points, POSE), places, strict=True)
    )
    factor = (found * expected).sum() / (found * found).sum()
    size = np.linalg.norm(POSE[0, skeleton.R_SHOULDER] - POSE[0, skeleton.NECK])
    assert factor > 0 and np.abs(found * factor - expected).max() < tolerance * size
    assert content(tmp_path).get("fps") == fps


@pytest.mark.parametrize("name", ["openpose", "pose-0.2", "pose-holistic", "dwpose", "mediapipe"])
def test_the_70_points_of_the_face_come_with_it(tmp_path, name):
    _, held = imported(tmp_path, FORMATS[name][0])
    rows = [frame["face_keypoints_2d"] for frame in content(tmp_path)["poses"]]
    face = np.array(rows).reshape(len(rows), 70, 3)
    there = 68 if name == "dwpose" else 70
    np.testing.assert_allclose(face[:, :there, :2], format_files.face_of(POSE)[:, :there], atol=0.01)
    assert (face[:, :there, 2] == 1).all() and not face[:, there:].any()
    pose, valid = held[0].points[:, skeleton.FACE], held[0].valid[:, skeleton.FACE]
    np.testing.assert_array_equal(pose[..., :2], np.float32(face[..., :2]))
    assert held.layout.face and valid[:, :there].all() and not valid[:, there:].any()


def test_signer_rate_and_recording_are_kept(tmp_path):
    def build(root):
        FORMATS["mediapipe"][0](root)
        rows = "path\twords\tsplit\tsigner\tvideo\tfps\na/one.mp4\tHi\tval\tben\tv7\t24\n"
        (root / "index.tsv").write_text(rows)
        format_files.landmarks(root / "two.json", POSE, VALID)
        (root / "two.txt").write_text("two\n")

    source = tmp_path / "theirs"
    build(source)
    report = import_poses(source, str(tmp_path), "mine", None, None)
    found = {path.parent.name: json.loads(path.read_text()) for path in tmp_path.glob("mine/*/*/pose.json")}
    assert (tmp_path / "mine/dev/one").is_dir()
    assert (tmp_path / "mine/train/two/text.txt").read_text() == "two"
    assert [found["one"][key] for key in ("signer", "source", "fps")] == ["ben", "v7", 24]
    assert found["two"]["signer"] == "anna" and "source" not in found["two"]
    assert report["signers"] == 2 and report["fps"] == {"24": 1, "30": 1}
    assert json.loads((tmp_path / "mine/import.json").read_text()) == report


def test_faint_joints_are_missing(tmp_path):
    file = format_files.pose_file(POSE, VALID, "openpose")
    file.confidence[2, 0, 3] = 0.05  # the right elbow
    file.points[5, 0, 6] = np.nan  # the left elbow
    _, held = imported(tmp_path, lambda root: save(root / "one.pose", pose_file.format_pose_file(file)))
    expected = VALID.copy()
    expected[2, skeleton.R_ELBOW] = expected[5, skeleton.L_ELBOW] = False
    np.testing.assert_array_equal(held[0].valid[:, :50], expected)


def test_axes_that_point_up_are_turned(tmp_path):
    report, held = imported(tmp_path, lambda root: format_files.slrtp(root / "one.npy", POSE, VALID, True))
    nose, neck = (held[0].points[:, joint, 1] for joint in (skeleton.NOSE, skeleton.NECK))
    assert (nose < neck).all() and report["depth"]


@pytest.mark.parametrize("version", [0.1, 0.2])
def test_pose_files_are_written_as_they_are_read(version):
    file = format_files.pose_file(POSE, VALID, "holistic", version)
    data = pose_file.format_pose_file(file)
    back = pose_file.parse_pose_file(data)
    assert back._replace(points=0, confidence=0) == file._replace(points=0, confidence=0)
    np.testing.assert_array_equal(back.points, file.points)
    np.testing.assert_array_equal(back.confidence, file.confidence)
    assert pose_file.format_pose_file(back) == data
    with pytest.raises(DataError, match="cannot be written"):
        pose_file.format_pose_file(file._replace(size=(1 << 16, 1, 1)))


def test_pose_files_are_those_of_pose_format():
    """The library reads what is written here, and writes the same bytes."""
    library = pytest.importorskip("pose_format")
    import io

    for kind in ("openpose", "holistic", "reduced"):
        file = format_files.pose_file(POSE, VALID, kind)
        data = pose_file.format_pose_file(file)
        theirs, again = library.Pose.read(data), io.BytesIO()
        np.testing.assert_array_equal(theirs.body.data.data, file.points)
        np.testing.assert_array_equal(theirs.body.confidence, file.confidence)
        theirs.write(again)
        assert again.getvalue() == data
        for version in (0.0, 0.1):
            old = (
                format_files.oldest(file)
                if version == 0
                else pose_file.format_pose_file(file._replace(version=version))
            )
            found, theirs = pose_file.parse_pose_file(old), library.Pose.read(old)
            np.testing.assert_array_equal(found.points, theirs.body.data.data)
            assert found.fps == theirs.body.fps and found.version == version


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
    ("skels", lambda data: data.replace(b" ", b" nan ", 1), "is no multiple of 151"),
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
    said = capsys.readouterr().err
    where = path.parent if name == "folders" else path
    assert code == 21 and said.count("\n") == 1 and str(where) in said and message in said
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
    said = capsys.readouterr().err
    assert code == 21 and said.count("\n") == 1 and message in said and not list(tmp_path.glob("sets/*"))


def test_wrong_flags_are_refused(tmp_path):
    FORMATS["openpose"][0](tmp_path / "one")
    for name in ("", ".x", "a/b"):
        with pytest.raises(ConfigError, match="give the name of a folder"):
            import_poses(tmp_path, str(tmp_path), name, None, None)
    with pytest.raises(ConfigError, match="have no use for it"):
        import_poses(tmp_path, str(tmp_path), "mine", None, None, (1, 1))
    assert import_command.main([str(tmp_path), "--name", "x", "--size", "big"]) == 23
    assert import_command.main([str(tmp_path), "--name", "x", "--fps", "0"]) == 23
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
        [(found, row)] = text_table.read_table(tmp_path / name).items()
        assert (found, row.text, row.source) == (sid, text, source)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The archive of real clips in the formats of others, unpacked; None if it is not there."""
    if not FORMATS_ARCHIVE.exists():
        return None
    folder = tmp_path_factory.mktemp("real")
    with tarfile.open(FORMATS_ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder / "formats"


@pytest.fixture
def others(real_data, request):
    """Real clips in the formats of others: beside how2sign/ or in the archive beside its archive."""
    folder = real_data / "formats"
    if not folder.is_dir():
        folder = request.getfixturevalue("unpacked")
    if folder is None:
        pytest.skip(f"neither formats in {real_data} nor {FORMATS_ARCHIVE} is there")
    return folder


@pytest.mark.real
@pytest.mark.parametrize("name, counts, dims", [
    ("openpose_frames", (1, 1, 1), 2),
    ("progressive_transformers", (5, 5, 0), 3),
    ("spoken_to_signed_dummy", (2, 1, 1), 2),
])  # fmt: skip
def test_real_clips_of_others(others, tmp_path, name, counts, dims):
    """Signers stand upright, their right on the left of the picture, and are of an adult's proportions."""
    report = import_poses(others / name, str(tmp_path / "sets"), "mine", None, 25.0)
    assert tuple(report["clips"].values()) == counts and not report["left_out"]
    for split in ("train", "dev"):
        held = load_split(tmp_path / "sets", "mine", split, on_message=lambda line: None)
        assert held.layout.dims == dims and not held.layout.swapped and not held.broken
        for k in range(len(held)):
            pose, valid = normalization.to_canonical(held[k].points, held.get_placement(k)), held[k].valid
            nose, right, left = (np.median(pose[:, joint], 0) for joint in (0, 2, 5))
            assert -1.8 < nose[1] < -0.7 and -1.4 < right[0] < -0.8 and 0.8 < left[0] < 1.4
            for hand, wrist in ((skeleton.R_HAND, skeleton.R_WRIST), (skeleton.L_HAND, skeleton.L_WRIST)):
                both = valid[:, hand] & valid[:, wrist]
                gap = np.linalg.norm(pose[both, hand, :2] - pose[both, wrist, :2], axis=-1)
                assert np.median(gap) < 0.4 if both.any() else True


@pytest.mark.real
def test_real_pose_files_without_a_body_are_named(others):
    found = list(detect.detect_format(others / "pose_format_tests").read_clips(others / "pose_format_tests"))
    broken = [item for item in found if isinstance(item, UnreadableClip)]
    assert len(found) == 4 and len(broken) == 2 and all("has no shoulders" in item.reason for item in broken)
    frames = {item.sid: len(item) for item in found if isinstance(item, Clip)}
    assert frames == {"mediapipe": 170, "openpose": 93}
