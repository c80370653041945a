"""Clips for the tests of displacements."""

import numpy as np

from signjax import demo
from signjax.displacements import convert
from signjax.pose import skeleton


def make_sequence(seed=0, text="Hello", **options):
    """The displacements of a synthetic clip of 50 joints, all of them visible."""
    pose = demo.synthesize_pose(text, np.random.default_rng(seed), **options)
    return convert.compute_displacements(pose, np.ones(pose.shape[:2], bool))


def make_sign(signer, word="hello", seed=0):
    """The displacements of a word's sign, cut out of a sentence."""
    pose = demo.synthesize_pose(f"yes {word} friend", np.random.default_rng([seed, signer]), signer=signer)
    spans = [(start, end) for sign, start, end in demo.locate_words(pose) if sign == word]
    start, end = spans[0]
    return convert.compute_displacements(pose[start:end], np.ones((end - start, 50), bool))


def hide_joints(sequence, start, end, joints=skeleton.LEFT):
    """The clip with some joints missing in frames start to end."""
    pose, valid = convert.rebuild_poses(sequence)
    valid = valid.copy()
    valid[start:end, joints] = False
    return convert.compute_displacements(np.where(valid[..., None], pose, 0), valid)


def total_motion(sequence):
    """From the first to the last frame, [50, 3]."""
    return sequence.deltas.sum(0)


def drop_depth(sequence):
    """A 2-D clip."""
    pose, valid = convert.rebuild_poses(sequence)
    return convert.compute_displacements(pose * [1, 1, 0], valid)
