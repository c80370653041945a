"""A clip as other programs read it: the data sets' JSON, and OpenPose's, one file per frame."""

import json

import numpy as np

from signjax.data import clip_files
from signjax.pose import normalization, skeleton
from signjax.pose.clip import Clip

PICTURE_SIZE = (1280, 720)  # of the picture that OpenPose's pixels lie in
PICTURE_PLACEMENT = normalization.Placement(
    np.array([640.0, 320.0, 0.0]), np.float64(90.0)
)  # as signers stand in How2Sign
BODY_POINTS = 25  # points that OpenPose 1.7 writes; of the last 17 we have none
EMPTY = ("pose", "face", "hand_left", "hand_right")


def format_pose_json(clip: Clip, digits: int | None = None) -> bytes:
    """The pose.json of a clip, see signjax.data.clip_files and docs/data.md.

    Without depth the third value is a confidence: 1, or 0 for missing joints. Depths that are all positive
    are shifted so that some become negative; otherwise a reader could take them for confidences. fps, signer,
    language, source and segment are written where the clip has them.

    Args:
      clip: in any unit; missing joints are written as 0, 0, 0.
      digits: after the point; None for all, so that every float32 is read back as it was.
    """
    # Body and hands decide for the face, too: a face has depth where they have.
    body = clip.without_face()
    depths = body.points[..., 2][body.valid]
    flat = not depths.any()
    depth_shift = 0.0 if flat or depths.min() < 0 else float(np.median(depths))
    parts = (skeleton.BODY, skeleton.RIGHT, skeleton.LEFT, skeleton.FACE)
    fields = zip((*clip_files.FIELDS, clip_files.FACE), parts, strict=True)
    rows = {
        key: _format_points(clip.points[:, part], clip.valid[:, part], depth_shift, digits, flat).tolist()
        for (key, _), part in fields
        if part.stop <= clip.points.shape[1]
    }
    frames = [dict(zip(rows, frame, strict=True)) for frame in zip(*rows.values(), strict=True)]
    about = {name: getattr(clip, name) for name in ("fps", "signer", "language", "source")}
    content = {"poses": frames, "num_frames": len(frames)}
    content |= {key: value for key, value in about.items() if value is not None}
    if clip.segment is not None:
        content["segment"] = np.asarray(clip.segment).tolist()
    return json.dumps(content, separators=(",", ":")).encode()


def _format_points(points, seen, depth_shift: float, digits: int | None, flat: bool) -> np.ndarray:
    """Points [T, N, 3] as rows [T, 3 N] for pose.json; points that were not seen become zeros."""
    # In float64: subtracting and rounding in float32 would change digits that were to be kept.
    points = points.astype(np.float64) - [0, 0, depth_shift]
    points = points if digits is None else points.round(digits)
    # x = y = 0 means "not seen" in the format: a point that really lies there is moved by the last digit.
    points[..., 0] += np.where((points[..., :2] == 0).all(-1), 10.0 ** -(12 if digits is None else digits), 0)
    if flat:
        points[..., 2] = 1
    return np.where(seen[..., None], points, 0.0).reshape(len(points), -1)


def place_in_picture(clip: Clip) -> np.ndarray:
    """The points of a clip [T, J, 3] float64 in pixels of PICTURE_SIZE, as signers stand in How2Sign.

    Raises:
      DataError: the clip has no measurable body.
    """
    # In float64: seven digits of a pixel are what float32 has in all.
    placed = normalization.to_canonical(clip.points.astype(np.float64), clip.find_placement())
    return normalization.from_canonical(placed, PICTURE_PLACEMENT)


def format_openpose(clip: Clip) -> list[bytes]:
    """The files of a clip as OpenPose writes them, one a frame, in pixels as `place_in_picture` gives them.

    Confidences are 1 or 0 and depth is lost. Of the 25 body points there are the first 8.

    Raises:
      DataError: the clip has no measurable body.
    """
    placed = place_in_picture(clip)
    placed[..., 2] = 1.0
    points = np.where(clip.valid[..., None], placed, 0.0).round(7)
    return [json.dumps(_format_frame(frame), separators=(",", ":")).encode() for frame in points]


def _format_frame(points: np.ndarray) -> dict:
    body = np.zeros((BODY_POINTS, 3))
    body[: skeleton.BODY.stop] = points[skeleton.BODY]
    face = np.zeros((clip_files.FACE[1], 3))
    face[: len(points[skeleton.FACE])] = points[skeleton.FACE]  # none in points [50, 3]
    keypoints = {
        "pose_keypoints_2d": body,
        "face_keypoints_2d": face,
        "hand_left_keypoints_2d": points[skeleton.LEFT],
        "hand_right_keypoints_2d": points[skeleton.RIGHT],
    }
    person = {"person_id": [-1]} | {key: values.ravel().tolist() for key, values in keypoints.items()}
    return {"version": 1.3, "people": [person | {f"{part}_keypoints_3d": [] for part in EMPTY}]}
