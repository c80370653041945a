"""Training a recogniser of single signs: words learned by heart, its run as it is loaded, shared and used."""

import dataclasses
import json

import gpt_run
import numpy as np
import packed_sets
import pytest

import signjax
from signjax.demo.synthesis import synthesize_pose
from signjax.errors import ConfigError, DataError
from signjax.export import hub_folder
from signjax.inference.load import load_recognizer
from signjax.seeds import make_rng
from signjax.tasks.registry import make_task
from signjax.training import loop

pytestmark = [pytest.mark.usefixtures("compile_quickly"), pytest.mark.extended]
SMALL = {
    "num_steps": 200,
    "eval_every": 200,
    "save_every": 200,
    "log_every": 50,
    "window": 16,
    "batch_size": 16,
    "eval_batch_size": 4,
    "augment": {"mirror": 0.5, "turn": 0.05, "size": 0.05, "drop": 0.1, "garbage": 0.1},
    "model.width": 48,
    "model.depth": 1,
    "model.heads": 2,
    "model.mlp": 48,
    "model.dropout": 0.0,
    "smooth": 0.0,
    "optim.lr": 3e-3,
    "optim.warmup": 5,
    "optim.ema": 0.9,
}


WORDS = ("hello", "book", "water", "friend")


def write_words(root, words=WORDS):
    """Clips of single words by signers of the demo: six of each to train on, two to test."""
    for k, word in enumerate(words):
        for split, count in (("train", 6), ("dev", 1), ("test", 2)):
            for i in range(count):
                pose = synthesize_pose(word, make_rng(k, i, len(split)))
                packed_sets.write(root / f"datasets/words/{split}/{word}_{i}", pose, word.title())


@pytest.fixture(scope="module")
def home(tmp_path_factory, compile_quickly):
    root = tmp_path_factory.mktemp("home")
    write_words(root)
    c = gpt_run.get_config(
        "recognizer", **{"data.root": str(root / "datasets"), "data.name": "words"}, **SMALL
    )
    assert loop.train(c, root / "runs/recognizer", make_task).finished
    return root


def test_new_recordings_of_its_words_are_recognised(home):
    recognizer = signjax.load(home / "runs/recognizer")
    test = signjax.load_dataset(home / "datasets", "words", "test")
    assert recognizer.words == tuple(sorted(WORDS)) and recognizer.can_recognize
    found = recognizer.recognize(list(test))
    assert [one.word for one in found] == [text.lower() for text in test.texts]
    assert np.mean([one.probability for one in found]) > 0.6
    metrics = [json.loads(line) for line in (home / "runs/recognizer/metrics.jsonl").read_text().splitlines()]
    assert recognizer.temperature == pytest.approx(metrics[-1]["eval/temperature"], abs=1e-3)


def test_a_still_pose_is_no_sign(home):
    recognizer = load_recognizer(home / "runs/recognizer")
    test = signjax.load_dataset(home / "datasets", "words", "test")
    signing, still = recognizer.classify(list(test)), recognizer.classify([hold(clip) for clip in test])
    assert signing[:, -1].max() < still[:, -1].min()


def hold(clip):
    """The first frame of a clip, as long as the clip."""
    return dataclasses.replace(clip, points=np.repeat(clip.points[:1], len(clip), 0))


def test_scores_tell_words_from_other_words(home):
    """Clips of the right words beside the same clips in another order, and the baselines."""
    recognizer = load_recognizer(home / "runs/recognizer")
    train, test = (signjax.load_dataset(home / "datasets", "words", split) for split in ("train", "test"))
    card = signjax.score(list(test), test, recognizer=recognizer, train=train)
    values = {row: cells["text"]["recognised"]["value"] for row, cells in card.content["rows"].items()}
    assert values["predictions"] == values["ground truth"] == 100
    assert values["mean pose"] == 0 and values["shuffled text"] < 60
    assert recognizer.digest in card.content["signatures"]["recognised"]
    files = {path.name for path in card.write(home / "scores")}
    assert "confusions.png" in files and "recognised" in (home / "scores/scores.txt").read_text()


def test_a_shared_recogniser_is_the_same(home):
    for float16 in (False, True):
        shared = home / f"shared-{float16}"
        hub_folder.write_hub_folder(home / "runs/recognizer", shared, float16=float16)
        one, other = load_recognizer(home / "runs/recognizer"), load_recognizer(shared)
        assert (one.words, one.temperature) == (other.words, other.temperature)
        test = signjax.load_dataset(home / "datasets", "words", "test")
        np.testing.assert_allclose(one.classify(list(test)), other.classify(list(test)), atol=0.01)


def test_a_recogniser_of_other_words_is_refused(home, tmp_path):
    write_words(tmp_path, ("apple",))
    other = signjax.load_dataset(tmp_path / "datasets", "words", "test")
    with pytest.raises(ConfigError, match=r"it knows words such as book, .*, and none of the texts"):
        signjax.score(list(other), other, recognizer=load_recognizer(home / "runs/recognizer"), train=other)
    c = gpt_run.get_config("recognizer", **{"data.root": str(tmp_path / "datasets"), "data.name": "words"})
    with pytest.raises(DataError, match="words/train: all clips are of one word, 'apple'"):
        make_task(c, tmp_path / "run")
