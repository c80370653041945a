"""What a figure looks like: colours, points, shapes. The one table that GIF, MP4, PNG and HTML share.

A figure is made of parts; a part is made of bones (capsules, whose ends are circles) and faces (triangles)
between points; a point is a joint, or a weighted mean of joints plus an offset. So head, torso and hands need
no special case, and the player of a page draws the same figure from the same table. Lengths are in
neck-to-shoulder lengths of the clip (signjax.pose.normalization), x right, y down, z to the viewer.
"""

import itertools
from typing import NamedTuple

from signjax.pose import skeleton as s

FINGER_SHADES = {  # from the knuckle to the tip, light to dark
    "thumb": ("#f58a7f", "#e9554c", "#c22f2f"),
    "index": ("#f9b758", "#f0931e", "#c86c00"),
    "middle": ("#7fc97f", "#42a64a", "#1f7a2c"),
    "ring": ("#6fb9ee", "#2f8fdc", "#1464b0"),
    "little": ("#c59ae6", "#a067d3", "#7438ab"),
}
COLORS = {
    "stage": "#edf0f5",
    "paper": "#ffffff",
    "torso": "#d3d9e4",
    "neck": "#b3bccb",
    "head": "#c6cedb",
    "face": "#7b879c",
    "right": "#36435c",
    "left": "#6d7f9e",
    **{f"{name}{k}": shade for name, shades in FINGER_SHADES.items() for k, shade in enumerate(shades, 1)},
    "text": "#1d2433",
    "muted": "#657087",
    "track": "#dde2ea",
    "accent": "#2f6fde",
}
# What changes on a dark page; limbs must stand out from the stage there.
DARK = {
    "stage": "#1b2130",
    "paper": "#121722",
    "torso": "#2f384b",
    "neck": "#4d5970",
    "head": "#414c62",
    "face": "#8e9ab0",
    "right": "#c3cde0",
    "left": "#8292b3",
    "text": "#eef1f7",
    "muted": "#9aa6bc",
    "track": "#2b3446",
    "accent": "#6ea1ff",
}
HALO = 0.03  # the rim in the stage's colour that keeps crossing limbs apart


class Point(NamedTuple):
    """A place on the body: weighted mean of joints plus an offset [3]."""

    weights: tuple[tuple[int, float], ...]
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)


class Bone(NamedTuple):
    """A capsule from point `start` to point `end`; its rim starts at fraction `rim`, 1 = no rim."""

    start: int
    end: int
    start_radius: float
    end_radius: float
    color: str
    rim: float = 1.0


class Part(NamedTuple):
    """Shapes that are drawn together; parts are drawn from the farthest to the nearest."""

    depth: tuple[int, ...]  # points, whose mean z is how near the part is
    bias: float  # added to that
    bones: tuple[Bone, ...]
    faces: tuple[tuple[int, int, int], ...] = ()  # triangles between points
    color: str = "stage"  # of the triangles
    when: str = ""  # drawn only in frames with "no face", with all of the "skin" of one, or with "no skin"


