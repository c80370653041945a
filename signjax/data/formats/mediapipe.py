"""Landmarks of MediaPipe Holistic as JSON, a file a clip.

    {"fps": 25, "width": 1280, "height": 720, "frames": [
        {"pose_landmarks": [{"x": 0.5, "y": 0.2, "z": -0.1, "visibility": 0.9}, ...],
         "left_hand_landmarks": [...], "right_hand_landmarks": [...], "face_landmarks": [...]}, ...]}

Landmarks are objects or lists, [] or null where nothing was found. x and y are shares of the picture, so its
size is needed. Depth is left out, see signjax.data.formats.pose_format.
"""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from signjax.data.formats import base
from signjax.data.formats.base import JointMap, UnreadableClip
from signjax.io import safe_read
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip

# The landmark of the face mesh for each of the 70 points: outline from ear to ear, brows, nose, eyes, lips.
FACE = (
    *(127, 234, 132, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 361, 454, 356),
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),
    *(168, 197, 5, 4, 98, 97, 2, 326, 327),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    *(78, 82, 13, 312, 308, 317, 14, 87),
    *(468, 473),
)
PARTS = {"pose": 33, "right_hand": 21, "left_hand": 21, "face": 478}  # points; a face may have 468
JOINT_MAP = JointMap(
    ((0,), (12, 11), (12,), (14,), (16,), (11,), (13,), (15,)), 33, 54, tuple(75 + k for k in FACE)
)
# Bytes that a file's objects may take at most: a minute with all of the face.
MEMORY = 4 * safe_read.MAX_MEMORY
LANDMARK = {"x": None, "y": None, "z": 0.0, "visibility": 1.0}  # fields of a landmark and their defaults
# Shares of a picture are about 0 to 1, with some points beyond its edges; larger numbers must be pixels.
MAX_SHARE = 8.0


def is_mediapipe(content: dict) -> bool:
    """Whether a JSON object is such a file."""
    frames = content.get("frames")
    if not isinstance(frames, list):
        return False
    # Nobody may be seen at first.
    return any(_find_landmarks(frame, "pose") is not None for frame in frames[:100])


def read_clips(path: Path, size: tuple[int, int] | None = None) -> Iterator[Clip | UnreadableClip]:
    """The clips of all .json files in a folder and those below, or of one file.

    Args:
      path: the folder or file.
      size: width and height of the picture, where files do not say.
    """
    return base.read_files(path, ".json", functools.partial(_read_clip, size=size))


def _read_clip(path: Path, size: tuple[int, int] | None) -> Clip:
    content = safe_read.parse_json(safe_read.read_bytes(path), MEMORY)
    if not is_mediapipe(content):
        raise InvalidFileError('has no "frames" with "pose_landmarks"')
    rows = [_parse_frame(frame, t) for t, frame in enumerate(content["frames"])]
    points, seen = (np.array(x) for x in zip(*rows, strict=True))
    points = points * _find_unit(content, points, size)
    fps, signer = read_rate_and_signer(content)
    return Clip(*base.select_joints(points, seen, JOINT_MAP), fps=fps, signer=signer)


def read_rate_and_signer(content: dict) -> tuple[float | None, str | None]:
    """Frame rate and signer, where a file says them."""
    fps, signer = content.get("fps"), content.get("signer")
    rate = float(fps) if isinstance(fps, int | float) and 0 < fps < 1000 else None
    return rate, signer if isinstance(signer, str) and signer else None


def _find_unit(content: dict, points: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """The factors [3] that turn x and y into pixels and remove the depth."""
    # Whoever wrote the file may have multiplied already.
    if np.abs(points[..., :2]).max(initial=0) > MAX_SHARE:
        return np.array([1.0, 1.0, 0.0])
    size_in_file = content.get("width"), content.get("height")
    if all(isinstance(n, int | float) and 0 < n < 1 << 16 for n in size_in_file):
        size = size_in_file
    if size is None:
        advice = "add them, or give --size as in 1280x720"
        raise InvalidFileError(f"has no width and height of its picture; {advice}")
    # Depth has another unit for each part of the body, see signjax.data.formats.pose_format.
    return np.array([*size, 0.0])


def _find_landmarks(frame, name: str):
    """The list of a part's landmarks in a frame, None if there is none."""
    if not isinstance(frame, dict):
        return None
    # As MediaPipe's Python has it, as its JavaScript has it, and without the ending.
    keys = (f"{name}_landmarks", name.replace("_hand", "Hand") + "Landmarks", name)
    landmarks = next((frame[key] for key in keys if key in frame), None)
    return landmarks.get("landmark") if isinstance(landmarks, dict) else landmarks


def _parse_frame(frame, t: int) -> tuple[np.ndarray, np.ndarray]:
    """Points [553, 3] and whether they were seen [553] of a frame."""
    points, seen = [], []
    for name, count in PARTS.items():
        landmarks = _find_landmarks(frame, name) or []
        # A face without refined landmarks has no pupils, the last ten of 478.
        counts = (0, count, *([468] if name == "face" else []))
        if not isinstance(landmarks, list) or len(landmarks) not in counts:
            size = f"{len(landmarks)} landmarks" if isinstance(landmarks, list) else "no list"
            raise InvalidFileError(f"frame {t}: {name}_landmarks is {size}, not {count} landmarks")
        rows = np.full((count, 4), np.nan)
        for k, landmark in enumerate(landmarks):
            rows[k] = _parse_landmark(landmark, f"frame {t}: {name}_landmarks {k}")
        points.append(rows[:, :3])
        # Landmarks that are not there are NaN, which is not above anything.
        seen.append(rows[:, 3] > base.MIN_CONFIDENCE)
    return np.concatenate(points), np.concatenate(seen)


def _parse_landmark(landmark, where: str) -> list[float]:
    """x, y, z and visibility; a hand's landmarks have no visibility, and count as seen."""
    values = landmark
    if isinstance(landmark, dict):
        values = [landmark.get(key, default) for key, default in LANDMARK.items()]
    if not isinstance(values, list) or not 2 <= len(values) <= 4:
        raise InvalidFileError(f"{where} is no landmark with x and y")
    if not set(map(type, values)) <= {int, float}:
        raise InvalidFileError(f"{where} is no landmark with x and y")
    try:
        return [float(value) for value in (values + [0.0, 1.0][len(values) - 2 :])[:4]]
    except OverflowError:
        # Integers of hundreds of digits.
        raise InvalidFileError(f"{where} has coordinates beyond {base.MAX_COORDINATE:g}") from None
