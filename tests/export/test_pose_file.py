"""Clips as .pose: they come back, missing points too, and pose-format and its web viewer open them."""

import functools
import http.server
import os
import pathlib
import threading

import browser
import numpy as np
import pytest
from export_helpers import run
from export_helpers import saved as saved
from signer import signer

from signjax.data import clip_writers
from signjax.data.formats import pose_file
from signjax.data.formats import pose_format as dotposes
from signjax.export import pose_file as posefile
from signjax.pose import normalization, skeleton
from signjax.pose.clip import Clip

PAGE = """<!doctype html><script type="module" src="viewer/pose-viewer.esm.js"></script>
<main><pose-viewer src="one.pose" autoplay loop width="640px" height="360px"></pose-viewer></main>"""


@pytest.fixture
def exported(saved, tmp_path, capsys):
    """(the .pose file, pose, valid) of a clip with joints that are missing at times."""
    path, points, valid = saved
    code, [made], _ = run(capsys, path, "--to", "pose", "--out", tmp_path / "out", "--fps", 29.97)
    assert code == 0 and made == str(tmp_path / "out/one.pose")
    return pathlib.Path(made), points, valid


def same_place(picture, points, valid):
    """Whether pixels are those of the clip, to 1e-6 of the distance between its shoulders."""
    placed = normalization.to_canonical(
        points.astype(np.float64), normalization.measure_placement(points, valid)
    )
    width = np.linalg.norm(placed[0, skeleton.R_SHOULDER] - placed[0, skeleton.L_SHOULDER])
    back = (picture - clip_writers.PICTURE_PLACEMENT.origin) / clip_writers.PICTURE_PLACEMENT.scale
    np.testing.assert_allclose(back[valid], placed[valid], rtol=0, atol=1e-6 * width)
    assert not picture[~valid].any()


def test_a_clip_comes_back_with_its_depth_and_its_gaps(exported):
    path, points, valid = exported
    [clip] = dotposes.read_clips(path)
    assert isinstance(clip, Clip) and clip.fps == pytest.approx(29.97)
    np.testing.assert_array_equal(clip.valid, valid)
    same_place(clip.points.astype(np.float64), points, valid)
    file = pose_file.parse_pose_file(path.read_bytes())
    assert file.version == 0.2 and file.size == (1280, 720, 720)
    for component in file.components:
        count = len(component.points)
        assert len(component.colors) in (1, count) and component.format == "XYZC"
        assert len(component.limbs) == count - 1 and max(map(max, component.limbs)) < count


def test_a_flat_clip_stays_flat():
    points = signer(7).astype(np.float32) * np.float32([1, 1, 0])
    file = pose_file.parse_pose_file(posefile.format_clip(Clip(points, fps=25)))
    assert file.size[2] == 0 and not file.points[..., 2].any() and file.confidence.all()


def test_a_face_comes_along_with_its_gaps(tmp_path):
    rng = np.random.default_rng(0)
    points = np.concatenate([signer(7), 0.02 * rng.normal(size=(7, 70, 3))], axis=1).astype(np.float32)
    valid = np.ones((7, 120), bool)
    valid[2, 60:80] = valid[3, :] = False
    path = tmp_path / "one.pose"
    path.write_bytes(posefile.format_clip(Clip(points, valid, fps=25)))
    [clip] = dotposes.read_clips(path)
    same_place(clip.points.astype(np.float64), points, valid)
    np.testing.assert_array_equal(clip.valid, valid)
    face = pose_file.parse_pose_file(path.read_bytes()).components[-1]
    assert len(set(face.points)) == 70 and set(sum(face.limbs, ())) == set(range(68)), "all but the pupils"


def test_other_components_join_in_one_line():
    points, seen = np.full((2, 3, 3), 7.0), np.array([[True, False, True]] * 2)
    part = pose_file.Component("more", "XYZC", ("a", "b", "c"), ((0, 2),), ((1, 2, 3),))
    file = pose_file.parse_pose_file(
        posefile.format_parts([(part, points, seen), (part._replace(name="x"), points, ~seen)], 25)
    )
    assert [c.name for c in file.components] == ["more", "x"]
    np.testing.assert_array_equal(file.confidence[0, 0], [1, 0, 1, 0, 1, 0])


def test_pose_format_opens_it(exported):
    pose_format = pytest.importorskip("pose_format")
    openpose = pytest.importorskip("pose_format.utils.openpose")
    path, points, valid = exported
    opened = pose_format.Pose.read(path.read_bytes())
    assert opened.body.fps == pytest.approx(29.97) and opened.body.data.shape == (7, 1, 50, 3)
    order = [*range(8), *range(29, 50), *range(8, 29)]  # the left hand comes first
    back = np.argsort(order)
    np.testing.assert_array_equal(opened.body.confidence[:, 0][:, back], valid)
    np.testing.assert_array_equal(~np.ma.getmaskarray(opened.body.data)[:, 0][:, back].any(-1), valid)
    same_place(opened.body.data.filled(0)[:, 0][:, back].astype(np.float64), points, valid)
    theirs = {c.name: c.points for c in openpose.OpenPose_Components}
    for component in opened.header.components:
        assert theirs[component.name][: len(component.points)] == component.points


def test_the_web_viewer_plays_it(exported, tmp_path):
    """Of npm's pose-viewer, its folder dist/pose-viewer in SIGNJAX_POSE_VIEWER."""
    viewer = os.environ.get("SIGNJAX_POSE_VIEWER")
    if not viewer:
        pytest.skip("SIGNJAX_POSE_VIEWER is not set")
    site = exported[0].parent
    (site / "viewer").symlink_to(viewer)
    (site / "index.html").write_text(PAGE)
    (site / "favicon.ico").write_bytes(b"")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with browser.page(tmp_path / "profile") as tab:
                tab.open(f"http://127.0.0.1:{server.server_port}/index.html")
                tab.wait("document.querySelector('pose-viewer').currentTime > 0.1")
                assert tab.run("document.querySelector('pose-viewer').duration") > 0.2 and not tab.errors
        finally:
            server.shutdown()
