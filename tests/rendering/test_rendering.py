"""The renderer: what is drawn, where, in what order, and that files are right or not there at all."""

import base64
import html.parser
import importlib.util
import json
import os
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
from PIL import Image
from signer import signer

from signjax import demo, rendering
from signjax.errors import ConfigError, DataError, SignjaxError, StorageError
from signjax.pose import skeleton
from signjax.pose.clip import Clip, Tokens
from signjax.rendering import captions, html_player, layout, rasterize, style
from signjax.rendering import shapes as figure

FINGER_INKS = [rasterize.INDEX[f"{name}{k}"] for name in skeleton.FINGERS for k in (1, 2, 3)]


def places(panels, size=240):
    """Pixel positions [T, 50, 2] of each panel's joints in the painted picture."""
    figures = figure.prepare_figures(panels)
    look, scene = layout.fit_view(figures, size), layout.build_scene(panels, size)
    found = []
    for one, stage in zip(figures, scene.stages, strict=True):
        found.append(one.pose[..., :2] * look.scale + look.shift + [stage.x, stage.y])
    return scene, found


def drawn(panels, size=240, frame=0):
    """The painted frame of a picture and the joints' pixels [50, 2] of its first panel."""
    scene, found = places(panels, size)
    return layout.paint_frame(scene, frame), found[0][frame].astype(int)


@pytest.mark.parametrize(("fps", "moving"), [(25, True), (25, False), (30, True), (12.5, True)])
def test_gif_has_every_frame_and_the_exact_delay(tmp_path, fps, moving):
    path = rendering.write_gif(
        tmp_path / "a.gif", [Clip(signer(15, moving=moving), text="hello")], fps, size=96
    )
    with Image.open(path) as image:
        assert image.n_frames == 15 and image.info["loop"] == 0
        delays = []
        for frame in range(15):
            image.seek(frame)
            delays.append(image.info["duration"])
    if fps == 25:
        assert delays == [40] * 15
    assert abs(sum(delays) - 15 * 1000 / fps) <= 5


def test_gif_keeps_frames_in_which_nothing_moves(tmp_path):
    panel = Clip(signer(200, moving=False))  # more frames than the time line has pixels
    with Image.open(rendering.write_gif(tmp_path / "a.gif", panel, size=64)) as image:
        assert image.width < 200 and image.n_frames == 200


def test_gif_shows_what_was_painted(tmp_path):
    clips = Clip(signer(6), text="hello"), Clip(signer(4), text="other")
    panels = [rendering.Panel(clip, title) for clip, title in zip(clips, "ab", strict=True)]
    scene = layout.build_scene(panels, 160)
    with Image.open(rendering.write_gif(tmp_path / "a.gif", panels, size=160)) as image:
        for frame in range(6):
            image.seek(frame)
            expected = rasterize.make_palette()[layout.paint_frame(scene, frame)]
            np.testing.assert_array_equal(np.asarray(image.convert("RGB")), expected)


def test_every_joint_is_painted():
    picture, joints = drawn([Clip(signer())])
    at = picture[joints[:, 1], joints[:, 0]]
    assert (at != rasterize.INDEX["stage"]).all(), [skeleton.NAMES[k] for k in np.flatnonzero(at == 0)]
    for shades in FINGER_INKS:
        assert (picture == shades).any()


def test_fingers_have_their_own_hues():
    picture, joints = drawn([Clip(signer())], size=480)
    for hand in (skeleton.R_HAND, skeleton.L_HAND):
        for finger, name in enumerate(skeleton.FINGERS):
            first = hand + 1 + 4 * finger
            for bone in range(3):
                x, y = (joints[first + bone] + joints[first + bone + 1]) // 2
                assert picture[y, x] == rasterize.INDEX[f"{name}{bone + 1}"]


def test_a_bone_joins_hand_and_wrist():
    pose = signer()
    pose[:, skeleton.RIGHT] += [-0.05, -0.05, 0]  # a hand torn off its wrist
    picture, joints = drawn([Clip(pose)])
    for part in np.linspace(0, 1, 9):
        x, y = (joints[skeleton.R_WRIST] * (1 - part) + joints[skeleton.R_HAND] * part).astype(int)
        assert picture[y, x] == rasterize.INDEX["right"]


