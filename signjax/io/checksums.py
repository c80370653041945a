"""Checksums of the files of a folder: written when the folder is complete, compared before it is used.

Checkpoints, and runs that were exported to be shared, have a file SHA256SUMS, which can also be compared with
the command `sha256sum -c SHA256SUMS`. Packed data sets have faster checksums (signjax.data.pack_files).
"""

import hashlib
import os
import pathlib
import re
from collections.abc import Callable, Mapping

from signjax.errors import StorageError
from signjax.io import machine_errors, safe_read

FILE = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)\n")  # as the command writes it


def write_checksums(folder) -> None:
    """Writes the checksums of all files of a folder."""
    sums = {name: _compute_sha256(path) for name, path in _list_files(pathlib.Path(folder)).items()}
    # Not with signjax.io.atomic: the folder itself is renamed afterwards, so none is seen without this file.
    pathlib.Path(folder, FILE).write_text(_format_lines(sums))


def format_checksums(files: dict[str, bytes]) -> bytes:
    """The SHA256SUMS of a folder with these files, {name in it: content}, before they are written."""
    return _format_lines({name: hashlib.sha256(files[name]).hexdigest() for name in files}).encode()


def find_corruption(folder, extra_files: bool = False) -> str | None:
    """What is wrong with a folder that has checksums, "<file> ..."; None if every file is unchanged.

    Any change counts, also of SHA256SUMS itself: a bit, a length, a file too many or too few.

    Args:
      folder: one that `write_checksums` was called with.
      extra_files: whether there may be more files, without a checksum.

    Raises:
      StorageError: a file cannot be read now, so that nothing is known about it.
    """
    folder = pathlib.Path(folder)
    try:
        with machine_errors.convert_unreadable(folder / FILE):
            recorded = _parse_lines(safe_read.read_bytes(folder / FILE).decode(errors="replace"))
        # Also without a single line: an empty list would agree with a folder that lost all its files.
        if not recorded:
            return f"{FILE} is corrupt"
        with machine_errors.convert_unreadable(folder):
            files = _list_files(folder)
            if extra_files:
                files = {name: files[name] for name in recorded if name in files}
            changed = find_changed_file(recorded, files, _compute_sha256)
    except safe_read.InvalidFileError as e:
        return f"{FILE} cannot be read ({e})"
    # A file that was there when the folder was listed.
    except OSError as e:
        return f"{pathlib.Path(e.filename or folder).name} cannot be read ({e.strerror})"
    return f"{changed} does not agree with {FILE}" if changed else None


def find_changed_file(
    recorded: Mapping[str, object],
    files: Mapping[str, pathlib.Path],
    compute: Callable[[pathlib.Path], object],
) -> str | None:
    """The name of the first file that is missing, is new or has another checksum; None if there is none.

    Args:
      recorded: {name: checksum} of the files as they were.
      files: {name: path} of the files that exist.
      compute: path -> checksum.
    """
    # Only paths of `files` are opened: `recorded` may come from a stranger, and a name in it lead anywhere.
    for name in sorted(recorded.keys() | files.keys()):
        if name not in files or name not in recorded or compute(files[name]) != recorded[name]:
            return name
    return None


def list_steps(root: pathlib.Path) -> list[int]:
    """The steps of the checkpoints in `root`: its folders whose names are numbers, without empty ones.

    Raises:
      StorageError: a folder cannot be read now.
    """
    # "007" is no name that training gives, and would lead to another folder when it is a number.
    with machine_errors.convert_unreadable(root):
        names = [name for name in _list_names(root) if re.fullmatch(r"0|[1-9]\d*", name)]
        return [int(name) for name in names if _list_names(root / name)]


def find_newest_intact(root: pathlib.Path) -> tuple[int | None, dict[int, str]]:
    """The newest step in `root` whose files agree with their checksums, and what is wrong with newer ones.

    Returns:
      (step, {newer step: a line}): step is None if no step is intact.

    Raises:
      StorageError: a file of a newer step, or of this one, cannot be read now.
    """
    corrupt: dict[int, str] = {}
    # Steps are listed again each time: a training that runs meanwhile writes new ones and deletes old ones.
    while remaining := [s for s in list_steps(root) if s not in corrupt]:
        step = max(remaining)
        try:
            corruption = find_step_corruption(root, step)
        except FileNotFoundError:
            continue
        if corruption is None:
            return step, {s: line for s, line in corrupt.items() if s > step}
        corrupt[step] = f"{root / str(step)} is corrupt: {corruption}"
    return None, corrupt


def find_step_corruption(root: pathlib.Path, step: int) -> str | None:
    """As `find_corruption`, for a step in `root` that a training may delete meanwhile.

    Raises:
      FileNotFoundError: it was deleted while it could not be read.
      StorageError: it is still there, and a file cannot be read now.
    """
    try:
        return find_corruption(root / str(step))
    except StorageError as error:
        # Servers say "stale file handle" of what has been deleted.
        if step in list_steps(root):
            raise
        raise FileNotFoundError(str(error)) from error


def _list_names(folder: pathlib.Path) -> list[str]:
    """The names in a folder; none if it is not there, or no folder."""
    try:
        return os.listdir(folder)
    except OSError as error:
        if safe_read.is_unreadable(error):
            raise
        return []


def _list_files(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """{name in the folder: path} of all files below a folder, without its checksums."""
    files, folders = {}, [folder]
    # Not by pathlib's rglob or os.walk: they pass over folders that cannot be read, whose files would seem to
    # be missing.
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                path = pathlib.Path(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(path)
                elif path.is_file():
                    files[path.relative_to(folder).as_posix()] = path
    files.pop(FILE, None)
    return files


def _compute_sha256(path: pathlib.Path) -> str:
    with machine_errors.convert_unreadable(path), open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _format_lines(sums: Mapping[str, str]) -> str:
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))


def _parse_lines(text: str) -> dict[str, str] | None:
    """{name: checksum} of the lines of a SHA256SUMS; None unless `_format_lines` writes the same text."""
    # Formatted again and compared: so a changed bit of the file itself is noticed, in whichever line.
    sums = {name: checksum for checksum, name in _LINE.findall(text)}
    return sums if _format_lines(sums) == text else None
