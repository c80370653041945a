"""Shares of a picture in any format: in pixels where the size is known, named where it is not."""

import json

import format_files
import numpy as np
import pytest
from format_cases import POSE, VALID, save

from signjax.data import picture_units
from signjax.data.formats import pose_file
from signjax.data.import_poses import import_poses
from signjax.data.load import load_split
from signjax.pose.clip import Clip

PIXELS, FACE = format_files.pixels, format_files.face_of


def write_openpose(root):
    format_files.openpose(root / "one", POSE, VALID)


def write_dwpose(root):
    format_files.dwpose(root / "one.json", POSE, VALID)


def write_dwpose_of_known_size(root):
    write_dwpose(root)
    content = json.loads((root / "one.json").read_text())
    (root / "one.json").write_text(json.dumps(content | {"width": 1280, "height": 720}))


def write_dotpose(size, kind="openpose"):
    def build(root):
        file = format_files.pose_file(POSE, VALID, kind)
        save(root / "one.pose", pose_file.format_pose_file(file._replace(size=size)))

    return build


def write_shares(monkeypatch, build, root, unit, shift):
    """Writes what `build` writes, in shares of the picture times `unit` plus `shift`."""

    def change(points):
        return np.asarray(points) / format_files.SIZE * unit + shift

    with monkeypatch.context() as patch:
        faces = change(FACE(POSE))
        patch.setattr(format_files, "pixels", lambda pose: change(PIXELS(pose)))
        patch.setattr(format_files, "face_of", lambda pose: faces)
        build(root)


def read_back(source, root, **options):
    """(report, clip) of an import."""
    (source / "index.tsv").write_text("clip\ttext\tsplit\none\thello\ttrain\n")
    report = import_poses(source, str(root), "mine", **options)
    return report, load_split(root, "mine", "train", on_message=lambda line: None).without_face()[0]


BUILDS = {
    "openpose": (write_openpose, False),
    "dwpose": (write_dwpose, False),
    "dwpose with a size": (write_dwpose_of_known_size, True),
    "pose": (write_dotpose((1, 1, 1)), False),
    "pose with a size": (write_dotpose((1280, 720, 720)), True),
    "pose of MediaPipe": (write_dotpose((0, 0, 0), "holistic"), False),
}


@pytest.mark.parametrize("unit,shift", [(1, 0), (2, -1)], ids=["0 to 1", "-1 to 1"])
@pytest.mark.parametrize("name", BUILDS)
def test_shares_become_pixels_or_are_named(tmp_path, monkeypatch, name, unit, shift):
    build, knows_size = BUILDS[name]
    build(tmp_path / "pixels")
    expected = read_back(tmp_path / "pixels", tmp_path / "sets")[1].canonical()
    write_shares(monkeypatch, build, tmp_path / "shares", unit, shift)
    report, clip = read_back(tmp_path / "shares", tmp_path / "unknown")
    knows_size = knows_size and not shift
    named = any(line.startswith(picture_units.UNKNOWN_SIZE) for line in report["warnings"])
    assert named != knows_size
    error = np.abs(clip.canonical() - expected).max()
    assert error < 1e-3 if knows_size else error > 0.1
    if not knows_size:
        report, clip = read_back(tmp_path / "shares", tmp_path / "known", size=(1280, 720))
        assert np.abs(clip.canonical() - expected).max() < 1e-3
        assert not any("--size" in line for line in report["warnings"])


@pytest.mark.parametrize("name", [*BUILDS, "mediapipe"])
def test_percents_become_pixels_or_are_named(tmp_path, monkeypatch, name):
    builds = BUILDS | {
        "mediapipe": (lambda root: format_files.landmarks(root / "one.json", POSE, VALID), True)
    }
    build, knows_size = builds[name]
    build(tmp_path / "pixels")
    expected = read_back(tmp_path / "pixels", tmp_path / "sets")[1].canonical()
    # The helper for MediaPipe divides by the size.
    unit = np.multiply(100, format_files.SIZE) if name == "mediapipe" else 100
    write_shares(monkeypatch, build, tmp_path / "percents", unit, 0)
    report, clip = read_back(tmp_path / "percents", tmp_path / "unknown")
    kind = picture_units.PERCENTS if knows_size else picture_units.MAYBE_PERCENTS
    assert any(line.startswith(kind) for line in report["warnings"])
    error = np.abs(clip.canonical() - expected).max()
    assert error < 1e-3 if knows_size else error > 0.1
    if not knows_size:
        report, clip = read_back(tmp_path / "percents", tmp_path / "known", size=(1280, 720))
        assert np.abs(clip.canonical() - expected).max() < 1e-3


def test_pixels_of_a_small_picture_are_no_percents():
    points = (POSE * [1, 1, 0] * 30) + [50, 40, 0]
    clip = Clip(points, VALID)
    assert picture_units.scale_percents(clip, (112, 112)) is clip
    assert picture_units.scale_percents(clip, (1280, 720)) is not clip


def test_a_size_that_is_not_used_is_named(tmp_path):
    write_openpose(tmp_path / "pixels")
    report, _ = read_back(tmp_path / "pixels", tmp_path / "sets", size=(1280, 720))
    assert f"{picture_units.UNUSED_SIZE}: 1 clip: one" in report["warnings"]


def test_one_clip_names_it_too(tmp_path, monkeypatch):
    write_shares(monkeypatch, write_dwpose, tmp_path, 1, 0)
    kinds = [warning.kind for warning in Clip.read(tmp_path / "one.json").warnings]
    assert picture_units.UNKNOWN_SIZE in kinds


@pytest.mark.parametrize(
    "scale,move", [(1, (0, 0, 0)), (0.3, (0, 0, 0)), (90, (640, 320, 0)), (0.3, (0.5, 0.5, 0.1))]
)
def test_poses_of_one_unit_are_no_shares(scale, move):
    """Moved to the neck and divided by a length, in pixels, and in 3-D."""
    points = POSE - POSE[:, [1]]
    points = points / np.linalg.norm(points[0, 2]) * (scale, scale, scale * (move[2] > 0)) + move
    clip = Clip(points, VALID)
    assert picture_units.scale_shares(clip, None) is clip
