"""The mannequin that plays a clip: its surface, made of simple bodies along the bones of an avatar.

It is our own, without any model's licence. Its hands and head are light and its clothes dark, as interpreters
of sign languages dress, so that hands can be seen before the body. It has eyes to show where it faces, but no
expressions.
"""

from typing import NamedTuple

import numpy as np

from signjax.export.lofts import Ring, Surface, join_surfaces, make_ellipsoid, make_loft
from signjax.pose.avatar_rig import FINGERS, NAMES, SIDES, list_segments, place_bones

X, Y, Z = np.eye(3)
UPPER_ARM = 0.297  # metres, of the adult whose measures stand below
NECK_TO_NOSE = 0.216
PALM = 0.092  # from the root of the hand to the knuckle of the middle finger
# Height above the hips, half width, half depth, and the bones that move it, of a torso.
TORSO = (
    (-0.125, 0.075, 0.088, {"hips": 1}),
    (-0.090, 0.132, 0.104, {"hips": 1}),
    (-0.04, 0.161, 0.113, {"hips": 1}),
    (0.03, 0.158, 0.110, {"hips": 0.8, "spine": 0.2}),
    (0.12, 0.139, 0.100, {"spine": 1}),
    (0.22, 0.150, 0.106, {"spine": 0.3, "chest": 0.7}),
    (0.33, 0.172, 0.116, {"chest": 1}),
    (0.41, 0.187, 0.112, {"chest": 1}),
    (0.455, 0.190, 0.100, {"chest": 1}),
    (0.490, 0.178, 0.086, {"chest": 1}),
    (0.515, 0.146, 0.076, {"chest": 1}),
    (0.535, 0.104, 0.070, {"chest": 1}),
    (0.555, 0.072, 0.064, {"chest": 1}),
    (0.570, 0.062, 0.060, {"chest": 1}),
)
FLAT, BACK = 0.84, 0.018  # factor of the depths; metres by which all is farther back
# Share of an arm's bone, radius; the elbow and the wrist are where a bone ends.
UPPER, LOWER = (
    ((0.0, 0.050), (0.12, 0.053), (0.35, 0.050), (0.7, 0.044)),
    ((0.25, 0.044), (0.6, 0.037), (0.9, 0.031)),
)
ELBOW = 0.042
# Half the thickness of the fingers at the knuckle and at the tip, metres.
THICKNESS = {
    "Thumb": (0.0118, 0.0088),
    "Index": (0.0098, 0.0074),
    "Middle": (0.0100, 0.0076),
    "Ring": (0.0096, 0.0073),
    "Little": (0.0086, 0.0066),
}


class Mannequin(NamedTuple):
    """Its surfaces by their materials."""

    clothes: Surface
    skin: Surface
    face: Surface  # eyes, brows and mouth


def make_mannequin(offsets: np.ndarray) -> Mannequin:
    """A mannequin at rest around bones.

    Args:
      offsets: [N, 3], where bones begin from their parents, as in `rotations.AvatarMotion`.
    """
    places = dict(zip(NAMES, place_bones(offsets), strict=True))
    head = [_make_neck(places), *_make_head(places)]
    clothes, skin = [_make_torso(places)], head[:-1]
    for side in SIDES:
        sleeve, forearm = _make_arm(places, side)
        clothes += [sleeve, *_make_leg(places, side)]
        skin += [forearm, *_make_hand(places, side)]
    return Mannequin(join_surfaces(clothes), join_surfaces(skin), head[-1])


def _make_torso(places) -> Surface:
    # As wide as the shoulders are apart.
    broad = np.linalg.norm(places["leftUpperArm"] - places["rightUpperArm"]) / 0.36
    # Hands are signed with close before the chest: it is flat, and a little behind the shoulders.
    rings = [Ring(y, x * broad, FLAT * z, weights, BACK) for y, x, z, weights in TORSO]
    return make_loft(places["hips"], Y, X, rings, (0.03, 0.01), square=2.3, count=32)


def _make_neck(places) -> Surface:
    rings = [
        Ring(0.03, 0.054, 0.044, {"chest": 1}, BACK),
        Ring(0.088, 0.051, 0.045, {"chest": 0.4, "neck": 0.6}, BACK),
        Ring(0.17, 0.053, 0.060, {"neck": 0.3, "head": 0.7}),
    ]
    return make_loft(places["neck"], Y, X, rings, (0.02, 0.02), count=20)


