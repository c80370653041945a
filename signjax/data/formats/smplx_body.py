"""SMPL-X (Pavlakos et al., CVPR 2019): from rotations of its joints to ours, by forward kinematics.

Its bones are those of the user's own model file, `J_regressor @ v_template`; the file has a licence and is no
part of signjax. Without it they are those of signjax's own average adult, and lengths are not the model's.
Shape is left out, so that all signers have one body, and so are the corrections that depend on the pose.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax.errors import DataError
from signjax.io import safe_numpy
from signjax.io.safe_read import InvalidFileError
from signjax.pose import skeleton

JOINTS = 55
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 15, 15, 15,
           20, 25, 26, 20, 28, 29, 20, 31, 32, 20, 34, 35, 20, 37, 38,
           21, 40, 41, 21, 43, 44, 21, 46, 47, 21, 49, 50, 21, 52, 53)  # fmt: skip
HEAD, JAW, L_SHOULDER, R_SHOULDER, L_ELBOW, R_ELBOW, L_WRIST, R_WRIST = 15, 22, 16, 17, 18, 19, 20, 21
BODY, LEFT, RIGHT = slice(1, 22), slice(25, 40), slice(40, 55)  # joints of the model's parameters
# Of our joints, those of the model; the root of a hand is its wrist.
SOURCES = {skeleton.R_SHOULDER: R_SHOULDER, skeleton.R_ELBOW: R_ELBOW, skeleton.R_WRIST: R_WRIST}
SOURCES |= {skeleton.L_SHOULDER: L_SHOULDER, skeleton.L_ELBOW: L_ELBOW, skeleton.L_WRIST: L_WRIST}
SOURCES |= {skeleton.R_HAND: R_WRIST, skeleton.L_HAND: L_WRIST}
# The first joint of each finger in the model's hand, in our order: thumb, index, middle, ring, little.
FINGERS = (12, 0, 3, 9, 6)
# Vertices of the tips in the same order.
TIPS = {LEFT.start: (5361, 4933, 5058, 5169, 5286), RIGHT.start: (8079, 7669, 7794, 7905, 8022)}
VERTICES = 10475
MAX_MODEL_BYTES = 1 << 29
NAMES = ("J_regressor", "v_template")
FACE_NAMES = ("f", "lmk_faces_idx", "lmk_bary_coords", "weights", "shapedirs")
STATIC = 51  # landmarks of the face: brows, nose, eyes and lips, points 17 to 67 of OpenPose's
NOSE_TIP = 13  # among them
EXPRESSIONS = {400: 300, 20: 10}  # where they begin in `shapedirs`, by its length
NEUTRAL = "SMPL-X rotations were put on signjax's own skeleton, so lengths are not the model's (see --smplx)"


class Face(NamedTuple):
    """The landmarks of the face on the surface of the model."""

    corners: np.ndarray  # [51, 3, 3], the corners of their triangles at rest, xyz last
    coordinates: np.ndarray  # [51, 3], of the landmarks in their triangles
    weights: np.ndarray  # [51, 3, 55], how much each joint moves a corner
    expressions: np.ndarray  # [51, 3, 3, E], how an expression moves it


class Body(NamedTuple):
    """A model at rest: a T-pose in metres, x to the signer's left, y up, z to the front."""

    joints: np.ndarray  # [55, 3]
    tips: np.ndarray  # [2, 5, 3], of the left and the right fingers
    nose: np.ndarray  # [3]
    face: Face | None = None


