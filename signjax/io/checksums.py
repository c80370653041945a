"""Checksums of the files of a folder: written when the folder is complete, compared before it is used.

Checkpoints, and runs that were exported to be shared, have a file SHA256SUMS, which can also be compared with
the command `sha256sum -c SHA256SUMS`. Packed data sets have faster checksums (signjax.data.pack_files).
"""

import hashlib
import pathlib
import re
from collections.abc import Callable, Mapping

from signjax.io import safe_read

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
    """
    folder = pathlib.Path(folder)
    try:
        recorded = _parse_lines(safe_read.read_bytes(folder / FILE).decode(errors="replace"))
        # Also without a single line: an empty list would agree with a folder that lost all its files.
        if not recorded:
            return f"{FILE} is corrupt"
        files = _list_files(folder)
        if extra_files:
            files = {name: files[name] for name in recorded if name in files}
        changed = find_changed_file(recorded, files, _compute_sha256)
    except safe_read.InvalidFileError as e:
        return f"{FILE} cannot be read ({e})"
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
    """The steps of the checkpoints in `root`: its folders whose names are numbers, without empty ones."""
    # "007" is no name that training gives, and would lead to another folder when it is a number.
    folders = [p for p in root.iterdir() if re.fullmatch(r"0|[1-9]\d*", p.name)] if root.is_dir() else []
    return [int(p.name) for p in folders if p.is_dir() and any(p.iterdir())]


def find_newest_intact(root: pathlib.Path) -> tuple[int | None, list[str]]:
    """The newest step in `root` whose files agree with their checksums, and what is wrong with newer ones.

    Returns:
      (step, messages): step is None if no step is intact; a message is a line for each corrupt step.
    """
    corrupt: dict[int, str] = {}
    # Steps are listed again each time: a training that runs meanwhile writes new ones and deletes old ones.
    while remaining := [s for s in list_steps(root) if s not in corrupt]:
        step = max(remaining)
        corruption = find_corruption(root / str(step))
        if corruption is None:
            return step, [line for s, line in corrupt.items() if s > step]
        corrupt[step] = f"{root / str(step)} is corrupt: {corruption}"
    return None, list(corrupt.values())


def _list_files(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """{name in the folder: path} of all files below a folder, without its checksums."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path for name, path in paths.items() if name != FILE}


def _compute_sha256(path: pathlib.Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _format_lines(sums: Mapping[str, str]) -> str:
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))


def _parse_lines(text: str) -> dict[str, str] | None:
    """{name: checksum} of the lines of a SHA256SUMS; None unless `_format_lines` writes the same text."""
    # Formatted again and compared: so a changed bit of the file itself is noticed, in whichever line.
    sums = {name: checksum for checksum, name in _LINE.findall(text)}
    return sums if _format_lines(sums) == text else None
