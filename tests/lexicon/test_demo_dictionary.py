"""Stitched clips of the demo language: their word error rate, and the command that makes them."""

import json

import pytest

import signjax
from signjax import demo, sample
from signjax.lexicon.training_clips import stitch_clips
from signjax.tools import demo as demo_command

MOST_ERRORS = 0.08


@pytest.fixture(scope="module")
def dictionary(tmp_path_factory):
    """The folder of a dictionary of all words and letters."""
    return demo.write_dictionary(tmp_path_factory.mktemp("dictionary"))


def count_errors(clips, texts):
    pairs = [
        demo.count_word_errors(demo.normalize_text(text), demo.read_signs(clip.points))
        for clip, text in zip(clips, texts, strict=True)
    ]
    return sum(errors for errors, _ in pairs) / sum(words for _, words in pairs)


@pytest.mark.extended
def test_stitched_test_sentences_can_be_read(dictionary):
    texts = demo.make_split_texts(0, (2000, 200, 200))["test"]
    lexicon = signjax.Lexicon.from_dataset(dictionary)
    assert all(lexicon.cover(text).share == 1 for text in texts)
    rate = count_errors(lexicon.generate(texts), texts)
    print(f"stitched test sentences: WER {100 * rate:.1f} %")
    assert rate <= MOST_ERRORS


@pytest.mark.extended
def test_clips_for_training(dictionary):
    lexicon = signjax.Lexicon.from_dataset(dictionary)
    texts = ["my name is Ada", "日本", "how are you?"]
    clips = list(stitch_clips(lexicon, texts, num=2))
    assert [clip.text for clip in clips] == [texts[0]] * 2 + [texts[2]] * 2
    assert len({clip.sid for clip in clips}) == 4 and {clip.split for clip in clips} == {"train"}
    assert count_errors(clips, [clip.text for clip in clips]) == 0


@pytest.mark.extended
def test_the_commands(dictionary, tmp_path, capsys):
    assert demo_command.main(["--dictionary", "--root", str(dictionary.parent)]) == 0
    lexicon = ["--lexicon", str(dictionary)]
    options = ["--text", "how are you?", "--text", "my 日本", "--out", str(tmp_path), "--formats", "npz"]
    assert sample.main([*lexicon, *options]) == 0
    out, err = capsys.readouterr()
    assert "reads: how are you ?" in out and "how are you?: word: how, are, you" in err
    assert "missing: 日, 本" in err
    assert len(signjax.Clip.read(tmp_path / "how-are-you-a9bf0b58.npz")) > 20
    assert sample.main([*lexicon, "--text", "you", "--stream"]) == 0
    frames = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(frames) > 10 and frames[0]["fps"] == 25
    assert sample.main([*lexicon, "--text", "日本"]) == signjax.DataError.exit_code
    error = capsys.readouterr().err
    assert "can be signed; missing: 日, 本" in error and error.count("error:") == 1
    assert sample.main([*lexicon, "--workdir", "demo", "--text", "x"]) != 0
    assert "give one of them" in capsys.readouterr().err
    assert sample.main(["--speed", "2", "--text", "x"]) != 0
    assert "give --lexicon, too" in capsys.readouterr().err
