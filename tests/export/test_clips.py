"""Exported clips, read back: nothing is lost that the form can hold, and its layout is the original's."""

import json
import tarfile

import numpy as np
import pytest
from export_helpers import run
from export_helpers import saved as saved
from paths import FORMATS_ARCHIVE
from signer import signer

from signjax import rendering
from signjax.data import clip_files, clip_writers, dataset_writer, npz_clip, pose_layout
from signjax.io import safe_numpy
from signjax.pose import normalization
from signjax.pose.clip import Clip

OPENPOSE = (("pose_keypoints_2d", 25), ("hand_right_keypoints_2d", 21), ("hand_left_keypoints_2d", 21))


def test_json_comes_back_exactly(saved, tmp_path, capsys):
    path, points, valid = saved
    assert run(capsys, path, "--to", "json", "--out", tmp_path / "out", "--fps", 30)[:2] == (
        0,
        [str(tmp_path / "out/one")],
    )
    clip = clip_files.read_clip(tmp_path / "out/one")
    assert clip.text == "Grüße <b>"
    np.testing.assert_array_equal(clip.valid, valid)
    np.testing.assert_array_equal(clip.points[valid], points[valid])
    assert json.loads((tmp_path / "out/one/pose.json").read_bytes())["fps"] == 30


def test_depth_is_never_taken_for_confidence():
    points = signer(7).astype(np.float32)
    points[..., 2] += 0.01
    raw = clip_files.parse_pose(clip_writers.format_pose_json(Clip(points)))
    restored, seen = pose_layout.apply_layout(raw, pose_layout.detect_layout([raw]))
    assert seen.all()
    np.testing.assert_allclose(np.diff(restored, axis=0), np.diff(points, axis=0), atol=1e-6)
    np.testing.assert_allclose(np.ptp(restored[0, :, 2]), np.ptp(points[0, :, 2]), atol=1e-6)


def test_a_clip_folder_becomes_an_npz_and_again_a_folder(saved, tmp_path, capsys):
    path, points, valid = saved
    run(capsys, path, "--to", "json", "--out", tmp_path / "a")
    assert "fps" not in json.loads((tmp_path / "a/one/pose.json").read_bytes()), "nobody has said it"
    code, [made], _ = run(capsys, tmp_path / "a/one", "--to", "npz", "--out", tmp_path / "b")
    assert code == 0 and made == str(tmp_path / "b/one.npz")
    restored = npz_clip.read_arrays(tmp_path / "b/one.npz")
    np.testing.assert_array_equal(restored.valid, valid)
    np.testing.assert_array_equal(restored.points[restored.valid], points[valid])
    run(capsys, made, "--to", "json", "--out", tmp_path / "c")
    for name in (clip_files.TEXT, clip_files.POSE):
        assert (tmp_path / "a/one" / name).read_bytes() == (tmp_path / "c/one" / name).read_bytes()


@pytest.mark.parametrize("form", ["json", "npz", "pose", "html"])
@pytest.mark.parametrize("option,expected", [((), 50), (("--fps", 30), 30)])
def test_exports_have_the_rate_of_the_clip(tmp_path, capsys, form, option, expected):
    folder = tmp_path / "set/one"
    clip = Clip(signer(7), fps=50, text="a", signer="anna", source="video_1")
    dataset_writer.write_clip(folder, clip)
    code, [made], _ = run(capsys, folder, "--to", form, "--out", tmp_path / "out", *option)
    assert code == 0
    if form == "html":
        assert f'"fps":{float(expected)}' in (tmp_path / "out/one.html").read_text("utf-8")
        return
    back = Clip.read(made)
    assert back.fps == expected
    if form == "json":
        assert (back.signer, back.source) == ("anna", "video_1"), "exact, whatever it says"


def test_an_npz_keeps_its_tokens(saved, tmp_path, capsys):
    assert run(capsys, saved[0], "--to", "npz", "--out", tmp_path / "out")[0] == 0
    kept, first = (safe_numpy.read_arrays(p) for p in (tmp_path / "out/one.npz", saved[0]))
    assert set(kept) == {*first}
    for name, array in first.items():
        np.testing.assert_array_equal(kept[name], array)