# Points 50 and up: the places that the skeleton has no joint for.
CROWN, CHIN, THROAT, R_TRUNK, L_TRUNK, R_HIP, L_HIP, COLLAR, R_PALM, L_PALM = range(50, 60)
_R, _L = s.R_SHOULDER, s.L_SHOULDER
POINTS = (
    *(Point(((joint, 1.0),)) for joint in range(s.NUM_JOINTS)),
    # The skull follows the nose by part of its way, and a plain face goes farther than the nose: so a head
    # that turns or nods shows where it looks. The offsets are for a nose 1.15 above the neck.
    Point(((s.NOSE, 0.7), (s.NECK, 0.3)), (0.0, -0.5, -0.35)),  # the middle of the skull
    Point(((s.NOSE, 0.6), (s.NECK, 0.4)), (0.0, -0.24, -0.30)),  # the middle of the jaw
    Point(((s.NOSE, 0.25), (s.NECK, 0.75)), (0.0, 0.08, -0.1)),
    Point(((_R, 0.93), (_L, 0.07)), (0.0, 0.12, -0.1)),
    Point(((_L, 0.93), (_R, 0.07)), (0.0, 0.12, -0.1)),
    Point(((_R, 0.78), (_L, 0.22)), (0.0, 3.4, -0.1)),
    Point(((_L, 0.78), (_R, 0.22)), (0.0, 3.4, -0.1)),
    Point(((s.NECK, 1.0),), (0.0, 0.05, -0.15)),
    # Where the palm begins. Without a knuckle there is none: a wrist and a hand's root look like a fist.
    *(Point(((hand, 0.9), (hand + 9, 0.1))) for hand in (s.R_HAND, s.L_HAND)),
)
# A plain face for figures without one: calm, since nothing is known of what it says. Each stroke is x, y of
# both ends from the tip of the nose, and its radius.
_PLAIN_FACE = (
    *((side * 0.17, -0.16, side * 0.17, -0.13, 0.036) for side in (-1, 1)),  # eyes
    *((side * 0.1, -0.255, side * 0.24, -0.26, 0.017) for side in (-1, 1)),  # brows
    (0.0, -0.09, 0.0, 0.03, 0.025),  # nose
    *((side * 0.1, 0.205, 0.0, 0.215, 0.018) for side in (-1, 1)),  # mouth
)
_PLAIN = len(POINTS)
POINTS += tuple(
    Point(((s.NOSE, 1.15), (s.NECK, -0.15)), (round(x, 3), round(0.17 + y, 3), -0.06))
    for stroke in _PLAIN_FACE
    for x, y in (stroke[:2], stroke[2:4])
)
BARE = len(POINTS)  # points of a figure without a face; the 70 of a face and five of a forehead follow
_F = s.FACE.start  # joint _F + k is point BARE + k
_BROWS = ((_F + 21, 0.5), (_F + 22, 0.5))  # between them
_UP = (*_BROWS, (_F + 8, -1.0))  # from the chin to there
# The forehead, from the right to the left: no format has points there. None needs the nose, which some lack.
_FOREHEAD = tuple(
    Point((*start, *((joint, share * weight) for joint, weight in _UP)))
    for start, share in (
        (((_F, 1.0),), 0.27),
        (((_F + 18, 1.0),), 0.22),
        (_BROWS, 0.3),
        (((_F + 25, 1.0),), 0.22),
        (((_F + 16, 1.0),), 0.27),
    )
)
POINTS = (*POINTS, *(Point(((joint, 1.0),)) for joint in range(s.WITH_FACE)[s.FACE]), *_FOREHEAD)
FACE = range(BARE, BARE + 70)
RIM = (*FACE[:17], *range(len(POINTS) - 1, FACE[-1], -1))  # of the skin: by the chin and back by the forehead
_RINGS = (range(36, 42), range(42, 48), range(48, 60), range(60, 68))  # eyes, lips
_LINES = (range(17, 22), range(22, 27), range(27, 31), range(31, 36))  # brows, nose
FEATURES = (*_LINES, *((*ring, ring[0]) for ring in _RINGS))  # lines through points of the 70


