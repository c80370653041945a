"""Clips for the tests of displacements."""

import numpy as np

from signjax import demo
from signjax.displacements import convert
from signjax.pose import skeleton


def clip(seed=0, text="Hello", **options):
    """The moves of a synthetic clip [T, 50, 3], every joint seen."""
    pose = demo.synthesize(text, np.random.default_rng(seed), **options)
    return convert.take(pose, np.ones(pose.shape[:2], bool))


def sign(signer, word="hello", seed=0):
    """The moves of a word's sign, cut out of a sentence."""
    whole = demo.synthesize(f"yes {word} friend", np.random.default_rng([seed, signer]), signer=signer)
    spans = [(start, end) for said, start, end in demo.locate(whole) if said == word]
    start, end = spans[0]
    return convert.take(whole[start:end], np.ones((end - start, 50), bool))


def hidden(found, start, end, joints=skeleton.LEFT):
    """The clip with some joints missing in frames start to end."""
    pose, seen = convert.rebuild(found)
    seen = seen.copy()
    seen[start:end, joints] = False
    return convert.take(np.where(seen[..., None], pose, 0), seen)


def net(found):
    return found.deltas.sum(0)


def flat(found):
    """A 2-D clip."""
    pose, seen = convert.rebuild(found)
    return convert.take(pose * [1, 1, 0], seen)
