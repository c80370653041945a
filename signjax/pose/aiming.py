"""Turning one bone after another to where it points in a clip, and over the frames that do not show it."""

from typing import NamedTuple

import numpy as np

from signjax.pose import quaternions, skeleton
from signjax.pose.avatar_rig import UNIT

MIN_LENGTH = 1e-4  # metres: shorter bones are points, and point nowhere
# Radians by which no bone turns about itself from one frame to the next; and frames for which it must stay
# turned to be believed.
MAX_TURN, SHORTEST = np.radians(60), 4


class Aims(NamedTuple):
    """Where the bone before each joint of the skeleton points, and how long it is."""

    direction: np.ndarray  # [T, 50, 3], unit vectors
    seen: np.ndarray  # [T, 50]
    length: np.ndarray  # [50], metres, the median; that of an average adult if it is never seen


class Side(NamedTuple):
    """What says how a bone is turned about itself."""

    rest: np.ndarray  # [3], at right angles to the bone at rest
    towards: np.ndarray  # [T, 3], where that points in the clip; only its part across the bone counts
    sure: np.ndarray  # [T] bool, False where `towards` says nothing


def measure_aims(points: np.ndarray, valid: np.ndarray) -> Aims:
    """The bones of a clip: points [T, 50 or more, 3] in metres, valid likewise."""
    joints = np.arange(skeleton.NUM_JOINTS)
    parents = np.where(skeleton.PARENTS < 0, joints, skeleton.PARENTS)
    vectors = points[:, joints] - points[:, parents]
    lengths, seen = np.linalg.norm(vectors, axis=-1), valid[:, joints] & valid[:, parents]
    median = np.ma.median(np.ma.masked_array(lengths, ~seen), axis=0)
    length = np.where(np.ma.getmaskarray(median), UNIT * skeleton.LENGTHS, np.ma.filled(median, 0))
    # A hand that collapsed to a point is one that was not seen.
    return Aims(quaternions.normalize(vectors), seen & (lengths > MIN_LENGTH), length)


def aim_bone(parent: np.ndarray, rest: np.ndarray, aims: Aims, joint: int, side: Side | None = None):
    """How the bone before a joint is turned in its parent's axes, [T, 4], see `aim_at`."""
    return aim_at(parent, rest, aims.direction[:, joint], aims.seen[:, joint], side)


def aim_at(parent: np.ndarray, rest: np.ndarray, direction, seen, side: Side | None = None) -> np.ndarray:
    """How a bone is turned in its parent's axes, [T, 4].

    Args:
      parent: [T, 4], how the parent is turned in space.
      rest: [3], where the bone points at rest.
      direction: [T, 3], where it points in space, unit vectors.
      seen: [T] bool, the frames that show it.
      side: how it is turned about itself; None turns it the shortest way.
    """
    usual = parent
    if side is not None:
        turn = quaternions.turn_between(rest, direction)
        twist = quaternions.measure_twist(turn, rest, side.rest, side.towards)
        turn = quaternions.multiply(quaternions.turn_about(direction, twist), turn)
        sure = np.flatnonzero(seen & side.sure)
        sure = sure[_find_steady(turn[sure], rest)]
        usual = bridge(turn, _mark(sure, len(turn))) if len(sure) else parent
    # The shortest way from there: where `side` is sure this changes nothing.
    aimed = quaternions.turn_between(quaternions.rotate(usual, rest), direction)
    turn = quaternions.multiply(aimed, usual)
    # A bone that is not seen moves along with its parent.
    return bridge(quaternions.multiply(quaternions.invert(parent), turn), seen)


def bridge(turns: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Rotations [T, 4] without jumps of sign, those of frames not seen [T] between those around them.

    Before the first frame that is seen and after the last they are held; if there is none, nothing turns.
    """
    known = np.flatnonzero(seen)
    if not len(known):
        return np.broadcast_to(quaternions.IDENTITY, turns.shape)
    kept = quaternions.keep_hemisphere(turns[known])
    frames = np.arange(len(turns))
    before = np.clip(np.searchsorted(known, frames, "right") - 1, 0, None)
    after = np.minimum(before + 1, len(known) - 1)
    share = (frames - known[before]) / np.maximum(known[after] - known[before], 1)
    return quaternions.interpolate(kept[before], kept[after], np.clip(share, 0, 1))


def _mark(frames: np.ndarray, count: int) -> np.ndarray:
    marks = np.zeros(count, bool)
    marks[frames] = True
    return marks


def _find_steady(turns: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Which of rotations [K, 4] in a row turn about an axis [3] of their own as those around them do, [K].

    Lifted hands flip: in 3 of 100 frames the palm suddenly faces the other way. A few frames like that are
    left out; where it stays so, the frames at the flip are, so that it takes some frames and not one.
    """
    if not len(turns):
        return np.zeros(0, bool)
    runs = np.cumsum(np.append(False, _measure_twist_between(turns[:-1], turns[1:], axis) > MAX_TURN))
    lengths = np.bincount(runs)
    steady = lengths[runs] >= min(SHORTEST, lengths.max())
    kept = np.flatnonzero(steady)
    jumps = np.flatnonzero(_measure_twist_between(turns[kept[:-1]], turns[kept[1:]], axis) > MAX_TURN)
    for step in (-1, 0, 1, 2):
        steady[kept[np.clip(jumps + step, 0, len(kept) - 1)]] = False
    return steady


def _measure_twist_between(a: np.ndarray, b: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """By how much [...] in radians a must turn about itself, besides the shortest way, to become b."""
    shortest = quaternions.turn_between(quaternions.rotate(a, axis), quaternions.rotate(b, axis))
    return quaternions.measure_angle(quaternions.multiply(shortest, a), b)
