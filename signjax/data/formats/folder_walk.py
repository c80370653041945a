"""Lists the files of a folder and its subfolders, and what cannot be reached."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# What macOS packs beside the files of an archive: a "._" file for each, with the same ending.
IGNORED = "__MACOSX"


@dataclass
class WalkNotes:
    """What a walk met beside files."""

    unreadable: list[str] = field(default_factory=list)  # folders, with the reason
    followed: list[str] = field(default_factory=list)  # links to folders
    loops: list[str] = field(default_factory=list)  # links to a folder above them, and those met before
    broken: list[str] = field(default_factory=list)  # links to nothing


def walk_folders(path: Path, notes: WalkNotes) -> Iterator[tuple[Path, list[str]]]:
    """Each folder, from `path` down, and the names of its files, in order.

    Names that begin with a dot and `__MACOSX` are left out. Links to folders are followed, each link once,
    and none to a folder above it.

    Args:
      path: the folder.
      notes: what cannot be walked is added there.
    """
    pending, links, root = [path], set(), os.path.realpath(path)
    while pending:
        folder = pending.pop()
        subfolders, names = [], []
        for entry in _list_entries(folder, notes):
            is_link = entry.is_symlink()
            if is_link and not os.path.exists(entry.path):
                notes.broken.append(entry.path)
            elif not os.path.isdir(entry.path) if is_link else not entry.is_dir():
                names.append(entry.name)
            elif not is_link or _follows_link(entry, root, links, notes):
                subfolders.append(Path(entry.path))
        yield folder, names
        pending += reversed(subfolders)


def _list_entries(folder: Path, notes: WalkNotes) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            shown = [e for e in entries if not e.name.startswith(".") and e.name != IGNORED]
    except OSError as error:
        notes.unreadable.append(f"{folder} ({error.strerror})")
        return []
    return sorted(shown, key=lambda entry: entry.name)


def _follows_link(entry: os.DirEntry, root: str, links: set, notes: WalkNotes) -> bool:
    status = entry.stat(follow_symlinks=False)
    place, target = (os.path.realpath(p) for p in (os.path.dirname(entry.path), entry.path))
    is_loop = any(os.path.commonpath([folder, target]) == target for folder in (place, root))
    # Links of two folders to each other make endless paths without a loop in any of them.
    if is_loop or (status.st_dev, status.st_ino) in links:
        notes.loops.append(entry.path)
        return False
    links.add((status.st_dev, status.st_ino))
    notes.followed.append(entry.path)
    return True


def inspect_folders(path: Path) -> WalkNotes:
    """What a walk of all folders below `path` meets beside files."""
    notes = WalkNotes()
    if path.is_dir():
        for _ in walk_folders(path, notes):
            pass
    return notes
