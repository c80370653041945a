"""A clip as other programs read it: the data sets' JSON, and OpenPose's, a file a frame."""

import json

import numpy as np

from signjax import pose as poses
from signjax import skeleton
from signjax.data import clips
from signjax.errors import DataError

SIZE = (1280, 720)  # of the picture that OpenPose's pixels lie in
PLACE = poses.Placement(np.array([640.0, 320.0, 0.0]), np.float64(90.0))  # as signers stand in How2Sign
BODY = 25  # points that OpenPose 1.7 writes; of the last 17 we have none
EMPTY = ("pose", "face", "hand_left", "hand_right")


def pose_json(pose: np.ndarray, valid: np.ndarray, fps: float) -> bytes:
    """The pose.json of a clip, see signjax.data.clips; every float32 is read back as it was.

    Depths that are all positive are moved, so that some are not: else they would look like confidences.

    Args:
      pose: [T, J, 3] own units, J 50, or 120 with a face.
      valid: [T, J] bool; joints that are not there are written as 0, 0, 0.
      fps: frames per second, written beside the poses.
    """
    points, depth = pose.astype(np.float64), pose[valid][:, 2]
    if depth.any() and depth.min() >= 0:  # it would be read as confidence
        points[..., 2] -= np.median(depth)
    points = np.where(valid[..., None], points, 0.0)
    parts = (skeleton.BODY, skeleton.RIGHT, skeleton.LEFT, skeleton.FACE)
    fields = [(key, part) for (key, _), part in zip((*clips.FIELDS, clips.FACE), parts, strict=True)]
    fields = [(key, part) for key, part in fields if part.stop <= points.shape[1]]
    frames = [{key: frame[part].ravel().tolist() for key, part in fields} for frame in points]
    return json.dumps({"poses": frames, "num_frames": len(frames), "fps": fps}).encode()


def openpose(pose: np.ndarray, valid: np.ndarray) -> list[bytes]:
    """The files of a clip as OpenPose writes them, one a frame: x and y in pixels of SIZE, confidence 1 or 0.

    Place and size are those of a signer of How2Sign; depth is lost. Of its 25 body points there are the
    first 8.

    Args:
      pose: [T, J, 3] own units, J 50, or 120 with a face.
      valid: [T, J] bool.

    Raises:
      DataError: the clip has no measurable body.
    """
    try:
        placed = poses.canonical(pose.astype(np.float64), poses.measure(pose, valid))
    except ValueError as error:
        raise DataError(f"{error}; it has no place in a picture") from None
    placed = poses.restore(placed, PLACE)
    placed[..., 2] = 1.0
    points = np.where(valid[..., None], placed, 0.0).round(7)
    return [json.dumps(_frame(frame), separators=(",", ":")).encode() for frame in points]


def _frame(points: np.ndarray) -> dict:
    body = np.zeros((BODY, 3))
    body[: skeleton.BODY.stop] = points[skeleton.BODY]
    face = np.zeros((clips.FACE[1], 3))
    face[: len(points[skeleton.FACE])] = points[skeleton.FACE]  # none in points [50, 3]
    there = {
        "pose_keypoints_2d": body,
        "face_keypoints_2d": face,
        "hand_left_keypoints_2d": points[skeleton.LEFT],
        "hand_right_keypoints_2d": points[skeleton.RIGHT],
    }
    person = {"person_id": [-1]} | {key: values.ravel().tolist() for key, values in there.items()}
    return {"version": 1.3, "people": [person | {f"{part}_keypoints_3d": [] for part in EMPTY}]}