def _make_head(places) -> list[Surface]:
    """Skull, nose and ears, and last what is dark in a face."""
    size = 1.08 * np.linalg.norm(places["nose"] - places["neck"]) / NECK_TO_NOSE

    def place(center, half_axes, deform=None, count=16) -> Surface:
        center = places["neck"] + np.array([0, 0.214, 0.012]) * size + size * np.array(center)
        return make_ellipsoid(center, size * np.array(half_axes), "head", deform, count)

    skull = place((0, 0, 0), (0.077, 0.120, 0.097), _shape_face, 36)
    nose = place((0, -0.026, 0.090), (0.010, 0.023, 0.014))
    mouth = place((0, -0.066, 0.077), (0.021, 0.0026, 0.006))
    sides = [np.array([out, 1, 1]) for out in SIDES.values()]
    ears = [place(side * [0.076, -0.010, -0.010], (0.010, 0.027, 0.017)) for side in sides]
    eyes = [place(side * [0.031, 0.010, 0.080], (0.0105, 0.0068, 0.008)) for side in sides]
    brows = [place(side * [0.032, 0.034, 0.083], (0.0155, 0.0026, 0.006)) for side in sides]
    return [skull, nose, *ears, join_surfaces([mouth, *eyes, *brows])]


def _shape_face(points: np.ndarray) -> np.ndarray:
    """The unit sphere as a head: narrow at the chin, flat in front, with hollows for the eyes."""
    x, y, z = points.T
    low = np.clip(-y, 0, 1)
    x = x * (1 - 0.28 * low**1.5)
    z = np.where(z > 0, z * (1 - 0.12 * low) - 0.05 * z**4, z * (1 - 0.35 * low))
    for side in (-1, 1):
        near = ((x - side * 0.4) / 0.26) ** 2 + ((y - 0.1) / 0.14) ** 2
        z = z - np.where(z > 0, 0.07 * np.exp(-near), 0)
    return np.stack([x, y, z], -1)


def _make_arm(places, side: str) -> tuple[Surface, Surface]:
    """The sleeve, and the skin from where it ends to the wrist."""
    shoulder, elbow, wrist = (places[side + part] for part in ("UpperArm", "LowerArm", "Wrist"))
    upper, lower = np.linalg.norm(elbow - shoulder), np.linalg.norm(wrist - elbow)
    wide = upper / UPPER_ARM
    first, second = f"{side}UpperArm", f"{side}LowerArm"
    rings = [Ring(share * upper, radius * wide, radius * wide, {first: 1.0}) for share, radius in UPPER]
    rings += [
        Ring(upper + step * ELBOW, ELBOW * wide, ELBOW * wide, {first: 1 - part, second: part})
        for step, part in ((-0.7, 0.12), (0, 0.5), (0.7, 0.88))
    ]
    cuff = [Ring(upper + s * lower, r * wide, r * wide, {second: 1.0}) for s, r in LOWER]
    sleeve = make_loft(shoulder, SIDES[side] * X, Z, [*rings, *cuff], (0.038 * wide, 0.004), count=20)
    ends = ((0.7, 0.031, {second: 1.0}), (0.95, 0.027, {second: 0.9, f"{side}Wrist": 0.1}))
    skin = [Ring(s * lower, r * wide, 0.86 * r * wide, weights) for s, r, weights in ends]
    skin.append(Ring(lower, 0.027 * wide, 0.021 * wide, {second: 0.5, f"{side}Wrist": 0.5}))
    return sleeve, make_loft(elbow, SIDES[side] * X, Z, skin, (0.01, 0.012), count=20)


def _make_hand(places, side: str) -> list[Surface]:
    root = places[f"{side}Hand"]
    size = np.linalg.norm(places[f"{side}MiddleProximal"] - root) / PALM
    parts = [_make_palm(places, side, size)]
    for finger in FINGERS:
        segments = list_segments(finger)
        names = [f"{side}{finger}{part}" for part in segments]
        thick, thin = (size * radius for radius in THICKNESS[finger])
        knuckle = places[names[1]]
        base = np.linalg.norm(knuckle - root)
        # In the palm: the bone of the hand that carries the finger.
        flesh = 0.0165 * size if finger == "Thumb" else 1.12 * thick
        rings = [Ring(0.25 * base, flesh, flesh, {f"{side}Hand": 1.0})]
        rings += [Ring(0.75 * base, flesh, flesh, {f"{side}Hand": 0.5, names[0]: 0.5})]
        rings += [Ring(base, 1.08 * thick, 1.08 * thick, {names[0]: 1.0})]
        parts.append(make_loft(root, knuckle - root, Z, rings, (flesh, thick), count=12))
        parts.append(_make_finger(places, names, thick, thin))
    return parts


