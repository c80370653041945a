"""The demo language: text, signs, motion, sentences and the files of a demo set."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from signjax import demo
from signjax.demo import dataset, lexicon, phonology, signers, text
from signjax.errors import DataError
from signjax.pose import skeleton

TEXTS = [
    *dataset.make_split_texts(0, (60, 10, 50))["test"],
    "Thank you.",
    "Hello Ada",
    "Is it Zoë?",
    "Anna and Otto",
]


def make(content, seed=0, **options):
    return demo.synthesize_pose(content, np.random.default_rng(seed), **options).astype(np.float64)


def test_normalize_folds_case_accents_digits_and_marks():
    assert demo.normalize_text("  How are you? ") == ["how", "are", "you", "?"]
    assert demo.normalize_text("Zoë's 3 Straßen, naïve-Ærø!") == [
        "zoes",
        "three",
        "strassen",
        "naive",
        "aero",
    ]
    assert demo.normalize_text("Why? I know.") == ["why", "i", "know"]
    assert demo.normalize_text('"Is it 42?"') == ["is", "it", "four", "two", "?"]


@pytest.mark.parametrize("bad", ["", "?!", "привет", "你好", " \n"])
def test_text_without_latin_letters_is_a_data_error(bad):
    with pytest.raises(DataError, match="Latin"):
        demo.normalize_text(bad)


def test_glosses_and_tokens_are_inverse():
    for line in [*TEXTS, "anna otto", "hello hello", "no no no", "anna hello bob"]:
        tokens = demo.normalize_text(line)
        assert text.glosses_to_tokens(demo.tokens_to_glosses(tokens), tokens[-1] == "?") == tokens
    assert text.glosses_to_tokens([], True) == []


def test_word_errors_count_substitutions_deletions_and_insertions():
    assert demo.count_word_errors(["a", "b", "c"], ["a", "x", "c"]) == (1, 3)
    assert demo.count_word_errors(["a", "b", "c"], ["c"]) == (2, 3)
    assert demo.count_word_errors([], ["a", "b"]) == (2, 0)
    assert demo.count_word_errors(["a", "b"], ["b", "a"]) == (2, 2)


def test_lexicon_is_complete_and_well_formed():
    assert len(demo.list_words()) >= 80 and {"hello", "thank", "you", "how", "are", "apple"} <= set(
        demo.list_words()
    )
    assert sorted(lexicon.LETTERS) == [chr(65 + k) for k in range(26)]
    assert len(set(lexicon.SIGNS.values())) == len(lexicon.SIGNS)
    for sign in lexicon.SIGNS.values():
        hands, head = phonology.stroke_channels(sign, np.linspace(0, 1, 5))
        assert np.isfinite(hands[:, 0]).all() and np.isfinite(head).all()
    asked = {sign.head for sign in lexicon.WORDS.values()}
    assert asked == set(phonology.HEADS)


def test_bones_keep_their_lengths_and_sides_are_twins():
    for k, line in enumerate(TEXTS[:10]):
        lengths = skeleton.bone_lengths(make(line, k))
        assert (np.ptp(lengths, 0) / lengths.mean(0)).max() < 1e-4
    twin = {tuple(bone): i for i, bone in enumerate(skeleton.BONES.tolist())}
    other = [twin[tuple(skeleton.MIRROR[bone])] for bone in skeleton.BONES]
    np.testing.assert_allclose(lengths.mean(0)[other], lengths.mean(0), rtol=1e-4)


def test_bodies_are_plausible():
    leaps = []
    for k, line in enumerate(TEXTS):
        pose = make(line, k, jitter=0.0)
        length = np.linalg.norm(pose[0, 1] - pose[0, 2])
        assert 0.05 < length < 0.14
        assert (pose[:, 0, 1] < pose[:, 1, 1]).all() and (pose[:, 2, 0] < pose[:, 5, 0]).all()
        assert abs(pose[0, 0, 2]) < 0.01 and abs(pose[:, 0, 2]).max() < 0.8 * length
        front = pose[:, [4, 7], 2] > pose[:, [1], 2]
        beside = abs(pose[:, [4, 7], 0] - pose[:, [1], 0]) > abs(pose[:, [2, 5], 0] - pose[:, [1], 0])
        assert (front | beside).all()  # no hand is in or behind the trunk
        leaps.append(np.linalg.norm(np.diff(pose, axis=0), axis=-1).max() / length)
        lowest = pose[[0, -1]][:, [4, 7], 1] - pose[[0, -1]][:, [1], 1]
        assert (lowest > 1.7 * length).all()  # hands rest at both ends
    # an elbow leaps where a wrist passes close to its own shoulder: seldom, and never far
    assert max(leaps) < 2.0 and np.mean(np.array(leaps) > 1.6) < 0.04


def test_fingers_bend_towards_the_palm_and_the_thumb_lies_on_the_right_side():
    pose = make("a", 0, signer=signers.AVERAGE_SIGNER, jitter=0.0)  # a fist, palm to the viewer
    frame = pose[len(pose) // 2]
    root = skeleton.R_HAND
    assert frame[root + 9, 1] < frame[root, 1]  # fingers up
    assert (frame[root + 10 : root + 12, 2] > frame[root + 9, 2]).all()  # bent towards the viewer
    assert frame[root + 2, 0] > frame[root + 17, 0]  # the right thumb points across the body


def ratio(pose, joints):
    first = np.linalg.norm(np.diff(pose[:, joints], axis=0), axis=-1)
    second = np.linalg.norm(np.diff(pose[:, joints], 2, axis=0), axis=-1)
    return first.mean(), second.mean()


def test_jitter_is_at_the_level_of_real_data():
    body, hands = [3, 4, 6, 7], [*range(9, 29), *range(30, 50)]
    sums = np.zeros((2, 2))
    for k, line in enumerate(TEXTS[:30]):
        pose = make(line, k)
        pose /= np.linalg.norm(pose[:, 1] - pose[:, 2], axis=-1).mean()
        sums += np.array([ratio(pose, body), ratio(pose, hands)]) * len(pose)
    body_ratio, hand_ratio = sums[:, 1] / sums[:, 0]
    assert 0.77 < body_ratio < 1.08
    assert 0.80 < hand_ratio < 1.00


def test_only_the_head_tells_a_question():
    asks, says = (make(line, 3, signer=2, jitter=0.0) for line in ("You can see?", "You can see"))
    hands = [np.r_[2:50]]
    np.testing.assert_allclose(asks[:, hands], says[:, hands], atol=1e-6)
    assert abs(asks[:, 0] - says[:, 0]).max() > 0.01


def test_signers_differ_and_a_signer_stays_the_same():
    poses = [make("Hello.", 1, signer=k, jitter=0.0) for k in range(signers.NUM_SIGNERS)]
    sizes = {round(float(np.linalg.norm(p[0, 1] - p[0, 2])), 4) for p in poses}
    lengths = {len(p) for p in poses}
    left = [signers.make_signer(k).left_handed for k in range(signers.NUM_SIGNERS)]
    assert len(sizes) > 20 and len(lengths) > 3 and 2 <= sum(left) <= 4
    np.testing.assert_array_equal(make("Hello.", 1, signer=5), make("Hello.", 1, signer=5))
    raised = poses[left.index(True)]
    assert np.ptp(raised[:, 7], 0).max() > 3 * np.ptp(raised[:, 4], 0).max()


def test_sentences_cover_the_language_and_hold_out_dev_and_test():
    texts = dataset.make_split_texts(0, (2000, 200, 200))
    keys = {split: [tuple(demo.normalize_text(line)) for line in lines] for split, lines in texts.items()}
    assert not set(keys["train"]) & set(keys["test"]) and not set(keys["dev"]) & set(keys["test"])
    assert len(set(keys["test"])) == 200
    counts = [len([w for w in key if w != "?"]) for key in keys["train"]]
    assert min(counts) == 1 and max(counts) == 8 and np.mean(np.array(counts) <= 2) > 0.3
    tokens = [w for key in keys["train"] for w in key]
    assert all(keys["train"].count((w,)) >= 4 and tokens.count(w) >= 32 for w in demo.list_words())
    spelled = [w for w in tokens if w not in demo.list_words() and w != "?"]
    assert set("".join(spelled)) == set("abcdefghijklmnopqrstuvwxyz") and len(spelled) > 0.06 * len(tokens)
    assert {w for key in keys["test"] for w in key} - set(tokens)  # new words to spell
    assert 0.15 < np.mean([key[-1] == "?" for key in keys["train"]]) < 0.25


def tree(place: Path):
    return {str(f.relative_to(place)): f.read_bytes() for f in sorted(place.rglob("*")) if f.is_file()}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return demo.write_dataset(tmp_path_factory.mktemp("one"), "demo", 4, (60, 5, 5))


@pytest.mark.extended
def test_same_bytes_whatever_the_workers(written, tmp_path):
    two = demo.write_dataset(tmp_path, "demo", 4, (60, 5, 5), workers=2)
    assert tree(two) == tree(written)
    other = demo.write_dataset(tmp_path, "other", 5, (3, 2, 2))
    assert tree(other) != tree(written) and sorted(os.listdir(tmp_path)) == ["demo", "other"]


def test_files_have_the_schema_of_the_real_data(written):
    folders = sorted((written / "train").iterdir())
    assert len(folders) == 60 and all(len(list(folder.iterdir())) == 2 for folder in folders)
    clip = json.loads((folders[3] / "pose.json").read_text())
    assert list(clip) == ["poses", "num_frames", "original_index"]
    assert clip["num_frames"] == len(clip["poses"])
    sizes = {
        "pose_keypoints_2d": 24,
        "hand_left_keypoints_2d": 63,
        "hand_right_keypoints_2d": 63,
        "face_keypoints_2d": 210,
    }
    for frame in clip["poses"]:
        assert {key: len(value) for key, value in frame.items()} == sizes and list(frame) == list(sizes)
        assert not any(frame["face_keypoints_2d"])
        assert all(isinstance(v, float) and round(v, 5) == v for v in frame["hand_left_keypoints_2d"])
    assert not (folders[3] / "text.txt").read_bytes().endswith(b"\n")


def test_numbers_are_rounded_to_five_decimals():
    pose = np.random.default_rng(0).uniform(-2, 2, (3, 50, 3))
    frames = json.loads(dataset.format_pose_json(pose, 7))["poses"]
    parts = ("pose_keypoints_2d", "hand_right_keypoints_2d", "hand_left_keypoints_2d")
    back = np.array([[v for part in parts for v in frame[part]] for frame in frames]).reshape(pose.shape)
    np.testing.assert_allclose(back, pose, atol=5.1e-6)
    with pytest.raises(DataError, match="scale"):
        dataset.format_pose_json(pose * 10, 0)


def test_a_finished_set_is_left_alone_and_a_strange_folder_refused(written, tmp_path):
    before = {f: f.stat().st_mtime_ns for f in written.rglob("*")}
    demo.write_dataset(written.parent, written.name, 4, (60, 5, 5))
    assert {f: f.stat().st_mtime_ns for f in written.rglob("*")} == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("do not lose")
    with pytest.raises(DataError, match="no demo set"):
        demo.write_dataset(tmp_path, "mine", 0, (2, 1, 1))
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "do not lose"


def test_a_stopped_run_leaves_nothing(tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        demo.write_dataset(tmp_path, "demo", 0, (40, 5, 5), progress=stop)
    assert not os.listdir(tmp_path)


def test_the_command_writes_then_has_nothing_to_do(tmp_path):
    flags = [f"--root={tmp_path}", "--train=6", "--dev=2", "--test=2"]
    command = [sys.executable, "-m", "signjax.tools.demo", *flags]
    first, second = (subprocess.run(command, capture_output=True, text=True, timeout=60) for _ in range(2))
    assert first.returncode == 0 and "10 clips" in first.stdout and "10 of 10" in first.stderr
    assert second.returncode == 0 and "nothing to do" in second.stdout
    (tmp_path / "demo" / "demo.json").unlink()
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 21 and "demo.json" in refused.stderr and "Traceback" not in refused.stderr


def test_writing_is_fast():
    texts, start, frames = TEXTS[:30], time.process_time(), 0
    for k, line in enumerate(texts):
        pose = make(line, k)
        frames += len(dataset.format_pose_json(pose, k)) > 0 and len(pose)
    # 2,400 clips in 30 s on two cores leave 0.025 s for one; the rest is slack for busy machines.
    assert (time.process_time() - start) / len(texts) < 0.05
    assert frames / len(texts) < 110
