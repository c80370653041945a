"""The clip, the split and the text that names of files and folders stand for."""

import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from signjax.data import clip_files
from signjax.data.formats.folder_walk import WalkNotes, walk_folders
from signjax.io import safe_read
from signjax.io.safe_read import InvalidFileError

SPLITS = {"train": "train", "training": "train", "dev": "dev", "val": "dev", "valid": "dev"}
SPLITS |= {"validation": "dev", "test": "test", "testing": "test"}
# Bytes of a folder's name: file systems allow 255, and endings are added to it.
MAX_NAME_BYTES = 200
# Of videos and poses, which tables and lists have behind the names of clips.
VIDEOS = "mp4 m4v mov avi mkv webm mpg mpeg mpe wmv flv f4v ts mts m2ts 3gp ogv vob asf mxf gif"
ENDINGS = {*VIDEOS.split(), "pose", "json", "npy", "npz", "skels", "parquet"}


def list_files(path: Path, *endings: str) -> Iterator[Path]:
    """The files with one of these endings in a folder and all below, in order; or the file itself."""
    if path.is_file():
        yield path
        return
    # What it cannot reach, the import tells; see signjax.data.formats.folder_walk.inspect_folders.
    for folder, names in walk_folders(path, WalkNotes()):
        yield from (folder / name for name in names if name.lower().endswith(endings))


def parse_sid(name: str | Path) -> str:
    """The name of a clip: that of its folder, or the last part of a path without its ending.

    Raises:
      InvalidFileError: it cannot be the name of a folder of clips.
    """
    # In NFC: macOS takes letters and their accents apart in names of files, and texts have them together.
    sid = unicodedata.normalize("NFC", name.stem if isinstance(name, Path) else name.strip())
    # The clip becomes a folder of this name, and its name is printed: nothing of it may lead elsewhere.
    if not sid or sid.startswith(".") or not sid.isprintable() or "\\" in sid:
        raise InvalidFileError(f"its name {sid[:40]!r} cannot name a folder; give it another")
    if len(os.fsencode(sid)) > MAX_NAME_BYTES:
        size = f"more than {MAX_NAME_BYTES} bytes"
        raise InvalidFileError(f"its name {sid[:40]!r}... has {size}; give it a shorter one")
    return sid


def name_folder(root: Path, folder: Path) -> str:
    """The name of the clip whose frames lie in a folder below root.

    A folder that is called 1 gives way to the one above it: in PHOENIX-2014, frames lie in `<clip>/1`.
    """
    name, above = folder.absolute().name, folder.absolute().parent.name
    if not name.isdecimal() or parse_split(above):
        return name
    if folder == root:
        return above
    siblings = [entry.name for entry in os.scandir(folder.parent) if entry.is_dir()]
    # Folders of clips that are numbered, right below what is read, have no better names.
    if folder.parent == root:
        return above if len(siblings) == 1 else name
    # Recordings of one word have its name, and their number tells them apart.
    alone = sum(sibling.isdecimal() for sibling in siblings) == 1
    return above if alone else f"{above}_{name}"


def parse_listed_name(name: str) -> str:
    """The name of a clip in a table or list: without folders, also those of Windows, and known endings."""
    base = unicodedata.normalize("NFC", name.strip()).replace("\\", "/").rstrip("/").rpartition("/")[2]
    # Poses of a.mp4 may be a.mp4.json.
    while (parts := base.rpartition("."))[0] and parts[2].lower() in ENDINGS:
        base = parts[0]
    return base


def find_split(root: Path, path: Path) -> str | None:
    """The split that one of the folders from root to a clip names, the nearest first; None if none does."""
    base = root.parent if path == root else root
    folders = (base.absolute().name, *path.relative_to(base).parts[:-1])
    return next((split for name in reversed(folders) if (split := parse_split(name))), None)


def parse_split(name: str) -> str | None:
    """The split whose name another name begins with, as in train_2D_keypoints, else None."""
    # Letters alone: train_2D_keypoints is train, but trainer is nothing.
    return SPLITS.get(re.match("[a-z]*", name.lower())[0])


def read_text_beside(path: Path) -> str:
    """The text in a .txt file of the same name beside a file, "" if there is none.

    Raises:
      InvalidFileError: there is one that cannot be read.
    """
    try:
        data = safe_read.read_bytes(path.with_suffix(".txt"), clip_files.MAX_BYTES[clip_files.TEXT])
        return clip_files.parse_text(data)
    except safe_read.MissingFileError:
        return ""
    except InvalidFileError as error:
        raise InvalidFileError(f"{path.stem}.txt {error}") from None