def test_right_and_left_arm_differ():
    picture, joints = drawn([Clip(signer())])
    right, left = (picture[y, x] for x, y in (joints[skeleton.R_ELBOW], joints[skeleton.L_ELBOW]))
    assert right == rasterize.INDEX["right"] and left == rasterize.INDEX["left"]


@pytest.mark.parametrize("near", ["right", "left"])
def test_nearer_parts_cover_farther_ones(near):
    pose = signer(moving=False)
    for hand, elbow, wrist in ((skeleton.RIGHT, 3, 4), (skeleton.LEFT, 6, 7)):
        move = [0.2, 0, 0] - pose[0, wrist] * [1, 0, 0]  # both wrists before the breast bone
        pose[:, hand] += move
        pose[:, wrist] += move
        depth = 0.15 if (wrist == skeleton.R_WRIST) == (near == "right") else 0.05
        pose[:, [elbow, wrist, *range(hand.start, hand.stop)], 2] = depth
    picture, joints = drawn([Clip(pose)])
    x, y = joints[skeleton.R_WRIST]
    assert picture[y, x] == rasterize.INDEX[near]


def test_order_does_not_flicker_with_single_frames():
    pose = signer(20, moving=False)
    pose[10, skeleton.R_HAND + 1 :, 2] -= 0.02
    noisy = figure.prepare_figures([Clip(pose)])[0].pose[:, 9:13, 2].mean(1)
    assert np.abs(np.diff(figure.smooth_depth(noisy))).max() < 0.3 * np.abs(np.diff(noisy)).max()
    np.testing.assert_allclose(figure.smooth_depth(np.arange(9.0))[2:-2], np.arange(9.0)[2:-2])


def test_the_signer_fills_the_stage_and_is_not_cut():
    pose = signer(30)
    scene, (joints,) = places([Clip(pose)])
    width, height = scene.size
    assert (joints > 0).all() and (joints < [width, height]).all()
    for frame in (0, 5, 20):
        stage = layout.paint_frame(scene, frame)[:height]
        for border in (stage[0], stage[:, 0], stage[:, -1]):
            assert (border == rasterize.INDEX["stage"]).all()
        rows, columns = np.nonzero(stage != rasterize.INDEX["stage"])
        assert np.ptp(rows) > 0.8 * height and np.ptp(columns) > 0.6 * width


def test_one_wild_frame_does_not_shrink_the_picture():
    pose = signer(60)
    calm = layout.fit_view(figure.prepare_figures([Clip(pose)]), 240).scale
    pose[30, skeleton.RIGHT] += 50.0
    assert layout.fit_view(figure.prepare_figures([Clip(pose)]), 240).scale > 0.6 * calm
    drawn([Clip(pose)], frame=30)


def test_missing_joints_are_not_drawn():
    pose, valid = signer(), np.ones((8, 50), bool)
    valid[:, skeleton.RIGHT] = valid[:, skeleton.LEFT] = False
    pose[~valid] = np.nan
    scene, (joints,) = places([Clip(pose, valid)])
    picture = layout.paint_frame(scene, 0)
    assert not np.isin(picture, FINGER_INKS).any()
    x, y = joints[0, skeleton.R_WRIST].astype(int)
    assert picture[y, x] == rasterize.INDEX["right"]  # the arm is still there
    valid[:] = False
    nothing = layout.paint_frame(layout.build_scene([Clip(pose, valid)], 240), 0)
    assert (nothing[:240] == rasterize.INDEX["stage"]).all()


