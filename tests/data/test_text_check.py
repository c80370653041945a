"""Texts with nothing to sign, and texts far longer than their clips: left out, named and counted."""

import json

import format_files
import numpy as np
import pytest
from format_cases import POSE, VALID
from packed_sets import Lines, dataset, recording, write

from signjax.data import joined_clips, load, pack_files, pack_writer, text_check, token_rows
from signjax.data.import_poses import import_poses
from signjax.errors import DataError, SignjaxWarning

PAGE = " ".join(f"word{k}" for k in range(400))


@pytest.mark.parametrize("text", ["♪", "...", "—", "(?)", "👍", "\u200b", "! !"])
def test_a_text_without_a_word_is_refused(text):
    with pytest.raises(DataError, match="has no word"):
        text_check.check_text(text, 100, 25)


@pytest.mark.parametrize("text", ["7", "é", "你好", "สวัสดี", "नमस्ते", "HELLO++", "♪ la ♪"])
def test_words_of_any_script_are_words(text):
    text_check.check_text(text, 100, 25)


def test_a_text_may_be_as_long_as_people_sign_it():
    # The fastest clips of How2Sign, and the same at few frames a second.
    text_check.check_text("Hi!", 4, None)
    text_check.check_text("You don't care.", 11, 25)
    text_check.check_text("x" * 28, 5, 5)
    for frames, fps in ((40, 25), (40, None), (400, 250)):
        with pytest.raises(DataError, match=r"400 words is far longer than 1\.6 seconds can sign"):
            text_check.check_text(PAGE, frames, fps)


def test_an_import_leaves_out_and_names_them(tmp_path):
    source = tmp_path / "theirs"
    for name in "abcd":
        format_files.openpose(source / name, POSE, VALID)
    (source / "index.tsv").write_text(f"clip\ttext\na\thello\nb\t♪\nc\t{PAGE}\nd\tbye\n")
    left_out = dict(import_poses(source, str(tmp_path), "mine", fps=25)["left_out"])
    assert sorted(left_out) == ["b", "c"]
    assert "'♪' has no word" in left_out["b"] and "400 words" in left_out["c"]


def make_set(root, odd, count=200):
    for k in range(count):
        write(root / f"set/train/clip_{k:03}", recording(0, 8), odd.get(k, "Hello."))
    return root


def test_a_pack_leaves_out_and_counts_them(tmp_path):
    messages = Lines()
    packed = load.load_split(make_set(tmp_path, {3: "♪", 5: PAGE}), "set", "train", on_message=messages)
    assert len(packed) == 198 and [sid for sid, _ in packed.broken] == ["clip_003", "clip_005"]
    assert any("left out clip_003: its text '♪' has no word" in line for line in messages)
    write(tmp_path / "set/train/clip_007", recording(0, 8), "...")
    with pytest.raises(pack_writer.BrokenClipsError):
        load.load_split(tmp_path, "set", "train", on_message=messages)


def test_the_frame_rate_of_a_clip_decides(tmp_path):
    root = dataset(tmp_path)
    pose = root / "set/train/-clip_0/pose.json"
    (pose.parent / "text.txt").write_text("x" * 90)
    with pytest.raises(DataError):
        load.load_split(root, "set", "train", on_message=Lines())
    pose.write_text(json.dumps(json.loads(pose.read_text()) | {"fps": 10}))
    assert len(load.load_split(root, "set", "train", on_message=Lines())) == 5


def test_a_pack_from_before_the_check_is_made_again(tmp_path, monkeypatch):
    # Few enough to be read in this process, whose check is taken away.
    with monkeypatch.context() as old:
        old.setattr(text_check, "check_text", lambda *_: None)
        load.load_split(make_set(tmp_path, {3: "♪"}, 120), "set", "train", on_message=Lines())
    [folder] = pack_files.list_packs(tmp_path / "set/.cache", "train")
    index = json.loads((folder / "index.json").read_text())
    del index["checked_texts"]
    (folder / "index.json").write_text(json.dumps(index))
    pack_files.write_checksums(folder)
    assert len(load.load_split(tmp_path, "set", "train", on_message=Lines())) == 119


def test_one_long_text_does_not_set_the_width_of_all_rows():
    codes = [[np.zeros((9, 2), np.int32)] * 12]
    texts = [[5] * 6] * 12
    usual = token_rows.TokenRows(codes, texts, seed=0, packings=2)
    texts = [*texts[:3], [5] * 4000, *texts[4:]]
    rows = token_rows.TokenRows(codes, texts, seed=0, packings=2)
    assert rows.text == usual.text == 64 and rows.left_out == {3: 4000} and not usual.left_out
    for k in range(2):
        clips = [clip for row in rows.rows[k::2] for clip, _ in row]
        assert 3 not in clips
    assert sorted(clip for row in rows.rows for clip, _ in row) == sorted(2 * [*range(3), *range(4, 12)])
    rows.make_example(0)
    line = token_rows.describe_left_out(rows, "set/train", [f"c{k}" for k in range(12)])
    assert "1 of 12 clips left out" in line and line.endswith("64 tokens: c3 (4,000 tokens)")
    assert token_rows.describe_left_out(usual, "set/train", range(12)) == ""


def test_texts_of_any_usual_length_stay():
    assert token_rows.find_usual(np.array([3, 150])).all() and token_rows.find_usual(np.array([4000])).all()
    # One in twenty is a sentence beside single signs, and sentences of all lengths.
    assert token_rows.find_usual(np.array([2] * 950 + [400] * 50)).all()
    assert token_rows.find_usual(np.arange(1, 500)).all()


def test_rows_of_joined_clips_are_not_widened_either(tmp_path):
    clips = load.load_split(dataset(tmp_path), "set", "train", on_message=Lines())
    ids = [[7, 4], [7] * 3000, [8, 4], [9, 4], [7, 8, 4]]
    rows = joined_clips.JoinedClips(
        clips, ids, joins=0.9, tempo=0.0, signer={"mirror": 0, "turn": 0, "size": 0}
    )
    assert len(rows) == 4 and rows.text == 32 and rows.left_out == {1: 3000}
    example = rows.make_example(1, np.random.default_rng(0))
    assert example["text"][0] == 8


def test_by_default_the_library_warns_and_prints_nothing(tmp_path, capsys):
    with pytest.warns(SignjaxWarning, match="set/train: left out clip_003: its text '♪' has no word"):
        load.load_split(make_set(tmp_path, {3: "♪"}, 120), "set", "train")
    assert capsys.readouterr() == ("", "")
