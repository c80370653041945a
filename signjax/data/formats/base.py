"""A clip as any format gives it, and how a format's points become the joints of the skeleton."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from signjax.data.clip_files import MAX_COORDINATE
from signjax.io.safe_read import InvalidFileError
from signjax.pose import skeleton
from signjax.pose.clip import Clip

FACE_POINTS = 70  # points, in OpenPose's order: outline 17, brows 10, nose 9, eyes 12, lips 20, pupils 2
MIN_CONFIDENCE = 0.1  # confidence; hands below it jump five to ten times as far as sure ones, on How2Sign
MAX_FRAMES = 1 << 15  # of a clip: twenty minutes


class UnreadableClip(NamedTuple):
    """A clip that cannot be read."""

    name: str
    reason: str


class JointMap(NamedTuple):
    """Which of a format's points are the joints."""

    body: tuple[tuple[int, ...], ...]  # of each of the 8 body joints, which is their mean; () for none
    right: int | None  # the first of the right hand's 21
    left: int | None
    face: tuple[int, ...] = ()  # the point of each of the 70, -1 for none


def read_each(
    items: Iterable[tuple[str, Any]], one: Callable[[Any], Clip]
) -> Iterator[Clip | UnreadableClip]:
    """The clip of each of the items (name, what `one` reads it from), one at a time."""
    for name, item in items:
        try:
            yield one(item)
        except InvalidFileError as error:
            yield UnreadableClip(name, str(error))


def select_joints(points: np.ndarray, seen: np.ndarray, places: JointMap):
    """Picks the joints out of a format's points.

    Args:
      points: [T, N, 3] numbers, z = 0 where there is no depth.
      seen: [T, N] bool.
      places: which are the joints; a joint is there if all of its points are.

    Returns:
      (points [T, J, 3] float32, 0 where missing, valid [T, J] bool), see signjax.pose.clip. J is 120 if a
      frame shows a face, else 50.

    Raises:
      InvalidFileError: no frames, too many, or coordinates that are infinite or too large.
    """
    if not 0 < len(points) <= MAX_FRAMES:
        raise InvalidFileError(f"has {len(points):,} frames; 1 to {MAX_FRAMES:,} can be read")
    seen = seen & np.isfinite(points).all(-1)
    points = np.where(seen[..., None], points, 0.0)
    if not np.abs(points).max(initial=0) <= MAX_COORDINATE:
        raise InvalidFileError(f"has coordinates beyond {MAX_COORDINATE:g}")
    pose = np.zeros((len(points), skeleton.NUM_JOINTS, 3), np.float32)
    valid = np.zeros(pose.shape[:2], bool)
    for joint, chosen in enumerate(places.body):
        if chosen:
            pose[:, joint] = points[:, chosen].mean(1)
            valid[:, joint] = seen[:, chosen].all(1)
    for part, first in ((skeleton.RIGHT, places.right), (skeleton.LEFT, places.left)):
        if first is not None:
            pose[:, part], valid[:, part] = points[:, first : first + 21], seen[:, first : first + 21]
    face = _select_face(points, places.face)
    if face is not None:
        pose = np.concatenate([pose, face], 1)
        valid = np.concatenate([valid, face[..., :2].any(-1)], 1)
    pose[~valid] = 0
    return pose, valid


def _select_face(points: np.ndarray, chosen: tuple[int, ...]) -> np.ndarray | None:
    """The 70 points of the face, None if no frame shows any of them."""
    if not chosen:
        return None
    face = np.where(np.array(chosen)[:, None] >= 0, points[:, chosen], 0.0).astype(np.float32)
    return face if face.any() else None


def turn_upright(pose: np.ndarray) -> np.ndarray:
    """The pose with y down and the right shoulder on the left of the picture, as a camera sees a signer.

    Files do not say which way their axes point; the body does.
    """
    turned = pose.copy()
    if np.median(pose[:, skeleton.NOSE, 1] - pose[:, skeleton.NECK, 1]) > 0:
        turned[..., 1] *= -1
    if np.median(pose[:, skeleton.R_SHOULDER, 0] - pose[:, skeleton.L_SHOULDER, 0]) > 0:
        turned[..., 0] *= -1
    return turned
