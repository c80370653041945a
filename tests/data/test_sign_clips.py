"""Examples for recognising single signs: times, missing joints, and that augmentation keeps what it must."""

import dataclasses

import numpy as np
import pytest
from packed_sets import recording

from signjax.data import sign_clips
from signjax.pose import skeleton
from signjax.pose.clip import Clip
from signjax.pose.normalization import CANONICAL

AUGMENT = {"mirror": 0.5, "turn": 0.1, "size": 0.1, "drop": 0.5, "garbage": 0.0}


@pytest.fixture
def clip():
    return Clip(recording(1, 21).astype(np.float32), placement=CANONICAL)


def test_frames_at_recorded_times_are_the_recorded_ones(clip):
    """Where no wrist is seen, so that progress is time alone."""
    valid = clip.valid.copy()
    valid[:, [skeleton.R_WRIST, skeleton.L_WRIST]] = False
    example = sign_clips.sample_frames(dataclasses.replace(clip, valid=valid), 41)
    np.testing.assert_allclose(example["pose"][::2], clip.points, atol=1e-5)
    between = (clip.points[1:] + clip.points[:-1]) / 2
    seen = valid[0]
    np.testing.assert_allclose(example["pose"][1::2, seen], between[:, seen], atol=1e-5)
    np.testing.assert_array_equal(example["valid"][::2], valid)


def test_rest_takes_few_frames(clip):
    """Half of the progress is path, and a rest has none."""
    rest = np.repeat(clip.points[:1], 20, 0)
    rested = dataclasses.replace(clip, points=np.concatenate([rest, clip.points]), valid=None)
    progress = sign_clips.measure_progress(rested.points, rested.valid)
    assert progress[0] == 0 and progress[-1] == pytest.approx(1) and (np.diff(progress) > 0).all()
    assert progress[20] == pytest.approx(20 / 40 / 2)  # no path so far
    assert sign_clips.measure_progress(clip.points[:1], clip.valid[:1]).tolist() == [0]


def test_a_missing_joint_never_moves_another_frame(clip):
    """What stands at missing joints has no meaning: it must not be mixed into frames that have the joint."""
    valid = clip.valid.copy()
    valid[10, skeleton.RIGHT] = False
    results = []
    for junk in (0.0, 1e6):
        points = np.where(valid[..., None], clip.points, np.float32(junk))
        results.append(sign_clips.sample_frames(dataclasses.replace(clip, points=points, valid=valid), 35))
    a, b = results
    np.testing.assert_array_equal(a["valid"], b["valid"])
    assert not a["valid"].all() and a["valid"][:, skeleton.LEFT].all()
    np.testing.assert_allclose(a["pose"][a["valid"]], b["pose"][b["valid"]], atol=1e-5)


def test_an_example_is_its_generator_s(clip):
    source = sign_clips.SignClips([clip] * 3, [0, 1, 2], 16, AUGMENT, 3)
    a, b, c = (source.make_example(1, np.random.default_rng(seed)) for seed in (5, 5, 6))
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])
    assert (a["pose"] != c["pose"]).any()
    assert a["label"] == 1 and a["pose"].shape == (16, 50, 3) and a["pose"].dtype == np.float32
    plain = source.make_example(1)
    np.testing.assert_array_equal(plain["pose"], sign_clips.sample_frames(clip, 16)["pose"])


def test_garbage_has_the_label_of_none(clip):
    source = sign_clips.SignClips([clip, clip], [0, 1], 16, AUGMENT | {"garbage": 1.0}, 7)
    examples = [source.make_example(0, np.random.default_rng(seed)) for seed in range(20)]
    assert {int(example["label"]) for example in examples} == {7}
    still = [np.ptp(example["pose"], axis=0).max() < 0.2 for example in examples]
    assert 0 < sum(still) < len(still)  # a pose held is one of the kinds, not the only one


def test_dropped_hands_are_missing_for_a_while_only(clip):
    example = {"pose": clip.points, "valid": clip.valid}
    dropped = sign_clips.disturb_joints(example, np.random.default_rng(0), 1.0)
    for hand, wrist in skeleton.HANDS:
        share = dropped["valid"][:, hand].mean()
        assert 0 < share < 1 and dropped["valid"][:, wrist].all()
    assert clip.valid.all()  # the clip itself stays as it was
