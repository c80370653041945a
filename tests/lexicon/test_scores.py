"""A dictionary in a scorecard: as the system that is scored, and as a row beside another one."""

import pytest

import signjax
from signjax import demo, evaluate
from signjax.evaluation.baselines import STITCHED

pytestmark = pytest.mark.extended


def test_a_dictionary_is_scored_like_a_run(tmp_path, capsys):
    demo.write_dataset(tmp_path, "small", sizes=(12, 2, 6))
    folder = demo.write_dictionary(tmp_path, clips=1)
    lexicon = signjax.Lexicon.from_dataset(folder)
    test, train = (signjax.load_dataset(tmp_path, "small", split) for split in ("test", "train"))
    options = {"train": train, "is_demo": True}
    card = signjax.score(lexicon, test, **options)
    row = card.content["rows"]["generated"]
    assert row["text"]["WER"]["value"] < 20 and card.content["cost"]["parameters"] == 0
    # The same beside the clips of another system, which here are the recorded ones.
    card = signjax.score(list(test), test, lexicon=lexicon, **options)
    assert card.content["rows"][STITCHED]["text"]["WER"] == row["text"]["WER"]
    assert card.content["rows"]["predictions"]["text"]["WER"]["value"] == 0
    # A text of which nothing can be signed counts, and ends nothing.
    few = signjax.Lexicon.from_dataset([clip for clip in lexicon.clips if clip.text == "you"])
    card = signjax.score(list(test), test, lexicon=few, **options)
    assert card.content["counts"][STITCHED]["empty"] > 0
    command = ["--lexicon", str(folder), "--root", str(tmp_path), "--name", "small", "--out", str(tmp_path)]
    assert evaluate.main(command) == 0
    assert "generated" in capsys.readouterr().out and (tmp_path / "scores.json").exists()
