"""Clips as GIF, MP4 and sheets: every frame at its time, whole files only, faults in one line."""

import importlib.util
import os
import time

import numpy as np
import pytest
from PIL import Image
from signer import signer

from signjax import rendering
from signjax.errors import ConfigError, DataError, SignjaxError, StorageError
from signjax.pose.clip import Clip
from signjax.rendering import captions, layout, rasterize
from signjax.rendering import shapes as figure


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


def read_delays(path) -> list[int]:
    """Milliseconds of each frame of a GIF."""
    with Image.open(path) as image:
        return [image.seek(frame) or image.info["duration"] for frame in range(image.n_frames)]


@pytest.mark.parametrize("fps", [12.5, 29.97, 50, 60, 120, 240])
def test_gif_plays_at_the_rate_of_its_clip(tmp_path, fps):
    delays = read_delays(rendering.write_gif(tmp_path / "a.gif", Clip(signer(40), fps=fps), size=64))
    assert sum(delays) == pytest.approx(40 * 1000 / fps, abs=15)
    # Browsers take a shorter delay for a tenth of a second.
    assert min(delays) >= 20 and len(delays) == -(-40 // -(-fps // 50))


def test_clips_side_by_side_share_the_time(tmp_path):
    panels = [Clip(signer(21), fps=25), Clip(signer(41), fps=50), Clip(signer(41))]
    one, two, unknown = figure.prepare_figures(panels)
    assert figure.find_rate(panels) == 50 and len(one.pose) == len(two.pose) == len(unknown.pose) == 41
    delays = read_delays(rendering.write_gif(tmp_path / "a.gif", panels[:2], size=64))
    assert sum(delays) == pytest.approx(820, abs=5)


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
        lambda: rendering.write_gif(tmp_path / "a", panel, fps=2000),
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
