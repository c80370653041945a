"""Hands that were not seen are points at their wrists for a model, and missing again in what it decodes."""

import numpy as np
import pytest

from signjax import demo
from signjax.pose import skeleton
from signjax.pose.clip import Clip
from signjax.pose.missing_joints import fill_missing_joints, find_shown_joints, joint_weights, loss_weights
from signjax.seeds import make_rng


@pytest.fixture(scope="module")
def batch():
    """A clip of 24 frames, 20 of which it has; some of its joints are missing."""
    pose = Clip(demo.synthesize_pose("thank you", make_rng(3))[:24]).canonical().copy()
    valid = np.ones(pose.shape[:2], bool)
    valid[4:9, skeleton.RIGHT] = False  # a hand
    valid[6:12, skeleton.LEFT] = False
    valid[10:12, skeleton.L_WRIST] = False  # and its wrist
    valid[14, skeleton.LEFT.start + 7] = False  # one finger joint
    pose[~valid] = np.nan
    return {"pose": pose[None], "mask": (np.arange(24) < 20)[None], "valid": valid[None]}


def test_what_is_filled_is_found_again(batch):
    shown = find_shown_joints(np.asarray(fill_missing_joints(batch))[0])
    hands = np.concatenate([batch["valid"][0, :, joints] for joints, _ in skeleton.HANDS], axis=1)
    found = np.concatenate([shown[:, joints] for joints, _ in skeleton.HANDS], axis=1)
    whole = np.ones(24, bool)
    whole[14] = False  # a finger joint that is missing is the model's to add
    np.testing.assert_array_equal(found[whole], hands[whole])
    assert found[14].all() and shown[:, skeleton.BODY].all()


def test_absent_hands_are_learnt_where_their_place_is_known(batch):
    weights, plain = np.asarray(loss_weights(batch))[0], np.asarray(joint_weights(batch))[0]
    learnt = weights - plain
    expected = np.zeros_like(plain)
    expected[4:9, skeleton.RIGHT] = 1
    expected[6:10, skeleton.LEFT] = 1  # later its wrist is missing, too
    np.testing.assert_array_equal(learnt, expected)
    assert not weights[20:].any() and weights[14, skeleton.LEFT.start + 7] == 0
    complete = {name: batch[name] for name in ("pose", "mask")}
    np.testing.assert_array_equal(loss_weights(complete), joint_weights(complete))


def test_no_real_hand_is_taken_for_a_missing_one():
    for k, text in enumerate(("hello", "my name is Ada", "where is the red book?")):
        pose = Clip(demo.synthesize_pose(text, make_rng(k))).canonical()
        assert find_shown_joints(pose).all()
        # Drawn in to a third of their size, as seen from the tips of the fingers.
        for joints, wrist in skeleton.HANDS:
            pose[:, joints] = pose[:, [wrist]] + (pose[:, joints] - pose[:, [wrist]]) / 3
        assert find_shown_joints(pose).all()
