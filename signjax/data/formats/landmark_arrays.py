"""Arrays of landmarks as .npy files: one clip per file, one frame per file, or many clips in one file.

    <clip>.npy                        [T, 75, 3], [T, 543, 3], [T, 258] and others (array_layouts), SLRTP's
    <word>/<recording>/<frame>.npy    [258] or [1662], the much copied layout of a tutorial
    <name>.npy, <name>_index.csv      see signjax.data.formats.stacked_arrays

A `<clip>.meta.json` beside a clip may say `fps`, `width` and `height`. The word that names a folder is the
text of its clips, unless a text is given in another way.
"""

import dataclasses
import functools
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax.data.formats import array_layouts, base, file_names, frame_numbers, slrtp, stacked_arrays
from signjax.data.formats.base import UnreadableClip
from signjax.io import safe_numpy, safe_read
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip

ENDING = ".npy"
MAX_FRAME_BYTES = 1 << 16
# Kept apart from other warnings: a table of texts makes it void, see signjax.data.import_poses.
WORD_OF_FOLDER = "the name of the folder was taken as the text"


class Recording(NamedTuple):
    """The files of a clip."""

    root: Path  # what is read
    files: tuple[Path, ...]  # one, or one for each frame
    name: str  # of the clip
    word: str = ""  # what the folder above it is called, if that names a word
    numbers: tuple[int, ...] = ()  # of the frames, if each has a file


def read_clips(path: Path, size: tuple[int, int] | None = None) -> Iterator[Clip | UnreadableClip]:
    """The clips of all .npy files in a folder and those below, or of one file.

    Args:
      path: the folder or file.
      size: width and height of the picture, where files do not say.
    """
    read_one = functools.partial(_read_recording, size=size)
    has_words = _has_word_folders(path)
    for folder, files in itertools.groupby(file_names.list_files(path, ENDING), lambda file: file.parent):
        listed = tuple(files)
        if _are_frames(listed):
            yield from base.read_each(_group_frames(path, folder, listed), read_one)
            continue
        word = _name_word(folder) if has_words and folder != path else ""
        tables = {file: table for file in listed if (table := stacked_arrays.find_table(file))}
        for file in listed:
            if file in tables:
                # Two lexicons have the same words.
                prefix = f"{stacked_arrays.name_stack(file)}_" if len(tables) > 1 else ""
                yield from stacked_arrays.read_stack(file, tables[file], size, prefix)
            else:
                # Recordings of each word are numbered from 0.
                name = f"{word}_{file.stem}" if word and file.stem.isdecimal() else file.stem
                yield from base.read_each([(str(file), Recording(path, (file,), name, word))], read_one)


def _group_frames(root: Path, folder: Path, files: tuple[Path, ...]) -> Iterator[tuple[str, Recording]]:
    """The clips whose frames lie in a folder, with what messages call them."""
    clips = frame_numbers.group_by_clip([file.stem for file in files])
    for clip in clips:
        alone = len(clips) == 1
        name, word = (
            (file_names.name_folder(root, folder), folder.absolute().parent) if alone else (clip.name, folder)
        )
        frames = tuple(files[index] for index in clip.indices)
        recording = Recording(root, frames, name, _name_word(word), tuple(clip.numbers))
        yield str(folder if alone else folder / clip.name), recording


def _name_word(folder: Path) -> str:
    # Folders of splits are no words.
    name = folder.absolute().name
    return "" if file_names.parse_split(name) else name


def _has_word_folders(root: Path) -> bool:
    """Whether clips lie in several folders: one folder is named after the data, not after a word."""
    parents = (file.parent for file in file_names.list_files(root, ENDING))
    others = (p for p, _ in itertools.groupby(parents) if p != root and not file_names.parse_split(p.name))
    return len(list(itertools.islice(others, 2))) == 2


def _are_frames(files: tuple[Path, ...]) -> bool:
    """Whether the files of a folder are frames of one clip; the first that can be read speaks for all."""
    for file in files[:8]:
        try:
            return array_layouts.is_frame(safe_numpy.map_array(file).shape)
        except InvalidFileError:
            continue
    return False


def _read_recording(recording: Recording, size: tuple[int, int] | None) -> Clip:
    root, files, name, word, numbers = recording
    clip = _read_frames(files, numbers, size) if numbers else _read_file(files[0], size)
    place = files[0].parent if numbers else files[0]
    text = file_names.read_text_beside(place)
    split = file_names.find_split(root, place)
    clip = dataclasses.replace(clip, text=text or word, sid=file_names.parse_sid(name), split=split)
    return clip if text or not word else clip.add_warning(WORD_OF_FOLDER, word)


def _read_file(path: Path, size: tuple[int, int] | None) -> Clip:
    values = safe_numpy.read_array(path, slrtp.MAX_BYTES)
    if slrtp.is_slrtp(values):
        return slrtp.convert_clip(values)
    return array_layouts.make_clip(values, _read_meta(path), size)


def _read_meta(path: Path) -> dict:
    beside = path.with_suffix(".meta.json")
    try:
        return safe_read.read_json(beside)
    except safe_read.MissingFileError:
        return {}
    except InvalidFileError as error:
        raise InvalidFileError(f"{beside.name} {error}") from None


def _read_frames(files: tuple[Path, ...], numbers: tuple[int, ...], size: tuple[int, int] | None) -> Clip:
    """The clip of frames in files, in the order of their numbers."""
    if len(files) > base.MAX_FRAMES:
        raise InvalidFileError(f"has {len(files):,} frames; 1 to {base.MAX_FRAMES:,} can be read")
    frames = [_read_frame(file) for file in files]
    for file, frame in zip(files, frames, strict=True):
        if len(frame) != len(frames[0]):
            raise InvalidFileError(f"{file.name}: has {len(frame)} numbers, others {len(frames[0])}")
    # Zeros are points that were not seen: a number that is left out is a frame that shows nobody.
    places, warnings = frame_numbers.place_frames(numbers)
    values = frame_numbers.fill_gaps(np.stack(frames), places)
    clip = array_layouts.make_clip(values, {}, size)
    return dataclasses.replace(clip, warnings=(*clip.warnings, *warnings))


def _read_frame(file: Path) -> np.ndarray:
    try:
        frame = safe_numpy.read_array(file, MAX_FRAME_BYTES)
        if not array_layouts.is_frame(frame.shape) or frame.dtype.kind not in "fiu":
            raise InvalidFileError(f"is {frame.dtype} {list(frame.shape)}, not the numbers of a frame")
    except InvalidFileError as error:
        raise InvalidFileError(f"{file.name}: {error}") from None
    return frame
