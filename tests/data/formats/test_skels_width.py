"""The width of the frames of a .skels file: one for the whole file, proven by the counter or by motion."""

import format_files
import numpy as np
import pytest

from signjax.data import plausibility
from signjax.data.formats import hand_sides, progressive_transformers, skels_width
from signjax.data.formats.base import UnreadableClip
from signjax.io.safe_read import InvalidFileError
from signjax.pose import skeleton
from signjax.pose.clip import Clip

POSE = format_files.motion()


def format_line(frames, dims, counter):
    """A clip of `frames` frames that swings to and fro."""
    turns = 5 * (1 - np.cos(np.arange(frames) / 9))
    k = turns.astype(int)
    # Between two frames of the motion, so that it is as smooth as a body.
    pose = POSE[k] + (turns - k)[:, None, None] * (POSE[k + 1] - POSE[k])
    rows = ((pose - pose[:, [skeleton.NECK]]) / 3)[..., :dims].reshape(frames, -1)
    if counter:
        rows = np.column_stack([rows, np.arange(frames) / frames])
    return " ".join(f"{x:.4f}" for x in rows.ravel())


@pytest.mark.parametrize("lengths, dims, counter, guessed", [
    ((3, 150, 151), 3, True, False),
    ((3, 150, 151), 3, False, False),
    ((101, 3), 2, True, False),
    ((90, 40), 2, False, False),
    ((150,), 3, True, False),
    ((151,), 3, False, False),
    ((90,), 2, False, True),  # 90 frames of 100 numbers, or 60 of 150
    ((60,), 3, False, True),
])  # fmt: skip
def test_all_lines_have_the_width_that_fits(tmp_path, lengths, dims, counter, guessed):
    lines = [format_line(n, dims, counter) for n in lengths]
    (tmp_path / "train.skels").write_text("\n".join(lines) + "\n")
    clips = list(progressive_transformers.read_clips(tmp_path))
    assert all(isinstance(clip, Clip) for clip in clips)
    assert [len(clip) for clip in clips] == list(lengths)
    assert all(clip.points[..., 2].any() == (dims == 3) for clip in clips)
    assert all(bool(clip.warnings) == guessed for clip in clips)
    start = POSE[0] - POSE[0, skeleton.NECK]
    np.testing.assert_allclose(clips[0].points[0, :, :2], start[:, :2], atol=1e-3)


def test_a_broken_line_stops_no_others_where_counters_prove_the_width(tmp_path):
    lines = [format_line(n, 2, True) for n in (5, 6, 7)]
    lines[1] += " 0.5"
    (tmp_path / "train.skels").write_text("\n".join(lines) + "\n")
    first, broken, last = progressive_transformers.read_clips(tmp_path)
    assert len(first) == 5 and len(last) == 7
    assert isinstance(broken, UnreadableClip) and "no multiple of 101" in broken.reason


def test_a_file_that_no_width_fits_is_refused(tmp_path):
    lines = [format_line(7, 3, False), format_line(7, 2, False)]
    (tmp_path / "train.skels").write_text("\n".join(lines) + "\n")
    [item] = progressive_transformers.read_clips(tmp_path)
    assert isinstance(item, UnreadableClip) and "151 or 101" in item.reason and "train.skels" in item.name
    with pytest.raises(InvalidFileError, match="fits all its lines"):
        skels_width.detect_width([])


def test_numbers_that_are_no_counter_are_told():
    words = format_line(7, 3, True).split()
    words[150::151] = ["0.5"] * 7
    width, guess = skels_width.detect_width([" ".join(words).encode()])
    assert width.count == 151 and "no counter" in guess


def test_hands_in_the_other_order_do_not_mirror_the_signer(tmp_path):
    order = [*range(8), *range(29, 50), *range(8, 29)]
    format_files.skels(tmp_path, "train", [(POSE[:, order], np.ones((12, 50), bool))], ["hello"], "how2sign")
    [clip] = progressive_transformers.read_clips(tmp_path)
    clip = plausibility.inspect_clip(clip)
    np.testing.assert_allclose(clip.points, POSE - POSE[:, [skeleton.NECK]], atol=1e-3)
    assert [warning.kind for warning in clip.warnings] == [hand_sides.CROSSED]
