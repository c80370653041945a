"""Clips for tests of avatars: demo clips, turned, mirrored and damaged."""

import dataclasses

import numpy as np

from signjax import demo
from signjax.pose import quaternions, skeleton
from signjax.pose.clip import Clip


def demo_clip(text="where do you live", seed=1, **fields):
    """A demo clip: rigid bones that tremble as recorded ones do."""
    return Clip(demo.synthesize_pose(text, np.random.default_rng(seed)), fps=25.0, text=text, **fields)


def turn_clip(clip, axis, degrees):
    """The clip, turned about an axis of its own space."""
    turn = quaternions.turn_about(quaternions.normalize(np.array(axis, float)), np.radians(degrees))
    return dataclasses.replace(clip, points=quaternions.rotate(turn, clip.points))


def mirror_clip(clip):
    """The clip as a left-handed twin would sign it."""
    return dataclasses.replace(clip, points=skeleton.mirror_pose(clip.points))


def reverse_axes(clip, *signs):
    """The clip with some axes reversed, as other programs may have them."""
    return dataclasses.replace(clip, points=clip.points * np.array(signs, np.float32))


def hide_joints(clip, frames, joints):
    """The clip without some joints in some frames."""
    valid = clip.valid.copy()
    valid[frames, joints] = False
    return dataclasses.replace(clip, valid=valid, points=np.where(valid[..., None], clip.points, 99))