def _make_palm(places, side: str, size: float) -> Surface:
    root, hand, wrist = places[f"{side}Hand"], f"{side}Hand", f"{side}Wrist"
    index, little = (places[f"{side}{finger}Proximal"] - root for finger in ("Index", "Little"))
    reach, wide = abs(index[0] + little[0]) / 2, abs(index[2] - little[2]) / 2 + 0.006 * size
    middle = (index[2] + little[2]) / 2
    rings = [
        Ring(-0.006, 0.026 * size, 0.018 * size, {wrist: 0.6, hand: 0.4}),
        Ring(0.25 * reach, 0.7 * wide + 0.008, 0.0165 * size, {hand: 1.0}),
        Ring(0.65 * reach, 0.95 * wide, 0.0155 * size, {hand: 1.0}),
        Ring(0.97 * reach, wide, 0.0115 * size, {hand: 1.0}),
    ]
    start = root + Z * middle * 0.6
    return make_loft(start, SIDES[side] * X, Z, rings, (0.012 * size, 0.008 * size), square=2.6, count=20)


def _make_finger(places, names: list[str], thick: float, thin: float) -> Surface:
    """A finger from its knuckle to its tip; names of its bones from the base in the palm on."""
    joints = [places[name] for name in names[1:]]
    lengths = [np.linalg.norm(joint - joints[0]) for joint in joints]
    soft = 0.25 * thick
    rings = [Ring(0.0, thick, thick, {names[0]: 0.4, names[1]: 0.6})]
    for before, after, along in zip(names[1:3], names[2:4], lengths[1:3], strict=True):
        radius = thick + (thin - thick) * along / lengths[-1]
        for step, share in ((-4, 0.0), (-1, 0.3), (1, 0.7), (4, 1.0)):
            # Joints are a little thicker than what is between them.
            swell = 1.0 if abs(step) == 4 else 1.04
            weights = {before: 1 - share, after: share}
            rings.append(Ring(along + step * soft, swell * radius, swell * radius, weights))
    end = max(lengths[-1] - thin, rings[-1].along + soft)
    rings.append(Ring(end, thin, 0.9 * thin, {names[3]: 1.0}))
    return make_loft(joints[0], joints[-1] - joints[0], Z, rings, (thick, thin), count=12)


def _make_leg(places, side: str) -> list[Surface]:
    hip, knee, ankle, toes = (places[side + part] for part in ("UpperLeg", "LowerLeg", "Foot", "Toes"))
    upper, lower = f"{side}UpperLeg", f"{side}LowerLeg"
    thigh, whole = hip[1] - knee[1], hip[1] - ankle[1]
    rings = [
        Ring(-0.02, 0.068, 0.080, {"hips": 0.5, upper: 0.5}, -BACK),
        Ring(0.1, 0.074, 0.080, {upper: 1.0}, -0.6 * BACK),
        Ring(thigh - 0.05, 0.058, 0.062, {upper: 0.85, lower: 0.15}),
        Ring(thigh, 0.055, 0.058, {upper: 0.5, lower: 0.5}),
        Ring(thigh + 0.05, 0.055, 0.058, {upper: 0.15, lower: 0.85}),
        Ring(thigh + 0.14, 0.054, 0.060, {lower: 1.0}),
        Ring(whole - 0.02, 0.042, 0.046, {lower: 1.0}),
    ]
    leg = make_loft(hip, -Y, X, rings, (0.04, 0.01), count=20)
    foot = f"{side}Foot"
    shoe = [
        Ring(-0.06, 0.036, 0.034, {foot: 1.0}, 0.014),
        Ring(0.03, 0.042, 0.036, {foot: 1.0}, 0.010),
        Ring(0.15, 0.044, 0.022, {foot: 1.0}),
    ]
    start = np.array([ankle[0], toes[1] + 0.022, ankle[2]])
    return [leg, make_loft(start, Z, X, shoe, (0.02, 0.04), square=2.4, count=20)]
