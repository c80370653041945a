"""COCO-WholeBody's 133 points as JSON, a file a clip: DWPose, RTMW and others by MMPose.

As MMPose writes them, `{"instance_info": [{"instances": [{"keypoints": [[x, y], ...],
"keypoint_scores": [...]}]}, ...]}`, the same list without the object around it, or plain arrays,
`{"keypoints": [T][133][2 or 3], "keypoint_scores": [T][133]}`; a third number of a point is its confidence.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from signjax.data.formats import base, mediapipe
from signjax.data.formats.base import JointMap, UnreadableClip
from signjax.io import safe_read
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip

POINTS = 133  # body 17, feet 6, face 68, left hand 21, right hand 21
JOINT_MAP = JointMap(
    ((0,), (5, 6), (6,), (8,), (10,), (5,), (7,), (9,)), 112, 91, (*range(23, 91), -1, -1)
)  # the neck is the middle of the shoulders


def is_dwpose(content: dict) -> bool:
    """Whether a JSON object is such a file."""
    frames = content.get("instance_info", content.get("keypoints"))
    return isinstance(frames, list) and bool(frames)


def parse_json(data: bytes, memory: int = safe_read.MAX_MEMORY) -> dict:
    """The object of a file; a list becomes its "instance_info"."""
    # The bounded parser takes objects only, so that a list is made one before anything is built of it.
    is_list = data.lstrip().startswith(b"[")
    return safe_read.parse_json(b'{"instance_info":%s}' % data if is_list else data, memory)


def read_clips(path: Path) -> Iterator[Clip | UnreadableClip]:
    """The clips of all .json files in a folder and those below, or of one file."""
    return base.read_files(path, ".json", _read_clip)


def _read_clip(path: Path) -> Clip:
    content = parse_json(safe_read.read_bytes(path))
    frames = _list_frames(content)
    points = np.stack([_parse_frame(frame, t) for t, frame in enumerate(frames)])  # [T, 133, 3]
    seen = points[..., 2] > base.MIN_CONFIDENCE
    # The confidence stood where depth has its place.
    points[..., 2] = 0
    fps, signer = mediapipe.read_rate_and_signer(content)
    return Clip(*base.select_joints(points, seen, JOINT_MAP), fps=fps, signer=signer)


def _list_frames(content: dict) -> list:
    """The frames of a file, of plain arrays as if MMPose had written them."""
    if "instance_info" in content:
        frames = content["instance_info"]
    else:
        points, scores = content.get("keypoints"), content.get("keypoint_scores", content.get("scores"))
        if not isinstance(points, list) or not (scores is None or _has_length_of(scores, points)):
            raise InvalidFileError('has no "instance_info" and no "keypoints" with as many "keypoint_scores"')
        pairs = zip(points, scores or [None] * len(points), strict=True)
        frames = [{"keypoints": p, "keypoint_scores": s} for p, s in pairs]
    if not isinstance(frames, list) or not frames:
        raise InvalidFileError("has 0 frames")
    return frames


def _has_length_of(scores, points: list) -> bool:
    return isinstance(scores, list) and len(scores) == len(points)


def _parse_frame(frame, t: int) -> np.ndarray:
    """x, y and confidence [133, 3] of the surest person in a frame, zeros if there is nobody."""
    people = frame.get("instances", [frame]) if isinstance(frame, dict) else None
    if not isinstance(people, list):
        raise InvalidFileError(f'frame {t} has no list "instances"')
    # Detectors find interpreters on screens and people in posters, too.
    points_of = [_parse_person(person, t) for person in people]
    return max(points_of, key=lambda points: points[:, 2].sum(), default=np.zeros((POINTS, 3)))


def _parse_person(person, t: int) -> np.ndarray:
    """x, y and confidence [133, 3] of a person, the confidence from its own list if points have none."""
    points = person.get("keypoints") if isinstance(person, dict) else None
    rows = _parse_numbers(points, t, "keypoints")
    if rows.ndim != 2 or len(rows) != POINTS or rows.shape[1] not in (2, 3):
        raise InvalidFileError(f"frame {t}: keypoints are {list(rows.shape)} numbers, not [{POINTS}, 2 or 3]")
    # The third number of a point, if it has one, is its confidence.
    if rows.shape[1] == 3:
        return rows
    scores = _parse_numbers(person.get("keypoint_scores"), t, "keypoint_scores")
    if scores.shape != (POINTS,):
        raise InvalidFileError(f"frame {t}: keypoint_scores are {list(scores.shape)} numbers, not [{POINTS}]")
    return np.concatenate([rows, scores[:, None]], 1)


def _parse_numbers(values, t: int, name: str) -> np.ndarray:
    """Lists of numbers as an array; InvalidFileError if they are anything else."""
    try:
        numbers = np.array(values)
    except (ValueError, OverflowError):
        # Lists of several lengths, or integers of hundreds of digits.
        numbers = np.array(None)
    if numbers.dtype.kind not in "if":
        raise InvalidFileError(f"frame {t}: {name} are no lists of numbers of one length")
    return numbers.astype(np.float64)