def frames_of(folder):
    """Points [T, 67, 3] of a folder of OpenPose's files: body, right hand, left hand; the first file."""
    files = sorted(folder.iterdir())
    contents = [json.loads(file.read_text()) for file in files]
    people = [content["people"][0] for content in contents]
    rows = [np.concatenate([np.reshape(person[key], (n, 3)) for key, n in OPENPOSE]) for person in people]
    return np.stack(rows), files[0], contents[0]


def test_openpose_holds_the_picture_plane(saved, tmp_path, capsys):
    path, points, valid = saved
    assert run(capsys, path, "--to", "openpose", "--out", tmp_path / "out")[0] == 0
    rows, first, _ = frames_of(tmp_path / "out/one")
    assert first.name == "one_000000000000_keypoints.json" and len(rows) == 7
    ours = np.concatenate([rows[:, :8], rows[:, 25:]], axis=1)
    np.testing.assert_array_equal(ours[..., 2], valid)
    assert not rows[:, 8:25].any() and not ours[~valid].any()
    placed = normalization.to_canonical(
        points.astype(np.float64), normalization.measure_placement(points, valid)
    )
    back = (ours[..., :2] - clip_writers.PICTURE_PLACEMENT.origin[:2]) / clip_writers.PICTURE_PLACEMENT.scale
    np.testing.assert_allclose(back[valid], placed[..., :2][valid], rtol=0, atol=1e-6)
    inside = (ours[valid][:, :2] > 0) & (ours[valid][:, :2] < clip_writers.PICTURE_SIZE)
    assert inside.all()


@pytest.mark.real
def test_openpose_is_laid_out_as_openpose_does(saved, real_data, tmp_path, capsys):
    folder = real_data / "formats"
    if not folder.is_dir():
        with tarfile.open(FORMATS_ARCHIVE) as archive:
            archive.extractall(tmp_path, filter="data")
        folder = tmp_path / "formats"
    theirs = json.loads(min(folder.rglob("*_keypoints.json")).read_text())
    run(capsys, saved[0], "--to", "openpose", "--out", tmp_path / "out")
    ours = frames_of(tmp_path / "out/one")[2]
    assert list(ours) == list(theirs)
    a, b = ours["people"][0], theirs["people"][0]
    assert {k: len(v) for k, v in a.items()} == {k: len(v) for k, v in b.items()}


def test_pictures(saved, tmp_path, capsys):
    code, [page], _ = run(capsys, saved[0], "--to", "html", "--out", tmp_path / "out")
    assert code == 0 and "Gr\\u00fc\\u00dfe" in (tmp_path / "out/one.html").read_text("utf-8")
    assert page == str(tmp_path / "out/one.html")
    code, _, err = run(capsys, saved[0], "--to", "mp4", "--out", tmp_path / "out")
    assert (code, (tmp_path / "out/one.mp4").exists()) == (
        (0, True) if rendering.can_write_mp4() else (23, False)
    )
    assert code == 0 or "video" in err


def test_faults_are_one_line(saved, tmp_path, capsys):
    path = saved[0]
    np.savez(tmp_path / "still.npz", pose=np.zeros((3, 50, 3)))
    (tmp_path / "empty").mkdir()
    (tmp_path / "there/one/older").mkdir(parents=True)
    for arguments, code, reason in (
        ((tmp_path / "none.npz", "--to", "json"), 21, "none.npz"),
        ((tmp_path / "empty", "--to", "json"), 21, "text.txt"),
        ((tmp_path / "still.npz", "--to", "openpose"), 21, "one point"),
        ((path, path, "--to", "json"), 23, "one at a time"),
        ((path, "--to", "json", "--out", tmp_path / "there"), 22, "is there already"),
        ((path, "--to", "json", "--out", path), 22, "cannot be written"),
    ):
        result, _, err = run(capsys, *arguments, *(() if "--out" in arguments else ("--out", tmp_path / "o")))
        assert result == code and reason in err and err.startswith("error: ") and err.count("\n") == 1, err
    assert list((tmp_path / "there").iterdir()) == [tmp_path / "there/one"]
