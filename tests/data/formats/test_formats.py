"""Poses as others have them: a known motion written in each format comes back, from real files, too."""

import json
import tarfile

import format_files
import numpy as np
import pytest
from format_cases import FORMATS, POSE, VALID, save
from paths import FORMATS_ARCHIVE

from signjax.data.formats import detect, pose_file
from signjax.data.formats.base import UnreadableClip
from signjax.data.import_poses import import_poses
from signjax.data.load import load_split
from signjax.errors import DataError
from signjax.pose import normalization, skeleton
from signjax.pose.clip import Clip


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
    report, dataset = imported(tmp_path, build)
    assert report["depth"] == depth and dataset.layout.dims == 2 + depth and not dataset.layout.swapped
    assert not report["left_out"] and report["clips"] == {"train": 1, "dev": 0, "test": 0}
    clip, known = dataset.without_face()[0], [joint for joint in range(50) if joint not in unknown]
    assert clip.text == "hello"
    np.testing.assert_array_equal(clip.valid, VALID)
    # One scale and one place for the clip (a place for each frame of .skels): what is left is rounding.
    necks = [x[:, [skeleton.NECK]] * np.array([1, 1, depth]) for x in (clip.points, POSE)]
    places = necks if name.startswith("skels") else [neck.mean(0) for neck in necks]
    actual, expected = (
        np.where(VALID[..., None], x * np.array([1, 1, depth]) - place, 0)[:, known]
        for x, place in zip((clip.points, POSE), places, strict=True)
    )
    factor = (actual * expected).sum() / (actual * actual).sum()
    size = np.linalg.norm(POSE[0, skeleton.R_SHOULDER] - POSE[0, skeleton.NECK])
    assert factor > 0 and np.abs(actual * factor - expected).max() < tolerance * size
    assert content(tmp_path).get("fps") == fps


@pytest.mark.parametrize("name", ["openpose", "pose-0.2", "pose-holistic", "dwpose", "mediapipe"])
def test_the_70_points_of_the_face_come_with_it(tmp_path, name):
    _, dataset = imported(tmp_path, FORMATS[name][0])
    rows = [frame["face_keypoints_2d"] for frame in content(tmp_path)["poses"]]
    face = np.array(rows).reshape(len(rows), 70, 3)
    there = 68 if name == "dwpose" else 70
    np.testing.assert_allclose(face[:, :there, :2], format_files.face_of(POSE)[:, :there], atol=0.01)
    assert (face[:, :there, 2] == 1).all() and not face[:, there:].any()
    pose, valid = dataset[0].points[:, skeleton.FACE], dataset[0].valid[:, skeleton.FACE]
    np.testing.assert_array_equal(pose[..., :2], np.float32(face[..., :2]))
    assert dataset.layout.face and valid[:, :there].all() and not valid[:, there:].any()


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
    records = {path.parent.name: json.loads(path.read_text()) for path in tmp_path.glob("mine/*/*/pose.json")}
    assert (tmp_path / "mine/dev/one").is_dir()
    assert (tmp_path / "mine/train/two/text.txt").read_text() == "two"
    assert [records["one"][key] for key in ("signer", "source", "fps")] == ["ben", "v7", 24]
    assert records["two"]["signer"] == "anna" and "source" not in records["two"]
    assert report["signers"] == 2 and report["fps"] == {"24": 1, "30": 1}
    assert json.loads((tmp_path / "mine/import.json").read_text()) == report


def test_faint_joints_are_missing(tmp_path):
    file = format_files.pose_file(POSE, VALID, "openpose")
    file.confidence[2, 0, 3] = 0.05  # the right elbow
    file.points[5, 0, 6] = np.nan  # the left elbow
    _, dataset = imported(tmp_path, lambda root: save(root / "one.pose", pose_file.format_pose_file(file)))
    expected = VALID.copy()
    expected[2, skeleton.R_ELBOW] = expected[5, skeleton.L_ELBOW] = False
    np.testing.assert_array_equal(dataset[0].valid[:, :50], expected)


def test_axes_that_point_up_are_turned(tmp_path):
    report, dataset = imported(tmp_path, lambda root: format_files.slrtp(root / "one.npy", POSE, VALID, True))
    nose, neck = (dataset[0].points[:, joint, 1] for joint in (skeleton.NOSE, skeleton.NECK))
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
            ours, theirs = pose_file.parse_pose_file(old), library.Pose.read(old)
            np.testing.assert_array_equal(ours.points, theirs.body.data.data)
            assert ours.fps == theirs.body.fps and ours.version == version


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
        dataset = load_split(tmp_path / "sets", "mine", split, on_message=lambda line: None)
        assert dataset.layout.dims == dims and not dataset.layout.swapped and not dataset.broken
        for k in range(len(dataset)):
            valid = dataset[k].valid
            pose = normalization.to_canonical(dataset[k].points, dataset.get_placement(k))
            nose, right, left = (np.median(pose[:, joint], 0) for joint in (0, 2, 5))
            assert -1.8 < nose[1] < -0.7 and -1.4 < right[0] < -0.8 and 0.8 < left[0] < 1.4
            for hand, wrist in ((skeleton.R_HAND, skeleton.R_WRIST), (skeleton.L_HAND, skeleton.L_WRIST)):
                both = valid[:, hand] & valid[:, wrist]
                gap = np.linalg.norm(pose[both, hand, :2] - pose[both, wrist, :2], axis=-1)
                assert np.median(gap) < 0.4 if both.any() else True


@pytest.mark.real
def test_real_pose_files_without_a_body_are_named(others):
    items = list(detect.detect_format(others / "pose_format_tests").read_clips(others / "pose_format_tests"))
    broken = [item for item in items if isinstance(item, UnreadableClip)]
    assert len(items) == 4 and len(broken) == 2 and all("has no shoulders" in item.reason for item in broken)
    frames = {item.sid: len(item) for item in items if isinstance(item, Clip)}
    assert frames == {"mediapipe": 170, "openpose": 93}
