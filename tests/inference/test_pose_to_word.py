"""A recogniser of single signs: what it says of a clip, whom it depends on, its calibration and its files."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from packed_sets import recording

from signjax.errors import StorageError
from signjax.inference import pose_to_word, word_list
from signjax.models.sign_recognizer import SignRecognizer
from signjax.pose import skeleton
from signjax.pose.clip import Clip
from signjax.training.configs import get_config

WORDS = ("book", "thank you", "wasser")
SIZE = {"members": 2, "width": 16, "convolutions": 1, "depth": 1, "heads": 2, "mlp": 16, "dropout": 0.2}


@pytest.fixture(scope="module")
def recognizer():
    config = get_config("recognizer", window=8)
    model = SignRecognizer(len(WORDS), **SIZE)
    pose, valid = jnp.zeros((1, 8, 50, 3)), jnp.ones((1, 8, 50), bool)
    return pose_to_word.PoseToWord(config, model.init(jax.random.key(0), pose, valid), model, WORDS)


@pytest.fixture(scope="module")
def clips():
    return [Clip(recording(seed, 9 + seed), fps=25) for seed in range(4)]


def test_probabilities_are_of_each_clip_alone(recognizer, clips):
    together = recognizer.classify(clips)
    assert together.shape == (4, 4)
    np.testing.assert_allclose(together.sum(1), 1, rtol=1e-6)
    for i, clip in enumerate(clips):
        np.testing.assert_allclose(recognizer.classify([clip])[0], together[i], rtol=1e-6)
    # Neither the unit nor the place of a clip's points says anything of the sign.
    moved = dataclasses.replace(clips[0], points=3 * clips[0].points + np.float32(5))
    np.testing.assert_allclose(recognizer.classify([moved])[0], together[0], rtol=1e-4)


def test_what_stands_at_missing_joints_says_nothing(recognizer, clips):
    valid = clips[0].valid.copy()
    valid[2:5, skeleton.LEFT] = False
    rows = [
        recognizer.classify([Clip(np.where(valid[..., None], clips[0].points, junk), valid)])[0]
        for junk in (0.0, 77.0)
    ]
    np.testing.assert_allclose(rows[0], rows[1], rtol=1e-5)


def test_a_clip_without_frames_is_none_of_the_words(recognizer, clips):
    empty = Clip(np.zeros((0, 50, 3)))
    first, second = recognizer.recognize([empty, clips[0]], top=2)
    assert first.word == "" and first.probability == 1
    assert second.ranking[0] == (second.word, second.probability) and len(second.ranking) == 2
    assert second.ranking[0][1] >= second.ranking[1][1]


def test_labels_do_not_depend_on_case(recognizer):
    assert recognizer.find_labels(["Book", "THANK YOU", " wasser", "Brot"]).tolist() == [0, 1, 2, 3]


def test_the_temperature_is_the_likeliest():
    rng = np.random.default_rng(0)
    logits = 3 * rng.normal(size=(4000, 5))
    labels = np.array(
        [rng.choice(5, p=row) for row in np.exp(logits / 2) / np.exp(logits / 2).sum(1)[:, None]]
    )
    assert pose_to_word.fit_temperature(logits, labels) == pytest.approx(2, rel=0.1)
    # All right, of few clips: the fit stays bounded.
    sure = pose_to_word.fit_temperature(np.eye(5)[:3] * 4, np.arange(3))
    assert 0.25 < sure < 4
    assert pose_to_word.fit_temperature(logits[:0], labels[:0]) == 1


def test_calibration_is_of_the_weights_that_it_was_fitted_to(tmp_path):
    pose_to_word.save_calibration(tmp_path, "a" * 12, 1.5)
    pose_to_word.save_calibration(tmp_path, "b" * 12, 2.0)
    assert [pose_to_word.load_calibration(tmp_path, 12 * x) for x in "abc"] == [1.5, 2.0, 1.0]
    (tmp_path / pose_to_word.CALIBRATION).write_text('{"aaaaaaaaaaaa": 1e9}')
    assert pose_to_word.load_calibration(tmp_path, 12 * "a") == 1


def test_words_come_back_and_damage_is_named(tmp_path):
    words = word_list.make_word_list(["Straße", "thank you", "Thank You", "水"])
    assert len(words) == 3
    word_list.save_words(tmp_path, words)
    assert word_list.load_words(tmp_path) == words
    for damage in ("[]", '{"words": ["a", "a"]}', '{"a": 1}', '{"words": [1]}', "{"):
        (tmp_path / word_list.FILE).write_text(damage)
        with pytest.raises(StorageError, match=r"words\.json: cannot be read as a recogniser's words"):
            word_list.load_words(tmp_path)
