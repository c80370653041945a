"""The page with a player as a file: the poses and tokens in it, its size, and that no text breaks out."""

import base64
import html.parser
import json
import zlib

import numpy as np
import pytest
from signer import signer

from signjax import demo, rendering
from signjax.errors import DataError
from signjax.pose.clip import Clip, Tokens
from signjax.rendering import html_player, style
from signjax.rendering import shapes as figure


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
