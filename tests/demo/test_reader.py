"""The demo's reader: exact on its own clips, tolerant of distortion, silent on garbage."""

import json
import time

import numpy as np
import pytest

from signjax import demo
from signjax.demo import body, dataset, handshapes, lexicon, phonology, reader, reader_features, signers
from signjax.demo.reader_templates import sign_templates
from signjax.pose import skeleton

TEXTS = dataset.make_split_texts(0, (60, 10, 60))["test"]


def make(content, seed=0, **options):
    return demo.synthesize_pose(content, np.random.default_rng(seed), **options).astype(np.float64)


def wer(change=lambda pose, rng: pose, jitter=1.0, texts=TEXTS):
    """Word error rate of clips after a change that returns a pose or a pose and its mask."""
    errors = total = 0
    for k, line in enumerate(texts):
        changed = change(make(line, k, jitter=jitter), np.random.default_rng([1, k]))
        heard = demo.read_signs(*changed) if isinstance(changed, tuple) else demo.read_signs(changed)
        wrong, length = demo.count_word_errors(demo.normalize_text(line), heard)
        errors, total = errors + wrong, total + length
    return errors / total


def blur(pose, frames):
    padded = np.pad(pose, ((frames // 2, frames // 2), (0, 0), (0, 0)), mode="edge")
    return np.mean([padded[k : k + len(pose)] for k in range(frames)], axis=0)


def retime(pose, tempo):
    at = np.linspace(0, len(pose) - 1, round(len(pose) / tempo))
    low = np.minimum(at.astype(int), len(pose) - 2)
    return pose[low] + (at - low)[:, None, None] * (pose[low + 1] - pose[low])


def stretch(pose, factor):
    out = pose.copy()
    for hand, wrist in skeleton.HANDS:
        shift = (pose[:, wrist] - pose[:, skeleton.NECK]) * (factor - 1)
        out[:, wrist] += shift
        out[:, hand] += shift[:, None]
    return out


def bend_lengths(pose, rng):
    out, factor = pose.copy(), rng.normal(1, 0.06, 50)
    for child, parent in skeleton.BONES:
        out[:, child] = out[:, parent] + (pose[:, child] - pose[:, parent]) * factor[child]
    return out


def lossy(pose, rng):
    """What a tokenizer does: slow errors of 8 % of a finger's length in every coordinate."""
    finger = 0.52 * np.linalg.norm(pose[0, 1] - pose[0, 2])
    return pose + 0.08 * finger * blur(rng.standard_normal(pose.shape), 5) * 5**0.5


def drop(pose, rng):
    valid = rng.random(pose.shape[:2]) > 0.1
    return np.where(valid[..., None], pose, np.nan), valid


def gaps(pose, rng):
    valid = np.ones(pose.shape[:2], bool)
    valid[(np.arange(len(pose)) % 15) < 3, 8:29] = False
    return np.where(valid[..., None], pose, 0.0), valid


def test_reads_its_own_clips_without_error():
    assert wer(jitter=0.0) == 0.0
    assert wer() <= 0.005  # the card asks for less than 0.02
    assert wer(jitter=2.0) <= 0.01


@pytest.mark.parametrize(
    "change",
    [
        lambda p, r: blur(p, 3),
        lambda p, r: blur(p, 5),
        lambda p, r: retime(p, 1.3),
        lambda p, r: retime(p, 0.7),
        lambda p, r: stretch(p, 1.15),
        lambda p, r: stretch(p, 0.85),
        bend_lengths,
        lossy,
        drop,
        gaps,
    ],
    ids=["blur 3", "blur 5", "faster", "slower", "larger", "smaller", "bones", "lossy", "drop", "gaps"],
)
def test_reads_distorted_clips(change):
    assert wer(change, texts=TEXTS[:24]) <= 0.015


def test_neither_place_nor_size_nor_mirror_nor_turn_matters():
    angle = 0.15
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    for k, line in enumerate(TEXTS[:12]):
        pose, tokens = make(line, k), demo.normalize_text(line)
        neck = pose[0, 1] * [1, 0, 0]
        assert demo.read_signs(skeleton.mirror_pose(pose - neck)) == tokens
        assert demo.read_signs(pose * 7.0 + [3.0, -200.0, 1.0]) == tokens
        assert demo.read_signs(pose @ turn.T) == tokens
        assert demo.read_signs(pose.astype(np.float32)) == tokens


def test_every_word_and_every_letter_reads_alone_by_any_signer():
    for k, word in enumerate(demo.list_words()):
        assert demo.read_signs(make(word, k)) == [word]
    for k, letter in enumerate(lexicon.LETTERS):
        spelled = f"x{letter.lower()}{letter.lower()}q"
        assert demo.read_signs(make(spelled, k)) == [spelled]


def test_reads_any_text():
    lines = ("Zoë's 3 quizzes", "Anna Otto", "no no no", "Jazz!", "aaa", "Thank you very much, Ægir", "A?")
    for k, line in enumerate(lines):
        assert demo.read_signs(make(line, k)) == demo.normalize_text(line)


def test_one_sign_made_with_the_other_hand_is_read():
    right, left = (make("hello apple" if k else "you see", 3, signer=signers.AVERAGE_SIGNER) for k in (0, 1))
    left = skeleton.mirror_pose(left - left[:, 1:2].mean(0) * [1, 0, 0])
    assert demo.read_signs(np.concatenate([right, left])) == ["you", "see", "hello", "apple"]


def test_templates_of_all_signs_at_once_are_those_of_each_sign():
    table = sign_templates()
    # A letter has two signs, the second one shifted.
    for number, shift in ((0, 0), (table.glosses.index("A") + 1, 1)):
        sign = lexicon.SIGNS[table.glosses[number]]
        rows = slice(table.first[number], table.last[number] + 1)
        channels, head = phonology.stroke_channels(sign, np.linspace(0.02, 0.98, rows.stop - rows.start))
        channels = np.where(np.isnan(channels), phonology.rest_channels(), channels)
        channels[:, 0, phonology.WRIST] += shift * np.array(lexicon.REPEAT_SHIFT)
        alone = reader_features.measure_features(
            body.forward_kinematics(channels, head, signers.AVERAGE_SIGNER)
        )
        assert np.abs(alone.hands - table.hands[rows]).max() < 1e-12


def test_signs_lie_far_apart():
    """Even frame by frame, free to pick the closest state, a sign is costly to take for another."""
    table = sign_templates()
    nearest = np.minimum.reduceat(reader.state_costs(table.hands, table, 0), table.first, axis=1)
    between = np.add.reduceat(nearest, table.first, axis=0) / (table.last - table.first + 1)[:, None]
    names = np.array(table.glosses)
    between[names[:, None] == names] = np.inf
    letters = np.isin(names, list(lexicon.LETTERS))
    assert between[np.ix_(letters, letters)].min() > 18
    assert between.min() > 13


def smooth(rng, shape, frames=11):
    window = np.hanning(frames + 2)[1:-1]
    noise = rng.standard_normal((shape[0], int(np.prod(shape[1:]))))
    rows = [np.convolve(row, window / np.linalg.norm(window), "same") for row in noise.T]
    return np.array(rows).T.reshape(shape)


def dance(rng, frames=120):
    """A sound body that moves its arms, palms and fingers smoothly and at random."""
    hands = np.zeros((frames, 2, 25))
    hands[..., :3] = [-0.25, 0.2, 0.35] + 0.25 * smooth(rng, (frames, 2, 3))
    hands[..., 3:7] = smooth(rng, (frames, 2, 4))
    hands[..., 7:15] = 0.7 + 0.6 * smooth(rng, (frames, 2, 8))
    hands[..., 19:] = handshapes.handshape_parameters("five")[12:]
    return body.forward_kinematics(hands, np.zeros((frames, 2)), signers.AVERAGE_SIGNER)


GARBAGE = {
    "white noise": lambda p, r: r.normal(0, 0.1, p.shape),
    "noise about a pose": lambda p, r: p[:1] + r.normal(0, 0.05, p.shape),
    "random walk": lambda p, r: p[:1] + np.cumsum(r.normal(0, 0.01, p.shape), 0),
    "frozen": lambda p, r: np.repeat(p[r.integers(len(p))][None], len(p), 0),
    "frozen and trembling": lambda p, r: p[r.integers(len(p))] + r.normal(0, 0.002, p.shape),
    "briefly frozen": lambda p, r: np.repeat(p[r.integers(len(p))][None], 10, 0),
    "mean pose": lambda p, r: np.repeat(p.mean(0)[None], len(p), 0),
    "smooth joints": lambda p, r: p.mean(0) + 0.05 * smooth(r, p.shape),
    "dance": lambda p, r: dance(r),
    "one point": lambda p, r: np.zeros_like(p),
    "not numbers": lambda p, r: np.full_like(p, np.nan),
    "one frame": lambda p, r: p[len(p) // 2][None],
    "no frames": lambda p, r: p[:0],
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_says_nothing(kind):
    for k, line in enumerate(TEXTS[:12]):
        assert demo.read_signs(GARBAGE[kind](make(line, k), np.random.default_rng([2, k]))) == []


def test_shuffled_frames_say_almost_nothing():
    words_read = there = 0
    for k, line in enumerate(TEXTS):
        words_read += len(demo.read_signs(np.random.default_rng(k).permutation(make(line, k))))
        there += len(demo.normalize_text(line))
    assert words_read <= 0.01 * there


def test_a_sign_held_forever_is_no_sign_and_a_held_letter_no_run_of_letters():
    pose = make("zoe", 1, signer=3, jitter=0.0)
    middle = len(pose) // 2
    frozen = np.concatenate([pose[:middle], np.repeat(pose[middle : middle + 1], 40, 0), pose[middle:]])
    assert len(demo.read_signs(frozen)) <= 2 and "ooo" not in "".join(demo.read_signs(frozen))


def test_a_reading_is_described_for_people():
    still = np.repeat(make("hello")[:1], 40, axis=0)
    assert [demo.describe_reading(pose) for pose in (make("hello"), still)] == [
        "reads: hello",
        "reads: (nothing)",
    ]


def test_reading_is_fast():
    poses = [make(line, k) for k, line in enumerate(TEXTS[:20])]
    demo.read_signs(poses[0])
    start = time.process_time()
    for pose in poses:
        demo.read_signs(pose)
    assert (time.process_time() - start) / len(poses) < 0.1


@pytest.mark.real
def test_real_signing_reads_as_almost_nothing(real_data):
    """No real sign language is the demo language."""
    words_read = frames = 0
    for folder in sorted((real_data / "how2sign" / "dev").iterdir())[:20]:
        clip = json.loads((folder / "pose.json").read_text())["poses"]
        parts = ("pose_keypoints_2d", "hand_right_keypoints_2d", "hand_left_keypoints_2d")
        pose = np.array([[v for part in parts for v in frame[part]] for frame in clip]).reshape(-1, 50, 3)
        words_read, frames = (
            words_read + len([w for w in demo.read_signs(pose) if w != "?"]),
            frames + len(pose),
        )
    assert words_read <= 0.1 * frames / 100
