"""A clip written as signjax reads it: text.txt and pose.json in a folder of its own."""

from pathlib import Path

import numpy as np

from signjax.data import clip_files, clip_writers
from signjax.io.safe_read import MAX_MEMORY, InvalidFileError
from signjax.pose import normalization, skeleton
from signjax.pose.clip import Clip

DIGITS = 5  # of the distance from neck to shoulder
# A frame's numbers take 40 bytes of memory each while they are read, see signjax.io.safe_read.
MAX_FRAMES = MAX_MEMORY // (60 * 3 * skeleton.WITH_FACE)  # frames, about twelve minutes at 25 a second


def encode_clip(clip: Clip) -> bytes:
    """The pose.json of a clip, see signjax.data.clip_writers: rounded, with what is known of fps,
    signer, language and source.

    Raises:
      InvalidFileError: no frame shows a body, a joint lies impossibly far away, or there are too many frames.
    """
    if len(clip) > MAX_FRAMES:
        raise InvalidFileError(f"has {len(clip):,} frames, more than {MAX_FRAMES:,}; cut it into sentences")
    try:
        # A face point far outside is no reason to leave the body out.
        body = clip.without_face()
        scale = float(normalization.measure_placement(body.points, body.valid).scale)
    except ValueError as error:
        raise InvalidFileError(str(error)) from None
    digits = int(np.clip(DIGITS - np.floor(np.log10(scale)), 0, 12))
    data = clip_writers.format_pose_json(clip, digits)
    if len(data) > clip_files.MAX_BYTES[clip_files.POSE]:
        raise InvalidFileError(f"makes a {clip_files.POSE} of {len(data):,} bytes; cut it into sentences")
    return data


def write_clip(folder: Path, clip: Clip) -> None:
    """Writes text.txt and pose.json into a new folder, and gloss.txt if the clip has a gloss.

    Raises:
      InvalidFileError: as for `encode_clip`, or the folder is there already.
    """
    # Before the folder is made: a clip that is refused must not leave a folder, which would count as a clip.
    data = encode_clip(clip)
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise InvalidFileError("another clip has the same name; the first is kept") from None
    (folder / clip_files.TEXT).write_text(clip.text, encoding="utf-8")
    if clip.gloss:
        (folder / clip_files.GLOSS).write_text(clip.gloss, encoding="utf-8")
    (folder / clip_files.POSE).write_bytes(data)
