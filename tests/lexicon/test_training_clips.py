"""Data sets of stitched clips: what is written, what is left out and named; nothing is half-written."""

import dataclasses

import numpy as np
import pytest
from dictionary_clips import make_clips

import signjax
from signjax import demo
from signjax.data.load import load_dataset
from signjax.errors import ConfigError, DataError, StorageError
from signjax.lexicon.training_clips import measure_pace, stitch_clips, write_stitched_dataset
from signjax.pose.normalization import CANONICAL
from signjax.tools import stitch

TEXTS = ["My name is Dana", "my 日本 book", "thank you!"]


@pytest.fixture(scope="module")
def lexicon():
    return signjax.Lexicon.from_dataset(make_clips())


def test_the_clips_are_a_data_set(lexicon, tmp_path):
    written = write_stitched_dataset(lexicon, TEXTS, tmp_path, "more", num=2, seed=3)
    assert (written.clips, written.left_out, written.missing) == (4, ("my 日本 book",), ("日", "本"))
    assert written.describe().endswith(
        "4 clips; 1 texts left out, the first 'my 日本 book'; no sign for: 日, 本"
    )
    clips = load_dataset(tmp_path, "more", "train")
    assert clips.texts == (TEXTS[0], TEXTS[0], TEXTS[2], TEXTS[2]) and clips.fps == 25
    assert clips.glosses[0] == "my name is fs-d fs-a fs-n fs-a"
    assert demo.read_signs(clips[0].move_to(CANONICAL).points) == ["my", "name", "is", "dana"]
    again = write_stitched_dataset(lexicon, TEXTS, tmp_path, "again", num=2, seed=3)
    files = [sorted((written.folder / "train").rglob("*.*")), sorted((again.folder / "train").rglob("*.*"))]
    assert len(files[0]) == 12 and [p.read_bytes() for p in files[0]] == [p.read_bytes() for p in files[1]]


def test_a_share_of_missing_words_can_be_allowed(lexicon, tmp_path):
    assert write_stitched_dataset(lexicon, TEXTS, tmp_path, "more", least=0.5).clips == 3
    with pytest.raises(ConfigError, match="least is 2"):
        write_stitched_dataset(lexicon, TEXTS, tmp_path, "other", least=2)


def test_the_pace_is_that_of_recorded_clips(lexicon):
    texts = [TEXTS[0], TEXTS[2]]
    slow = list(stitch_clips(lexicon, texts))
    recorded = list(stitch_clips(lexicon, texts, seed=1, pace=1.5))
    pace = measure_pace(lexicon, [*recorded, dataclasses.replace(slow[0], text="日本")])
    assert pace == pytest.approx(1.5, rel=0.03)
    # The same movement in fewer frames, of the same rate.
    assert {clip.fps for clip in recorded} == {25.0}
    for clip, fast in zip(slow, stitch_clips(lexicon, texts, pace=1.5), strict=True):
        assert len(fast) == pytest.approx(len(clip) / 1.5, abs=1)
        np.testing.assert_allclose(fast.points[[0, -2]], clip.points[[0, -2]], atol=0.05)
    with pytest.raises(DataError, match="has not all words"):
        measure_pace(lexicon, [dataclasses.replace(slow[0], text="日本")])


def test_nothing_is_half_written(lexicon, tmp_path):
    with pytest.raises(DataError, match="none of 1 texts can be signed with it"):
        write_stitched_dataset(lexicon, ["日本"], tmp_path, "more")
    assert not (tmp_path / "more").exists()
    write_stitched_dataset(lexicon, TEXTS, tmp_path, "more")
    with pytest.raises(StorageError, match="is there already"):
        write_stitched_dataset(lexicon, TEXTS, tmp_path, "more")


def test_the_command(tmp_path, capsys):
    demo.write_dictionary(tmp_path, clips=1)
    texts = tmp_path / "texts.txt"
    texts.write_text("my name is Ada\n日本\n", encoding="utf-8")
    options = ["--file", str(texts), "--root", str(tmp_path), "--name", "more"]
    assert stitch.main(["--lexicon", str(tmp_path / "demo-dictionary"), *options]) == 0
    assert capsys.readouterr().out.endswith(
        "more: 1 clips; 1 texts left out, the first '日本'; no sign for: 日, 本\n"
    )
    assert stitch.main(options) == ConfigError.exit_code
    assert "error: --lexicon is missing" in capsys.readouterr().err
