"""What the readers of all formats share: joints from points, and clips that cannot be read."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from signjax.data.clip_files import MAX_COORDINATE
from signjax.data.formats import file_names
from signjax.io.safe_read import InvalidFileError
from signjax.pose import skeleton
from signjax.pose.clip import Clip

FACE_POINTS = 70  # in OpenPose's order: outline 17, brows 10, nose 9, eyes 12, lips 20, pupils 2
HAND_POINTS = 21
# On How2Sign, hands of less confidence jump five to ten times as far as the others.
MIN_CONFIDENCE = 0.1
MAX_FRAMES = 1 << 15  # of a clip: twenty minutes
Source = TypeVar("Source")


class UnreadableClip(NamedTuple):
    """A clip that cannot be read."""

    name: str
    reason: str


class JointMap(NamedTuple):
    """Which of a format's points are the joints."""

    body: tuple[tuple[int, ...], ...]  # for each of the 8 body joints, the points to average; () for none
    right: int | None  # the first of the right hand's 21 points, None if there are none
    left: int | None
    face: tuple[int, ...] = ()  # the point of each of the 70, -1 for none


def read_each(
    sources: Iterable[tuple[str, Source]], read_clip: Callable[[Source], Clip]
) -> Iterator[Clip | UnreadableClip]:
    """Reads clips one at a time; one that cannot be read does not stop those after it.

    Args:
      sources: (name of the clip in messages, what `read_clip` reads it from).
      read_clip: raises InvalidFileError.
    """
    # Large collections always hold a few broken files; the report names them.
    for name, source in sources:
        try:
            yield read_clip(source)
        except InvalidFileError as error:
            yield UnreadableClip(name, str(error))


def read_files(root: Path, ending: str, read_clip: Callable[[Path], Clip]) -> Iterator[Clip | UnreadableClip]:
    """Reads a clip from each file of a folder, with the text beside it and what its path says.

    Args:
      root: the folder, with all below it, or one file.
      ending: of the files.
      read_clip: the clip in a file, without name, text and split; raises InvalidFileError.
    """

    files = file_names.list_files(root, ending)
    return read_each(
        ((str(file), file) for file in files), lambda file: name_clip(root, file, read_clip(file))
    )


def name_clip(root: Path, file: Path, clip: Clip) -> Clip:
    """The clip of a file with its name, the text beside it and the split that its path says."""
    text, sid = file_names.read_text_beside(file), file_names.parse_sid(file)
    return dataclasses.replace(clip, text=text, sid=sid, split=file_names.find_split(root, file))


def select_joints(points: np.ndarray, seen: np.ndarray, joint_map: JointMap) -> tuple[np.ndarray, np.ndarray]:
    """Picks the joints out of a format's points.

    Args:
      points: [T, N, 3] numbers, z = 0 where there is no depth.
      seen: [T, N] bool.
      joint_map: which points are the joints; a joint is there if all of its points are.

    Returns:
      (points [T, J, 3] float32, 0 where missing, valid [T, J] bool) of a signjax.pose.clip.Clip. J is 120 if
      a frame shows a face, else 50.

    Raises:
      InvalidFileError: no frames, too many, or coordinates that are infinite or too large.
    """
    # A file of hours is a whole recording; clips are sentences, and memory is finite.
    if not 0 < len(points) <= MAX_FRAMES:
        raise InvalidFileError(f"has {len(points):,} frames; 1 to {MAX_FRAMES:,} can be read")
    # What is not finite was not seen, whatever confidence the file gives it.
    # Nor was what lies at -1, -1, the usual sign for that where 0 is a place.
    seen = seen & np.isfinite(points).all(-1) & (points[..., :2] != -1).any(-1)
    points = np.where(seen[..., None], points, 0.0)
    if not np.abs(points).max(initial=0) <= MAX_COORDINATE:
        raise InvalidFileError(f"has coordinates beyond {MAX_COORDINATE:g}")
    pose = np.zeros((len(points), skeleton.NUM_JOINTS, 3), np.float32)
    valid = np.zeros(pose.shape[:2], bool)
    for joint, numbers in enumerate(joint_map.body):
        # A mean exists where all that it is made of was seen: half a mean is another place.
        if numbers:
            pose[:, joint] = points[:, numbers].mean(1)
            valid[:, joint] = seen[:, numbers].all(1)
    for part, first in ((skeleton.RIGHT, joint_map.right), (skeleton.LEFT, joint_map.left)):
        if first is not None:
            hand = slice(first, first + HAND_POINTS)
            pose[:, part], valid[:, part] = points[:, hand], seen[:, hand]
    face = _select_face(points, joint_map.face)
    if face is not None:
        # A point that was not seen, or that the format lacks, lies at the origin.
        pose = np.concatenate([pose, face], 1)
        valid = np.concatenate([valid, face[..., :2].any(-1)], 1)
    pose[~valid] = 0
    return pose, valid


def _select_face(points: np.ndarray, numbers: tuple[int, ...]) -> np.ndarray | None:
    """The 70 points of the face [T, 70, 3], None if no frame shows any of them."""
    if not numbers:
        return None
    # A format may lack some of the 70, such as the pupils.
    face = np.where(np.array(numbers)[:, None] >= 0, points[:, numbers], 0.0).astype(np.float32)
    return face if face.any() else None


def turn_upright(pose: np.ndarray) -> np.ndarray:
    """The pose with y down and the right shoulder on the left of the picture, as a camera sees a signer.

    Files do not say which way their axes point; the body does.
    """
    # Medians: single frames may have the signer look down, or turn away.
    turned = pose.copy()
    down = np.median(pose[:, skeleton.NOSE] - pose[:, skeleton.NECK], 0)
    right = np.median(pose[:, skeleton.R_SHOULDER] - pose[:, skeleton.L_SHOULDER], 0)
    # Of a signer who lies on the side, neither says anything about axes: signjax.data.orientation turns such.
    if down[1] > abs(down[0]):
        turned[..., 1] *= -1
    if right[0] > abs(right[1]):
        turned[..., 0] *= -1
    return turned
