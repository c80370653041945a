"""A clip in one .npz file: what signjax.sample writes, and plain arrays of other systems.

The arrays are "pose" [T, 50, 3], or [T, 120, 3] with a face, NaN where a joint is missing; and as far as they
are known "text", "fps", "signer", "language", and the tokens "codes" [N, C], "stride" and "names" [C].
"""

import io
from pathlib import Path

import numpy as np

from signjax.data import clip_files
from signjax.io import safe_numpy
from signjax.io.safe_read import InvalidFileError
from signjax.pose import skeleton
from signjax.pose.clip import Clip, Tokens

LABELS = ("signer", "language")
MAX_FRAMES = 1 << 15  # of a clip: twenty minutes


def format_npz(clip: Clip) -> bytes:
    """The bytes of a clip's .npz; `parse_npz` gives back the same points, text, tokens and names."""
    content = {"pose": np.where(clip.valid[..., None], clip.points, np.float32(np.nan)), "text": clip.text}
    content |= {name: value for name in ("fps", *LABELS) if (value := getattr(clip, name))}
    content |= clip.tokens._asdict() if clip.tokens else {}
    data = io.BytesIO()
    np.savez(data, **content)
    return data.getvalue()


def read_npz(path: Path) -> Clip:
    """The clip in an .npz; its name is that of the file. Nothing is unpickled.

    Raises:
      InvalidFileError: the file cannot be read, or an array in it is not what it has to be.
    """
    arrays = safe_numpy.read_arrays(path)
    if "pose" not in arrays:
        raise InvalidFileError('has no array "pose"')
    points, valid = check_points(arrays["pose"])
    tokens = _parse_tokens(arrays, len(points)) if "codes" in arrays else None
    labels = {name: _parse_label(arrays, name) for name in LABELS}
    return Clip(points, valid, _parse_fps(arrays), _parse_text(arrays), tokens, sid=path.stem, **labels)


def read_arrays(path: Path) -> Clip:
    """The clip in an .npy of points, or in the array "pose" of an .npz, whatever else is in that.

    Raises:
      InvalidFileError: as `read_npz`.
    """
    packed = path.suffix == ".npz"
    pose = safe_numpy.read_arrays(path, ["pose"])["pose"] if packed else safe_numpy.read_array(path)
    return Clip(*check_points(pose), sid=path.stem)


def check_points(pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points [T, J, 3] float32 and their mask [T, J], from an array that somebody else wrote.

    Points that are not finite count as missing and are set to 0.

    Raises:
      InvalidFileError: another shape or type, too many frames, or numbers that are no coordinates.
    """
    shapes = [(joints, 3) for joints in (skeleton.NUM_JOINTS, skeleton.WITH_FACE)]
    if pose.ndim != 3 or pose.shape[1:] not in shapes or pose.dtype.kind not in "fiu":
        raise InvalidFileError(
            f"is {pose.dtype} {list(pose.shape)}, not [T, 50, 3] or [T, 120, 3] of numbers"
        )
    if len(pose) > MAX_FRAMES:
        raise InvalidFileError(f"has {len(pose):,} frames, more than {MAX_FRAMES:,}")
    # Compared before it becomes float32, in which larger numbers would turn into infinities.
    pose = pose.astype(np.float64)
    seen = np.isfinite(pose).all(-1)
    pose = np.where(seen[..., None], pose, 0)
    if np.abs(pose).max(initial=0) > clip_files.MAX_COORDINATE:
        raise InvalidFileError(f"has coordinates beyond {clip_files.MAX_COORDINATE:g}")
    return pose.astype(np.float32), seen


def _parse_text(arrays: dict[str, np.ndarray]) -> str:
    text = arrays.get("text", np.array(""))
    if text.dtype.kind != "U" or text.ndim or len(str(text)) > clip_files.MAX_BYTES[clip_files.TEXT]:
        raise InvalidFileError('has an array "text" that is no sentence')
    return str(text)


def _parse_fps(arrays: dict[str, np.ndarray]) -> float | None:
    fps = arrays.get("fps", np.array(0.0))
    usable = fps.dtype.kind in "fiu" and not fps.ndim and 0 < fps < 1000
    # A frame rate that makes no sense is no reason to refuse the poses.
    return float(fps) if usable else None


def _parse_label(arrays: dict[str, np.ndarray], name: str) -> str | None:
    label = arrays.get(name, np.array(""))
    # As with a frame rate: a name that is none is no reason to refuse the poses.
    return clip_files.parse_label(str(label)) if label.dtype.kind == "U" and not label.ndim else None


def _parse_tokens(arrays: dict[str, np.ndarray], frames: int) -> Tokens:
    codes, stride, names = (arrays.get(name, np.array(0)) for name in Tokens._fields)
    are_integers = (
        codes.dtype.kind in "iu" and codes.ndim == 2 and stride.dtype.kind in "iu" and not stride.ndim
    )
    if not are_integers or stride < 1 or len(codes) != -(-frames // int(stride)):
        raise InvalidFileError(f"has codes {list(codes.shape)} that do not make {frames} frames")
    if names.dtype.kind != "U" or names.shape != codes.shape[1:] or not len(names):
        raise InvalidFileError(f"has codes {list(codes.shape)} and names {list(names.shape)} of them")
    return Tokens(codes, int(stride), tuple(names.tolist()))