def make_neutral_body() -> Body:
    """signjax's own average adult, in the proportions of signjax.pose.skeleton.LENGTHS."""
    unit = 0.18
    joints, tips = np.zeros((JOINTS, 3)), np.zeros((2, 5, 3))
    # The trunk and the legs in front view: (joint, x, y); only the way to the shoulders matters.
    for joint, x, y in ((1, 0.5, -0.4), (4, 0.6, -2.6), (7, 0.6, -4.8), (10, 0.7, -5.0), (13, 0.4, 2.2)):
        joints[joint], joints[joint + 1] = (x, y, 0), (-x, y, 0)
    for joint, y in ((3, 0.7), (6, 1.3), (9, 1.6), (12, 2.6), (HEAD, 3.2), (JAW, 3.2)):
        joints[joint] = (0, y, 0)
    joints[23], joints[24] = (0.17, 3.6, 0.45), (-0.17, 3.6, 0.45)
    for side, first, arm in ((1, LEFT.start, (16, 18, 20)), (-1, RIGHT.start, (17, 19, 21))):
        along = np.cumsum(skeleton.LENGTHS[[skeleton.R_SHOULDER, skeleton.R_ELBOW, skeleton.R_WRIST]])
        for joint, x in zip(arm, along, strict=True):
            joints[joint] = (x, 2.4, 0)
        for finger, start in enumerate(FINGERS):
            points = joints[arm[2]] + _grow_finger(finger)
            joints[first + start : first + start + 3] = points[:3]
            tips[int(side < 0), finger] = points[3]
            # So far all hands are left ones.
            joints[first + start : first + start + 3, 0] *= side
            tips[int(side < 0), finger, 0] *= side
        joints[list(arm), 0] *= side
    nose = np.array([0, 3.6, 0.6])
    return Body(joints * unit, tips * unit, nose * unit)


def _grow_finger(finger: int) -> np.ndarray:
    """The joints and the tip [4, 3] of a finger of a flat left hand, from the wrist, in LENGTHS' unit."""
    lengths = skeleton.LENGTHS[skeleton.R_HAND + 1 + 4 * finger : skeleton.R_HAND + 5 + 4 * finger]
    # The thumb points to the front of a hand whose palm is down, the fingers along the arm.
    spread = (1.1, 0.3, 0.0, -0.25, -0.5)[finger]
    root = np.array([np.cos(spread), 0.0, np.sin(spread)])
    rest = root if finger == 0 else np.array([1.0, 0.0, 0.1 * np.sign(spread)])
    rest = rest / np.linalg.norm(rest)
    return root * lengths[0] + rest * np.concatenate([[0], np.cumsum(lengths[1:])])[:, None]


def read_body(path: Path) -> Body:
    """The bones and the face of a model file, SMPLX_NEUTRAL.npz.

    Raises:
      DataError: it cannot be read, or is no model of SMPL-X.
    """
    try:
        arrays = safe_numpy.read_arrays(path, NAMES, MAX_MODEL_BYTES)
        regressor, template = (arrays[name].astype(np.float64) for name in NAMES)
        if template.shape != (VERTICES, 3) or regressor.shape != (JOINTS, VERTICES):
            shapes = f"{list(regressor.shape)} and {list(template.shape)}"
            raise InvalidFileError(f"is no model of SMPL-X: J_regressor and v_template are {shapes}")
        face = _read_face(path, template)
    except InvalidFileError as error:
        raise DataError(f"--smplx {path}: {error}; give SMPLX_NEUTRAL.npz") from None
    joints = regressor @ template
    tips = np.stack([template[list(TIPS[first])] for first in (LEFT.start, RIGHT.start)])
    nose = (face.corners[NOSE_TIP] * face.coordinates[NOSE_TIP, :, None]).sum(0)
    body = Body(joints, tips, nose, face)
    if not all(np.isfinite(x).all() for x in (*body[:3], *face)):
        raise DataError(f"--smplx {path}: holds numbers that are not finite; give SMPLX_NEUTRAL.npz")
    return body


def _read_face(path: Path, template: np.ndarray) -> Face:
    arrays = safe_numpy.read_arrays(path, FACE_NAMES, MAX_MODEL_BYTES)
    triangles, chosen, coordinates, weights, shapes = (arrays[name] for name in FACE_NAMES)
    is_face = triangles.ndim == 2 and triangles.shape[1] == 3 and chosen.shape == (STATIC,)
    is_face &= coordinates.shape == (STATIC, 3) and weights.shape == (VERTICES, JOINTS)
    is_face &= shapes.shape[:2] == (VERTICES, 3) and shapes.shape[-1] in EXPRESSIONS
    if not is_face or not (chosen < len(triangles)).all() or triangles.max(initial=0) >= VERTICES:
        raise InvalidFileError(f"has no landmarks of a face in {', '.join(FACE_NAMES)}")
    vertices = triangles[chosen.astype(np.int64)].astype(np.int64)  # [51, 3]
    expressions = shapes[vertices][..., EXPRESSIONS[shapes.shape[-1]] :]
    parts = template[vertices], coordinates, weights[vertices], expressions
    return Face(*(part.astype(np.float64) for part in parts))


