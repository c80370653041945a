"""Clips with one file for each frame: the files of a clip, its name and its text."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from signjax.data.formats import file_names, frame_numbers
from signjax.pose.clip import Clip


class FrameFiles(NamedTuple):
    """The files of a clip."""

    root: Path  # what is read
    folder: Path  # where they lie
    name: str  # of the clip
    files: list[Path]
    numbers: list[int]  # of the files, rising


def group_files(root: Path, ending: str) -> Iterator[tuple[str, FrameFiles]]:
    """The files of each clip in a folder and all below, with what messages call it."""
    # Files come folder by folder: names and numbers of one folder are compared, never those of all.
    for folder, files in itertools.groupby(file_names.list_files(root, ending), lambda file: file.parent):
        listed = list(files)
        clips = frame_numbers.group_by_clip([file.name[: -len(ending)] for file in listed])
        for prefix, indices, numbers in clips:
            # A folder of one clip names it; the files' own names are often those of the video's encoding.
            alone = len(clips) == 1
            label = str(folder if alone else folder / prefix)
            name = file_names.name_folder(root, folder) if alone else prefix
            yield label, FrameFiles(root, folder, name, [listed[k] for k in indices], numbers)


def name_clip(frames: FrameFiles, clip: Clip) -> Clip:
    """The clip with the name, texts and split that its folder says."""
    text, gloss = (_read_text(frames, name) for name in ("text.txt", "gloss.txt"))
    sid, split = file_names.parse_sid(frames.name), file_names.find_split(frames.root, frames.folder)
    return dataclasses.replace(clip, text=text, gloss=gloss, sid=sid, split=split)


def _read_text(frames: FrameFiles, file_name: str) -> str:
    """The text beside the frames, or, where the folder above names the clip, beside their folder."""
    # Above a folder of several numbered clips, a text would be that of all of them.
    named_above = frames.name == frames.folder.absolute().parent.name
    folders = [frames.folder, frames.folder.parent] if named_above else [frames.folder]
    texts = (file_names.read_text_beside(folder / file_name) for folder in folders)
    return next(filter(None, texts), "")


def list_clips(
    root: Path, ending: str, are_frames: Callable[[list[Path]], bool]
) -> Iterator[tuple[str, Path | FrameFiles]]:
    """The files of clips, and the files of frames of those clips that have one for each.

    Args:
      root: the folder, with all below it, or one file.
      ending: of the files.
      are_frames: whether numbered files hold one frame each; it looks into them.

    Yields:
      (what messages call the clip, its file or its files).
    """
    # Names alone do not tell: clips are numbered as often as frames.
    for label, frames in group_files(root, ending):
        if len(frames.files) > 1 and are_frames(frames.files):
            yield label, frames
        else:
            yield from ((str(file), file) for file in frames.files)
