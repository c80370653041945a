"""Checksums of a folder's files, kept in one of them: written when it is whole, compared before it is used.

A run's steps, and folders that were made to be shared, have the file SHA256SUMS, which the command
`sha256sum -c SHA256SUMS` understands, too. Packed data sets have a faster kind (signjax.data.pack_files).
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
    # Not by signjax.io.atomic: the folder gets its name only when this is written.
    pathlib.Path(folder, FILE).write_text(_format_lines(sums))


def format_checksums(files: dict[str, bytes]) -> bytes:
    """What `write_checksums` would write into a folder of these files, {name in it: content}."""
    return _format_lines({name: hashlib.sha256(files[name]).hexdigest() for name in files}).encode()


def find_corruption(folder, extra_files: bool = False) -> str | None:
    """What is wrong with a folder that has checksums: "<file> ..."; None if every file is as it was.

    Any change counts, of the checksums' file, too: a bit, a length, a file more or less.

    Args:
      folder: that `write_checksums` was called with.
      extra_files: whether files without a checksum may lie beside those that have one.
    """
    folder = pathlib.Path(folder)
    try:
        recorded = _parse_lines(safe_read.read_bytes(folder / FILE).decode(errors="replace"))
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
    return f"{changed} is not as {FILE} says" if changed else None


def find_changed_file(
    recorded: Mapping[str, object],
    files: Mapping[str, pathlib.Path],
    compute: Callable[[pathlib.Path], object],
) -> str | None:
    """The name of the first file that is missing or has another checksum now; None if there is none.

    Only paths of `files` are opened: names in a record that somebody else wrote could lead anywhere.

    Args:
      recorded: the checksum of each file by its name.
      files: the paths of the files that are there.
      compute: gives a file's checksum.
    """
    for name in sorted(recorded.keys() | files.keys()):
        if name not in files or name not in recorded or compute(files[name]) != recorded[name]:
            return name
    return None


def list_steps(root: pathlib.Path) -> list[int]:
    """The folders in `root` that have a number for a name; an empty one does not count."""
    found = [p for p in root.iterdir() if re.fullmatch(r"0|[1-9]\d*", p.name)] if root.is_dir() else []
    return [int(p.name) for p in found if p.is_dir() and any(p.iterdir())]


def find_newest_intact(root: pathlib.Path) -> tuple[int | None, list[str]]:
    """The last of a folder's `list_steps` that is as it was sealed, None if none is; faults of later ones."""
    faults: dict[int, str] = {}
    while left := [s for s in list_steps(root) if s not in faults]:  # looks again: training deletes old ones
        step = max(left)
        wrong = find_corruption(root / str(step))
        if wrong is None:
            return step, [line for s, line in faults.items() if s > step]
        faults[step] = f"{root / str(step)} is damaged: {wrong}"
    return None, list(faults.values())


def _list_files(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """The files below a folder but for the checksums, by their names in it."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path for name, path in paths.items() if name != FILE}


def _compute_sha256(path: pathlib.Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _format_lines(sums: Mapping[str, str]) -> str:
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))


def _parse_lines(text: str) -> dict[str, str] | None:
    """The checksums by the names of their files; None unless the text is just what `_format_lines` writes."""
    sums = {name: checksum for checksum, name in _LINE.findall(text)}
    return sums if _format_lines(sums) == text else None