def test_panels_share_scale_and_time():
    panels = [Clip(signer(8), text="a"), Clip(signer(3, size=0.045), text="a")]
    scene, (large, small) = places(panels)
    ratio = np.ptp(large[0, :, 1]) / np.ptp(small[0, :, 1])
    assert ratio == pytest.approx(2, rel=0.02) and scene.frames == 8
    width, x = scene.size[0], scene.stages[1].x
    last = [layout.paint_frame(scene, frame)[: scene.size[1], x : x + width] for frame in (2, 7)]
    np.testing.assert_array_equal(*last)  # the shorter clip holds its last frame


def test_frames_one_after_another_are_those_drawn_alone():
    valid = np.ones((3, 50), bool)
    valid[1, skeleton.L_WRIST] = False
    panels = [Clip(signer(6), text="a"), Clip(signer(3), valid, text="b")]
    scene = layout.build_scene(panels, 240)
    pictures = list(layout.paint_frames(scene))
    assert len(pictures) == 6 and len({picture.tobytes() for picture in pictures}) == 6
    for number, picture in enumerate(pictures):
        np.testing.assert_array_equal(picture, layout.paint_frame(scene, number))
        for stage in scene.stages:
            alone = rasterize.draw_frame(
                stage.parts, stage.order, scene.size, min(number, len(stage.order) - 1)
            )
            own = picture[stage.y : stage.y + scene.size[1], stage.x : stage.x + scene.size[0]]
            np.testing.assert_array_equal(own, alone)


def test_captions_wrap_and_are_cut_at_the_end():
    letter = captions.load_font(16)
    text = "what we are trying to do is " * 20
    lines = captions.wrap_text(text, letter, 300, 3)
    assert len(lines) == 3 and lines[-1].endswith("…")
    assert all(letter.getlength(line) <= 300 for line in lines)
    assert " ".join(captions.wrap_text(text.strip(), letter, 300, 99)) == text.strip()
    assert "".join(captions.wrap_text("x" * 200, letter, 300, 99)) == "x" * 200
    assert captions.draw_caption("  \n ", 300, 480).shape == (0, 300)
    for strange in ("Grüße, Привет, مرحبا", "\ud800", "日本", "a\0b"):
        assert (captions.draw_caption(strange, 300, 480) != rasterize.INDEX["paper"]).any()


def test_smooth_edges_keep_to_the_palette():
    fine = np.full((8, 8), rasterize.INDEX["stage"], np.uint8)
    fine[:, 3:] = rasterize.INDEX["right"]
    row = rasterize.make_palette()[rasterize.shrink_canvas(fine)][0].astype(int)
    stage, right = (
        rasterize.make_palette()[rasterize.INDEX[name]].astype(int) for name in ("stage", "right")
    )
    np.testing.assert_array_equal(row[0], stage)
    np.testing.assert_array_equal(row[2:], [right] * 2)
    assert np.abs(row[1] - (stage + right) / 2).max() < 12  # half covered


