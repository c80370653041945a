"""The bones of an avatar: a tree with the names of VRM's humanoid, whose joints are those of our skeleton.

Every bone of `signjax.pose.skeleton` is a bone here, so that turning bones of constant length gives every
joint its position. VRM has no bone from the wrist to the hand's root ("leftWrist") nor to the knuckles
("leftIndexBase"); data have, and other programs take them for bones like others. Trunk, legs and the top of
the head are no joints of ours; they have the measures of an average adult.

Axes are those of glTF and VRM 1.0: metres, x to the avatar's left, y up, z to the front. At rest all bones
are unturned and the avatar stands in a T-pose: arms out, palms down, thumbs half to the front.
"""

from typing import NamedTuple

import numpy as np

from signjax.pose import skeleton

UNIT = 0.18  # metres in a neck-to-shoulder length of an average adult
FINGERS = ("Thumb", "Index", "Middle", "Ring", "Little")
SIDES = {"left": 1.0, "right": -1.0}  # x of their arms at rest
# In metres from the bone before, for what is no joint of ours; left, and mirrored for the right.
TRUNK = {"hips": (0, 0.93, 0), "spine": (0, 0.10, 0), "chest": (0, 0.14, 0), "neck": (0, 0.25, 0)}
HEAD = {"head": (0, 0.09, 0.01), "headTop": (0, 0.24, 0)}
LEG = {
    "UpperLeg": (0.09, -0.04, 0),
    "LowerLeg": (0, -0.42, 0),
    "Foot": (0, -0.41, 0),
    "Toes": (0, -0.06, 0.14),
}
PLACES = TRUNK | HEAD
# Radians towards the thumb's side, from the direction of the arm to the knuckles of a flat hand.
FANS = dict(zip(FINGERS, (0.9, 0.25, 0.03, -0.13, -0.32), strict=True))


def list_segments(finger: str) -> tuple[str, ...]:
    """The parts of a finger's bones and its tip, by which their names end, from the hand on."""
    if finger == "Thumb":
        return ("Base", "Metacarpal", "Proximal", "Distal", "Tip")
    return ("Base", "Proximal", "Intermediate", "Distal", "Tip")


class Bone(NamedTuple):
    """A bone: a node at its near end; the bones that follow begin at its far ends."""

    name: str
    parent: str  # "" of the hips
    joint: int  # of skeleton that lies at its node, -1 if none does


def _list_arm(side: str, arm: tuple[int, int, int], root: int):
    shoulder, elbow, wrist = arm
    chain = (("Shoulder", -1), ("UpperArm", shoulder), ("LowerArm", elbow), ("Wrist", wrist), ("Hand", root))
    parent = "chest"
    for part, joint in chain:
        yield Bone(side + part, parent, joint)
        parent = side + part
    for number, finger in enumerate(FINGERS):
        first = root + 1 + 4 * number
        parent, joints = f"{side}Hand", (-1, *range(first, first + 4))
        for part, joint in zip(list_segments(finger), joints, strict=True):
            yield Bone(f"{side}{finger}{part}", parent, joint)
            parent = f"{side}{finger}{part}"


def _list_bones():
    parents = ("", "hips", "spine", "chest")
    yield from (
        Bone(name, up, skeleton.NECK if name == "neck" else -1)
        for name, up in zip(TRUNK, parents, strict=True)
    )
    # The nose hangs on the neck, where it is exact whatever a face says about how the head is turned.
    yield from (Bone("nose", "neck", skeleton.NOSE), Bone("head", "neck", -1), Bone("headTop", "head", -1))
    left = (skeleton.L_SHOULDER, skeleton.L_ELBOW, skeleton.L_WRIST)
    right = (skeleton.R_SHOULDER, skeleton.R_ELBOW, skeleton.R_WRIST)
    yield from _list_arm("left", left, skeleton.L_HAND)
    yield from _list_arm("right", right, skeleton.R_HAND)
    for side in SIDES:
        parent = "hips"
        for part in LEG:
            yield Bone(side + part, parent, -1)
            parent = side + part


BONES = tuple(_list_bones())  # every bone after its parent
NAMES = tuple(bone.name for bone in BONES)
NUMBERS = {name: number for number, name in enumerate(NAMES)}
PARENTS = np.array([NUMBERS.get(bone.parent, -1) for bone in BONES])
# Of each joint of the skeleton, the bone whose node lies there.
NODES = np.array([[bone.joint for bone in BONES].index(joint) for joint in range(skeleton.NUM_JOINTS)])
# Ends of bones: nodes that nothing turns.
LEAVES = tuple(name for name in NAMES if NUMBERS[name] not in PARENTS)
# The mirror image of each bone.
_OTHER = {"left": "right", "right": "left"}
MIRROR = np.array(
    [
        NUMBERS[next((_OTHER[side] + name[len(side) :] for side in SIDES if name.startswith(side)), name)]
        for name in NAMES
    ]
)


def find_rest_direction(name: str) -> np.ndarray:
    """Where a bone of an arm or a finger points at rest, a unit vector [3]."""
    out = SIDES["left" if name.startswith("left") else "right"]
    return np.array([out, 0.0, 1.0]) / np.sqrt(2) if "Thumb" in name else np.array([out, 0.0, 0.0])


def find_knuckle_direction(side: str, finger: str) -> np.ndarray:
    """Where an average adult's knuckle is from the root of the hand at rest, a unit vector [3]."""
    return np.array([SIDES[side] * np.cos(FANS[finger]), 0.0, np.sin(FANS[finger])])


def place_bones(offsets: np.ndarray) -> np.ndarray:
    """Where all bones begin at rest [N, 3], given where each begins from its parent [N, 3]."""
    places = np.array(offsets, float)
    for bone, parent in enumerate(PARENTS[1:].tolist(), 1):
        places[bone] += places[parent]
    return places


def place_fixed_bones() -> np.ndarray:
    """Where bones begin from their parents [N, 3] in metres: trunk, legs and head; 0 for all others."""
    offsets = np.zeros((len(BONES), 3))
    for name, place in PLACES.items():
        offsets[NUMBERS[name]] = place
    for side, out in SIDES.items():
        offsets[NUMBERS[f"{side}Shoulder"]] = TRUNK["neck"]
        for part, place in LEG.items():
            offsets[NUMBERS[side + part]] = np.multiply(place, (out, 1, 1))
    return offsets