def pose_body(body: Body, rotations: np.ndarray, expressions: np.ndarray | None = None) -> np.ndarray:
    """Our joints for rotations of the model's.

    Args:
      body: at rest.
      rotations: [T, 55, 3, 3], of each joint relative to its parent.
      expressions: [T, E], how much of each there is; used if the body has a face.

    Returns:
      [T, 50 or 120, 3] in metres, x to the image's right, y down, z away from the camera. Of a face there are
      brows, nose, eyes and lips; the outline and the pupils are NaN.
    """
    turns, places = _turn_joints(body, rotations)
    joints = np.full((len(rotations), skeleton.WITH_FACE if body.face else skeleton.NUM_JOINTS, 3), np.nan)

    def attach(rest: np.ndarray, joint: int) -> np.ndarray:
        return places[:, joint] + turns[:, joint] @ (rest - body.joints[joint])

    for joint, source in SOURCES.items():
        joints[:, joint] = places[:, source]
    joints[:, skeleton.NECK] = (places[:, L_SHOULDER] + places[:, R_SHOULDER]) / 2
    joints[:, skeleton.NOSE] = attach(body.nose, HEAD)
    for root, first, tips in (
        (skeleton.L_HAND, LEFT.start, body.tips[0]),
        (skeleton.R_HAND, RIGHT.start, body.tips[1]),
    ):
        for finger, start in enumerate(FINGERS):
            ours = root + 1 + 4 * finger
            joints[:, ours : ours + 3] = places[:, first + start : first + start + 3]
            joints[:, ours + 3] = attach(tips[finger], first + start + 2)
    if body.face:
        outline = skeleton.FACE.start + 17
        joints[:, outline : outline + STATIC] = _pose_face(body, body.face, turns, places, expressions)
    # The model looks along z with y up; a camera before it sees its left on the right.
    return joints * np.array([1.0, -1.0, -1.0])


def _turn_joints(body: Body, rotations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotations [T, 55, 3, 3] and places [T, 55, 3] of all joints; the first stays where it is."""
    turns, places = np.empty_like(rotations), np.empty(rotations.shape[:3])
    for joint, parent in enumerate(PARENTS):
        if parent < 0:
            turns[:, joint], places[:, joint] = rotations[:, joint], body.joints[joint]
            continue
        turns[:, joint] = turns[:, parent] @ rotations[:, joint]
        bone = body.joints[joint] - body.joints[parent]
        places[:, joint] = places[:, parent] + turns[:, parent] @ bone
    return turns, places


def _pose_face(body: Body, face: Face, turns, places, expressions: np.ndarray | None) -> np.ndarray:
    """The landmarks [T, 51, 3], by linear blend skinning of the corners of their triangles."""
    corners = np.broadcast_to(face.corners, (len(turns), *face.corners.shape))
    if expressions is not None:
        count = min(expressions.shape[-1], face.expressions.shape[-1])
        shares = face.expressions[..., :count]
        corners = corners + np.einsum("nckx,tx->tnck", shares, expressions[:, :count])
    # A joint moves a corner as if it were fixed to it: about where the joint is at rest.
    offsets = places - np.einsum("tjab,jb->tja", turns, body.joints)
    turned = np.einsum("ncj,tjab,tncb->tnca", face.weights, turns, corners, optimize=True)
    moved = turned + np.einsum("ncj,tja->tnca", face.weights, offsets, optimize=True)
    return np.einsum("nc,tnca->tna", face.coordinates, moved)