def _make_trunk() -> tuple[Part, ...]:
    """Torso, neck and head: behind everything in the view from the front (bias)."""
    # Down from the shoulders: the skeleton has no hips, since signers sit, or stand behind desks.
    edges = ((R_TRUNK, R_HIP), (L_TRUNK, L_HIP), (R_HIP, L_HIP))
    sides = tuple(Bone(a, b, 0.25, 0.25, "torso") for a, b in edges)
    slope = tuple(Bone(THROAT, end, 0.12, 0.25, "torso") for end in (R_TRUNK, L_TRUNK))
    faces = ((R_TRUNK, L_TRUNK, R_HIP), (L_TRUNK, L_HIP, R_HIP), (THROAT, R_TRUNK, L_TRUNK))
    ends = range(_PLAIN, BARE, 2)
    features = [
        Bone(k, k + 1, *(2 * stroke[4:]), "face") for k, stroke in zip(ends, _PLAIN_FACE, strict=True)
    ]
    return (
        Part((s.NECK,), -6.0, (Bone(COLLAR, CHIN, 0.21, 0.19, "neck"),)),
        Part((R_TRUNK, L_TRUNK), -5.0, sides + slope, faces, "torso"),
        Part((CHIN,), -4.0, (Bone(CROWN, CHIN, 0.44, 0.36, "head", 0.0),), when="no skin"),
        Part((s.NOSE,), -3.9, tuple(features), when="no face"),
    )


def _make_face() -> tuple[Part, ...]:
    """The skin, a fan around the nose, and thin strokes on it, where the head would be."""
    # Triangles from the tip of the nose to the rim cover the face, whatever way the head is turned.
    edges = list(itertools.pairwise([*RIM, RIM[0]]))
    skin = tuple((s.NOSE, *edge) for edge in edges)
    strokes = [(FACE[a], FACE[b], 0.014) for line in FEATURES for a, b in itertools.pairwise(line)]
    strokes += [(FACE[k], FACE[k], 0.022) for k in (68, 69)]  # pupils
    edge = tuple(Bone(a, b, 0.06, 0.06, "head", 0.0) for a, b in edges)
    features = tuple(Bone(a, b, radius, radius, "face") for a, b, radius in strokes)
    return Part((s.NOSE,), -4.0, edge, skin, "head", "skin"), Part((s.NOSE,), -3.9, features)


def _make_arm(color: str, shoulder: int, hand: int) -> tuple[Part, ...]:
    """Upper arm; forearm and palm as one, so that no rim parts them at the wrist; five fingers."""
    elbow, wrist, palm = shoulder + 1, shoulder + 2, R_PALM if hand == s.R_HAND else L_PALM
    knuckles = [hand + 1 + 4 * k for k in range(5)]
    upper = (Bone(shoulder, elbow, 0.22, 0.17, color, 0.0),)
    # Narrow at the wrist: an arm without its hand must not end like a fist.
    lower = (Bone(elbow, wrist, 0.17, 0.085, color, 0.35), Bone(wrist, palm, 0.085, 0.12, color, 0.0))
    spokes = tuple(Bone(hand, knuckle, 0.12, 0.075, color, 0.3) for knuckle in knuckles)
    edge = tuple(Bone(a, b, 0.07, 0.07, color) for a, b in itertools.pairwise(knuckles[1:]))
    web = tuple((hand, a, b) for a, b in itertools.pairwise(knuckles))
    # Fingers are parts of their own, since they may lie before or behind the palm.
    forearm = Part((wrist, hand, *knuckles[1:]), 0.0, lower + spokes + edge, web, color)
    return (Part((shoulder, elbow), 0.0, upper), forearm, *_make_fingers(hand))


def _make_fingers(hand: int) -> tuple[Part, ...]:
    """Five fingers, each a part of its own, so that they can cover one another."""
    radii = (0.075, 0.07, 0.062, 0.055)
    parts = []
    for finger, name in enumerate(s.FINGERS):
        joints = [hand + 1 + 4 * finger + k for k in range(4)]
        bones = tuple(
            Bone(joints[k], joints[k + 1], radii[k], radii[k + 1], f"{name}{k + 1}", 0.0 if k else 0.4)
            for k in range(3)
        )
        parts.append(Part(tuple(joints[1:]), 0.0, bones))
    return tuple(parts)


FACE_PARTS = 2  # the last ones of PARTS, of figures with a face
PARTS = (
    *_make_trunk(),
    *_make_arm("right", s.R_SHOULDER, s.R_HAND),
    *_make_arm("left", s.L_SHOULDER, s.L_HAND),
    *_make_face(),
)
