"""Clips saved by Clip.save and read again by Clip.read: what each form keeps, and what is refused."""

import dataclasses

import numpy as np
import pytest
from PIL import Image
from signer import signer

from signjax.errors import ConfigError, DataError, StorageError
from signjax.export import clips
from signjax.pose.clip import Clip, Tokens


@pytest.fixture
def clip():
    """A clip with a joint that is missing at times, at a rate of its own, with tokens."""
    valid = np.random.default_rng(0).random((7, 50)) > 0.1
    valid[:, :8] = True
    tokens = Tokens(np.arange(4).reshape(2, 2), 4, ("right arm", "right hand"))
    return Clip(signer(7) - [0, 0, 0.03], valid, fps=30, text="Grüße <b>", tokens=tokens)


@pytest.mark.parametrize("ending", ["npz", "json", "pose"])
def test_poses_come_back(clip, tmp_path, ending):
    path = clip.save(tmp_path / f"deep/one.{ending}")
    back = Clip.read(path)
    assert (back.valid == clip.valid).all() and back.fps == 30 and back.sid == "one"
    # A .pose file stores pixels of a picture, the others the numbers themselves.
    tolerance = 1e-5 if ending == "pose" else 0
    ours, theirs = (c.points[clip.valid] for c in (clip, back))
    if ending == "pose":
        ours, theirs = (c.canonical()[clip.valid] for c in (clip, back))
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=tolerance)


def test_an_npz_keeps_text_and_tokens(clip, tmp_path):
    back = Clip.read(clip.save(tmp_path / "one.npz"))
    assert back.text == clip.text and back.tokens[1:] == clip.tokens[1:]
    np.testing.assert_array_equal(back.tokens.codes, clip.tokens.codes)


def test_pictures_show_every_frame(clip, tmp_path):
    with Image.open(clip.save(tmp_path / "one.gif")) as image:
        assert image.n_frames == 7 and round(1000 / image.info["duration"]) in range(25, 36)
    with Image.open(clip.save(tmp_path / "one.png")) as image:
        assert image.width > 2 * image.height
    assert "Grüße &lt;b&gt;" in clip.save(tmp_path / "one.html").read_text("utf-8")


def test_a_folder_is_read_as_the_clip_it_is(clip, tmp_path):
    folder = clips.save_folder(clip, tmp_path / "one")
    back = Clip.read(folder)
    assert back.text == clip.text and (back.points[clip.valid] == clip.points[clip.valid]).all()
    with pytest.raises(StorageError, match="one: is there already"):
        clips.save_folder(clip, folder)


def test_what_is_refused(clip, tmp_path):
    with pytest.raises(ConfigError, match=r"one\.git: the ending '\.git' .*did you mean '\.gif'"):
        clip.save(tmp_path / "one.git")
    with pytest.raises(DataError, match="nothing"):
        Clip.read(tmp_path / "nothing.npz")
    (tmp_path / "bad.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"bad\.npz: "):
        Clip.read(tmp_path / "bad.npz")
    for name in ("a", "b"):
        clips.save_folder(clip, tmp_path / "set" / name)
    with pytest.raises(DataError, match="set: holds several clips"):
        Clip.read(tmp_path / "set")
    assert not list(tmp_path.glob("one*"))


def test_a_figure_has_its_frames_and_their_times(clip):
    figure = clip.plot(count=3, size=96)
    assert [axis.get_title() for axis in figure.axes] == ["0.00 s", "0.10 s", "0.20 s"]
    pictures = [axis.images[0].get_array() for axis in figure.axes]
    assert all(p.shape == pictures[0].shape and p.shape[2] == 3 for p in pictures)
    assert (pictures[0] != pictures[2]).any(), "the hand waves"
    short = dataclasses.replace(clip, points=clip.points[:2], valid=clip.valid[:2], tokens=None)
    assert len(short.plot().axes) == 2
    with pytest.raises(ConfigError, match="count"):
        clip.plot(count=0)
