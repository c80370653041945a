"""Names that files and folders give: which clip it is, which split, the text beside it."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from signjax.data import clip_files
from signjax.io import safe_read
from signjax.io.safe_read import InvalidFileError

SPLITS = {"train": "train", "training": "train", "dev": "dev", "val": "dev", "valid": "dev"}
SPLITS |= {"validation": "dev", "test": "test", "testing": "test"}
LONGEST = 200  # bytes of a folder's name


def list_files(path: Path, *endings: str) -> Iterator[Path]:
    """The files with one of these endings in a folder and all below, in order; or the file itself."""
    if path.is_file():
        yield path
        return
    for folder, below, held in os.walk(path):
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(held) if name.lower().endswith(endings))


def parse_sid(name: str | Path) -> str:
    """The name of a clip: the last part of a path without its ending.

    Raises:
      InvalidFileError: it cannot be the name of a folder of clips.
    """
    found = name.stem if isinstance(name, Path) else name.strip().rpartition("/")[2]
    if not found or found.startswith(".") or not found.isprintable() or "\\" in found:
        raise InvalidFileError(f"its name {found[:40]!r} cannot name a folder; give it another")
    if len(os.fsencode(found)) > LONGEST:
        raise InvalidFileError(
            f"its name {found[:40]!r}... has more than {LONGEST} bytes; give it a shorter one"
        )
    return found


def find_split(root: Path, path: Path) -> str | None:
    """The split that one of the folders from root to a clip says, the nearest first; None if none does."""
    base = root.parent if path == root else root
    parts = (base.absolute().name, *path.relative_to(base).parts[:-1])
    return next((found for part in reversed(parts) if (found := parse_split(part))), None)


def parse_split(name: str) -> str | None:
    """The split whose name another name begins with, as in train_2D_keypoints, else None."""
    return SPLITS.get(re.match("[a-z]*", name.lower())[0])


def read_text_beside(path: Path) -> str:
    """The text in a .txt file of the same name beside a file, "" if there is none."""
    try:
        return clip_files.parse_text(
            safe_read.read_bytes(path.with_suffix(".txt"), clip_files.MAX_BYTES[clip_files.TEXT])
        )
    except safe_read.MissingFileError:
        return ""
    except InvalidFileError as error:
        raise InvalidFileError(f"{path.stem}.txt {error}") from None