class _Reader(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.inside = [], {}, ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.inside = "data" if ("id", "data") in attrs else tag

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        self.texts[self.inside] = self.texts.get(self.inside, "") + data


def unpacked(packed):
    """Poses [T, 50, 3] of page.pack, read by its docstring."""
    low, high = np.frombuffer(zlib.decompress(base64.b64decode(packed["poses"])), np.uint8).reshape(2, -1)
    added = (low + 256 * high.astype(int)).astype(np.uint16).view(np.int16)
    values = np.cumsum(added.reshape(-1, 50, 3), axis=0, dtype=np.int16)
    return values * packed["step"]


def test_poses_far_out_and_in_leaps_survive_packing():
    pose = signer(6)
    pose[2, 20] += 40.0
    pose[3, 20] -= 40.0
    one = figure.prepare_figures(Clip(pose))[0]
    packed = html_player.pack_figure(one)
    assert np.abs(unpacked(packed) - one.pose).max() <= packed["step"] * 0.501


@pytest.mark.parametrize("codes, stride, names", [
    (np.zeros((3, 3), int), 4, ()),
    (np.zeros((4, 3), int), 0, ()),
    (np.zeros(4, int), 2, ()),
    (np.zeros((4, 0), int), 2, ()),
    (np.zeros((4, 3), int), 2, ("arm", "hand")),
])  # fmt: skip
def test_tokens_that_are_of_another_clip_are_refused(tmp_path, codes, stride, names):
    panel = Clip(signer(7), text="a", tokens=Tokens(codes, stride, names))
    with pytest.raises(DataError, match="panel 0: tokens"):
        rendering.write_html(tmp_path / "a.html", [panel])


def test_ten_clips_are_half_a_megabyte_at_most(tmp_path, promise):
    """Of the demo set's mean length, with noise and tokens; real clips compress as well."""
    texts = ["hello how are you", "my friend is happy", "where do you live?", "I like the red house"]
    panels = []
    for k in range(10):
        pose = demo.synthesize_pose(texts[k % 4], np.random.default_rng(k), signer=k)
        codes = np.random.default_rng(k).integers(0, 512, (-(-len(pose) // 4), 6))
        panels.append(Clip(pose, text=texts[k % 4], tokens=Tokens(codes, 4)))
    size = rendering.write_html(tmp_path / "a.html", [[p] for p in panels]).stat().st_size
    promise("page of ten clips", size / 1000, most=500, unit="kB")
    frames = sum(map(len, panels))
    promise("page, a frame, its program left out", (size - 60_000) / frames, most=300, unit="bytes")


def test_html_holds_the_poses_and_cannot_be_broken_out_of(tmp_path):
    nasty = "</script><script>alert(1)</script><!-- {{data}} & \u2028 \" '"
    valid = np.random.default_rng(0).random((5, 50)) > 0.3
    valid[:, [1, 2, 5]] = True
    clips = Clip(signer(5), text=nasty), Clip(signer(5), valid, text="b")
    panels = [rendering.Panel(clip, title) for clip, title in zip(clips, (nasty, ""), strict=True)]
    path = rendering.write_html(tmp_path / "new" / "a.html", [panels, panels[:1]], fps=25, title=nasty)
    text = path.read_text("utf-8")
    assert "http://" not in text and "https://" not in text and "{{" not in text.replace("{{data}}", "")
    assert "Content-Security-Policy" in text and "default-src 'none'" in text
    reader = _Reader(text)
    assert reader.tags.count("script") == 2 and reader.texts["title"] == nasty
    data = json.loads(reader.texts["data"])
    assert data["fps"] == 25 and len(data["clips"]) == 2
    for panel, packed in zip(panels, data["clips"][0]["panels"], strict=True):
        assert packed["caption"] == panel.clip.text and packed["title"] == panel.title
        one = figure.prepare_figures([panel])[0]
        assert np.abs(unpacked(packed) - one.pose).max() <= packed["step"] * 0.501
        assert packed["step"] <= 1e-3 * one.unit
        if not panel.clip.valid.all():
            bits = np.unpackbits(np.frombuffer(base64.b64decode(packed["valid"]), np.uint8))
            np.testing.assert_array_equal(bits[: 5 * 50].reshape(5, 50), panel.clip.valid)


def test_html_and_pictures_share_one_style(tmp_path):
    text = rendering.write_html(tmp_path / "a.html", [Clip(signer(2), text="a")]).read_text("utf-8")
    for name, color in style.COLORS.items():
        assert f"--{name}:{color};" in text
    shapes = json.loads(_Reader(text).texts["data"])["style"]
    assert len(shapes["parts"]) == len(style.PARTS) and len(shapes["points"]) == len(style.POINTS)
    used = {bone[4] for part in shapes["parts"] for bone in part["bones"]}
    assert used <= set(shapes["colors"]) and set(style.DARK) <= set(style.COLORS)
    assert html_player.pack_figure(figure.prepare_figures(Clip(signer(2), text="a"))[0])["valid"] is None


def test_sheet_shows_evenly_spaced_frames(tmp_path):
    clips = Clip(signer(30), text="a"), Clip(signer(20), text="b")
    panels = [rendering.Panel(clip, title) for clip, title in zip(clips, "xy", strict=True)]
    width = layout.fit_view(figure.prepare_figures(panels), 120).size[0]
    with Image.open(rendering.write_sheet(tmp_path / "a.png", panels, count=5, size=120)) as image:
        assert image.format == "PNG" and image.width == 5 * (width + captions.GAP) - captions.GAP
        assert image.height > 240
    with Image.open(rendering.write_sheet(tmp_path / "b.png", [Clip(signer(2))], size=120)) as image:
        assert image.size[1] == 120  # two frames, no caption


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.gif"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(StorageError, match=r"a\.gif: cannot be written \(No space"):
        rendering.write_gif(path, [Clip(signer(2))], size=64)
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["a.gif"]


def test_paths_without_folder_and_new_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rendering.write_gif("a.gif", Clip(signer(2)), size=64)
    rendering.write_sheet("x/y/b.png", Clip(signer(2)), size=64)
    assert (tmp_path / "a.gif").exists() and (tmp_path / "x/y/b.png").exists()
    with pytest.raises(StorageError):
        rendering.write_gif("a.gif/b.gif", Clip(signer(2)), size=64)


@pytest.mark.parametrize(
    "write", [rendering.write_gif, rendering.write_sheet, lambda p, panels: rendering.write_html(p, [panels])]
)
@pytest.mark.parametrize(
    ("panels", "message"),
    [
        (lambda: [Clip(signer(0))], "0 frames"),
        (lambda: [Clip(signer(2)[:, :, :2])], "shape"),
        (lambda: [Clip(signer(2)[:, :49])], "shape"),
        (lambda: [Clip(np.where(np.arange(50)[:, None] == 4, np.nan, signer(2)))], "right_wrist"),
        (lambda: [Clip(signer(2), np.ones((3, 50), bool))], "valid has shape"),
        (list, "empty"),
    ],
)
def test_bad_poses_get_one_line(tmp_path, write, panels, message):
    with pytest.raises(DataError, match=message) as error:
        write(tmp_path / "out", panels())
    assert "\n" not in str(error.value) and not list(tmp_path.iterdir())


def test_bad_settings_get_one_line(tmp_path):
    panel = Clip(signer(2))
    for call in (
        lambda: rendering.write_gif(tmp_path / "a", panel, fps=0),
        lambda: rendering.write_gif(tmp_path / "a", panel, fps=100),
        lambda: rendering.write_gif(tmp_path / "a", panel, size=3),
        lambda: rendering.write_sheet(tmp_path / "a", panel, count=0),
        lambda: rendering.write_html(tmp_path / "a", [panel], fps=float("nan")),
        lambda: rendering.write_html(tmp_path / "a", []),
    ):
        with pytest.raises(SignjaxError) as error:
            call()
        assert "\n" not in str(error.value)


def test_mp4_without_pyav_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not rendering.can_write_mp4()
    with pytest.raises(ConfigError, match=r"pip install -e '\.\[video\]'"):
        rendering.write_mp4(tmp_path / "a.mp4", Clip(signer(2)))


def test_mp4_has_every_frame(tmp_path):
    av = pytest.importorskip("av")
    panels = [Clip(signer(12), text="hello"), Clip(signer(7), text="hello")]
    path = rendering.write_mp4(tmp_path / "a.mp4", panels, fps=25, size=120)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        assert len(frames) == 12 and stream.average_rate == 25 and stream.codec_context.name == "h264"
    expected = rasterize.make_palette()[layout.paint_frame(layout.build_scene(panels, 120), 11)].astype(int)
    assert np.abs(frames[-1].astype(int) - expected).mean() < 8


def test_a_hundred_frames_take_about_a_second_at_most(tmp_path):
    panels = [Clip(signer(100), text="hello how are you")]
    rendering.write_gif(tmp_path / "a.gif", panels)  # tables and fonts are loaded once
    start = time.process_time()
    path = rendering.write_gif(tmp_path / "a.gif", panels)
    assert time.process_time() - start < 1.5 and path.stat().st_size < 900_000


def test_drawing_does_not_load_jax():
    check = "import sys, signjax.rendering; sys.exit('jax' in sys.modules or 'matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
