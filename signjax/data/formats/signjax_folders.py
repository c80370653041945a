"""Folders of signjax and of the original project: `<split>/<clip>/text.txt` and `pose.json`."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax.data import clip_files, pose_layout
from signjax.data.formats import base, file_names
from signjax.data.formats.base import UnreadableClip
from signjax.data.formats.mediapipe import read_rate_and_signer
from signjax.errors import DataError
from signjax.io import safe_read
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip
from signjax.pose.skeleton import FACE, NUM_JOINTS

SAMPLE = 16  # clips that decide what the third value is
CONFIDENCE = (
    "the third value of points was taken as a confidence: it is from 0 to 1, and bones do not keep "
    "their length with it"
)


class ClipFolder(NamedTuple):
    """A clip's folder, and how the poses of its data set are laid out."""

    root: Path  # what is read
    folder: Path
    layout: pose_layout.PoseLayout


def read_clips(path: Path) -> Iterator[Clip | UnreadableClip]:
    """The clips of all folders with a pose.json below a folder."""
    files = [f for f in file_names.list_files(path, clip_files.POSE) if f.name == clip_files.POSE]
    folders = [file.parent for file in files]
    # Evenly spread: clips that follow one another may be of one recording.
    sample = sorted({int(k) for k in np.linspace(0, len(folders) - 1, SAMPLE)})
    layout = _detect_layout([folders[k] for k in sample])
    return base.read_each(((str(f), ClipFolder(path, f, layout)) for f in folders), _read_clip)


def _detect_layout(folders: list[Path]) -> pose_layout.PoseLayout:
    poses = []
    for folder in folders:
        try:
            poses.append(clip_files.parse_pose(safe_read.read_bytes(folder / clip_files.POSE)))
        except DataError:
            # It is named when its turn comes.
            continue
    return pose_layout.detect_layout(poses)


def _read_clip(clip: ClipFolder) -> Clip:
    folder = clip.folder
    try:
        pose = read_pose_json(folder / clip_files.POSE, clip.layout)
    except InvalidFileError as error:
        raise InvalidFileError(f"{clip_files.POSE}: {error}") from None
    text, gloss = (file_names.read_text_beside(folder / name) for name in (clip_files.TEXT, clip_files.GLOSS))
    sid, split = file_names.parse_sid(folder.name), file_names.find_split(clip.root, folder)
    pose = dataclasses.replace(pose, text=text, gloss=gloss, sid=sid, split=split)
    return pose.add_warning(CONFIDENCE) if clip.layout.third == "confidence" else pose


def read_pose_json(path: Path, layout: pose_layout.PoseLayout | None = None) -> Clip:
    """The clip of a pose.json, whatever the file is called; its name is that of the file.

    Args:
      path: the file.
      layout: what the third value is and which hand comes first; None finds it out from this clip alone.

    Raises:
      InvalidFileError: it cannot be read, or is not in this format.
    """
    data = safe_read.read_bytes(path)
    raw = clip_files.parse_pose(data)
    layout = layout or pose_layout.detect_layout([raw])
    points, valid = pose_layout.apply_layout(raw, layout)
    # This clip has no face, whatever the others of its set have.
    if not valid[:, FACE].any():
        points, valid = points[:, :NUM_JOINTS], valid[:, :NUM_JOINTS]
    content = safe_read.parse_json(data)
    fps, signer = read_rate_and_signer(content)
    source = content.get("source")
    return Clip(
        points,
        valid,
        fps=fps,
        sid=path.stem,
        signer=signer,
        language=clip_files.parse_label(content.get("language")),
        source=source if isinstance(source, str) else None,
        segment=clip_files.parse_segment(content.get("segment"), len(points)),
    )
