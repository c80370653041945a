"""How the bones of an arm and its hand turn, from the shoulder to the fingers."""

from typing import NamedTuple

import numpy as np

from signjax.pose import quaternions, skeleton
from signjax.pose.aiming import Aims, Side, aim_at, aim_bone
from signjax.pose.avatar_rig import (
    FINGERS,
    SIDES,
    UNIT,
    find_knuckle_direction,
    find_rest_direction,
    list_segments,
)

X, Y, Z = np.eye(3)
# Sine of the angle between a bone and what says how it is turned, below which that says nothing.
MIN_ELBOW, MIN_FINGER = np.sin(np.radians(10)), 0.25
# How wide a palm must look, from the knuckle of the index to the little finger's, over an average one.
MIN_PALM = 0.35
PALM_WIDTH = 0.3 * UNIT
# How much of a small turn of the hand the forearm takes over, as its two bones do.
FOREARM_SHARE = 0.75
INDEX, LITTLE = 5, 17  # knuckles among the joints of a hand
KNUCKLES = [INDEX, 9, 13, LITTLE]


class ArmMotion(NamedTuple):
    """The bones of an arm by name."""

    turns: dict[str, np.ndarray]  # [T, 4], in their parents' axes
    offsets: dict[str, np.ndarray]  # [3], where they begin at rest from where their parents do


class _Palm(NamedTuple):
    along: np.ndarray  # [T, 3], from the root of the hand to the middle of its knuckles, a unit vector
    across: np.ndarray  # [T, 3], from the little finger's knuckle to the index finger's
    seen: np.ndarray  # [T]
    sure: np.ndarray  # [T], whether `across` says where the palm is turned


def solve_arm(side: str, points, valid, aims: Aims, trunk: np.ndarray, rest: np.ndarray) -> ArmMotion:
    """An arm and its hand.

    Args:
      side: "left" or "right".
      points, valid: [T, J, 3] and [T, J], the clip in the axes of avatars.
      aims: of its bones.
      trunk: [T, 4], how the chest is turned in space.
      rest: [3], where the shoulder is from the neck at rest, a unit vector.
    """
    first, root = (
        (skeleton.L_SHOULDER, skeleton.L_HAND) if side == "left" else (skeleton.R_SHOULDER, skeleton.R_HAND)
    )
    shoulder, elbow, wrist = first, first + 1, first + 2
    out = SIDES[side] * X
    shoulders = aim_bone(trunk, rest, aims, shoulder)
    turn = quaternions.multiply(trunk, shoulders)
    hinge = _find_hinge(side, aims, elbow, wrist)
    upper = aim_bone(turn, out, aims, elbow, hinge)
    turn = quaternions.multiply(turn, upper)
    lower = aim_bone(turn, out, aims, wrist, hinge)
    palm = _measure_palm(points[:, root : root + 21], valid[:, root : root + 21])
    # The palm is turned from the forearm, not from the wrist: the way from there to the hand's root is short
    # and trembles most.
    straight = quaternions.multiply(turn, lower)
    hand = aim_at(straight, out, palm.along, palm.seen, Side(Z, palm.across, palm.sure))
    # A polynomial of the turn: a hand that is bent far back has no roll, but no jump either.
    shared = quaternions.turn_about(out, FOREARM_SHARE * 2 * hand[:, 3] * (hand[:, :3] @ out))
    turn = quaternions.multiply(straight, shared)
    bend = aim_bone(turn, out, aims, root, Side(Z, palm.across, palm.sure & palm.seen))
    whole = quaternions.multiply(straight, hand)
    turns = {
        "Shoulder": shoulders,
        "UpperArm": upper,
        "LowerArm": quaternions.multiply(lower, shared),
        "Wrist": bend,
        "Hand": quaternions.multiply(quaternions.invert(quaternions.multiply(turn, bend)), whole),
    }
    offsets = {"UpperArm": rest * aims.length[shoulder]}
    lengths = (("LowerArm", elbow), ("Wrist", wrist), ("Hand", root))
    offsets |= {part: out * aims.length[joint] for part, joint in lengths}
    fingers = _solve_fingers(side, root, aims, whole, palm)
    named = [{side + part: value for part, value in parts.items()} for parts in (turns, offsets)]
    return ArmMotion(named[0] | fingers.turns, named[1] | fingers.offsets)


def _find_hinge(side: str, aims: Aims, elbow: int, wrist: int) -> Side:
    """The axis of the elbow, at right angles to both of its bones: it bends the hand to the front."""
    across = np.cross(aims.direction[:, elbow], aims.direction[:, wrist])
    bent = np.linalg.norm(across, axis=-1) > MIN_ELBOW
    return Side(-SIDES[side] * Y, across, bent & aims.seen[:, elbow] & aims.seen[:, wrist])


def _measure_palm(points: np.ndarray, valid: np.ndarray) -> _Palm:
    """The palm of a hand: points [T, 21, 3] in metres, valid [T, 21]."""
    along = points[:, KNUCKLES].mean(1) - points[:, 0]
    across, size = points[:, INDEX] - points[:, LITTLE], np.linalg.norm(along, axis=-1)
    seen = valid[:, [0, *KNUCKLES]].all(1) & (size > 0.1 * PALM_WIDTH)
    along = quaternions.normalize(along)
    width = np.linalg.norm(across - (across * along).sum(-1, keepdims=True) * along, axis=-1)
    return _Palm(along, across, seen, width > MIN_PALM * PALM_WIDTH)


def _solve_fingers(side: str, root: int, aims: Aims, hand: np.ndarray, palm: _Palm) -> ArmMotion:
    turns, offsets = {}, {}
    across = quaternions.rotate(hand, Z)  # the hinges of all fingers
    for number, finger in enumerate(FINGERS):
        parts, first = list_segments(finger), root + 1 + 4 * number
        turn = hand
        for joint, part, following in zip(range(first, first + 4), parts[:-1], parts[1:], strict=True):
            name, hinge = f"{side}{finger}{part}", None
            rest = find_rest_direction(name)
            if joint == first:
                rest = _measure_knuckle(side, finger, joint, aims, hand, palm)
            elif finger != "Thumb":
                clear = np.linalg.norm(np.cross(aims.direction[:, joint], across), axis=-1) > MIN_FINGER
                hinge = Side(Z, across, clear)
            turns[name] = aim_bone(turn, rest, aims, joint, hinge)
            turn = quaternions.multiply(turn, turns[name])
            offsets[f"{side}{finger}{following}"] = rest * aims.length[joint]
    return ArmMotion(turns, offsets)


def _measure_knuckle(side: str, finger: str, joint: int, aims: Aims, hand: np.ndarray, palm: _Palm):
    """Where a knuckle is in the clip's own hand [3], a unit vector: so that the palm is nearly rigid."""
    seen = aims.seen[:, joint] & palm.seen & palm.sure
    if not seen.any():
        return find_knuckle_direction(side, finger)
    inside = quaternions.rotate(quaternions.invert(hand[seen]), aims.direction[seen, joint])
    return quaternions.normalize(np.median(inside, axis=0))
