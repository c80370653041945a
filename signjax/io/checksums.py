"""Checksums of a folder: written once it is whole, compared before it is trusted.

They are in its file SHA256SUMS, which the command `sha256sum -c SHA256SUMS` understands, too.
"""

import hashlib
import pathlib
import re

from signjax.io import safe_read

NAME = "SHA256SUMS"


def seal(folder) -> None:
    """Writes the checksums of all files of a folder."""
    folder = pathlib.Path(folder)
    # Not by signjax.io.atomic: the folder gets its name only when this is written.
    (folder / NAME).write_text("".join(_lines(folder)))


def fault(folder, others: bool = False) -> str | None:
    """What is wrong with a sealed folder: "<file> ..."; None if every file is as it was when sealed.

    Any change counts, of the checksums' file, too: a bit, a length, a file more or less.

    Args:
      folder: that was sealed.
      others: whether files that have no checksum may lie beside those that have.
    """
    folder = pathlib.Path(folder)
    try:
        sealed = safe_read.read(folder / NAME)
        said = sealed.decode(errors="replace").splitlines(keepends=True)
        lines = _lines(folder, {line[66:].rstrip("\n") for line in said} if others else None)
    except safe_read.InvalidFileError as e:
        return f"{NAME} cannot be read ({e})"
    except OSError as e:
        return f"{pathlib.Path(e.filename).name} cannot be read ({e.strerror})"
    if "".join(lines).encode() == sealed and lines:
        return None
    names = sorted(line[66:].strip() for line in set(lines) ^ set(said)) or [NAME]
    return f"{names[0]} is not as {NAME} says"


def sums(files: dict[str, bytes]) -> bytes:
    """What `seal` would write into a folder of these files."""
    return "".join(_line(hashlib.sha256(files[name]), name) for name in sorted(files)).encode()


def steps(root: pathlib.Path) -> list[int]:
    """The folders in `root` that have a number for a name; an empty one does not count."""
    found = [p for p in root.iterdir() if re.fullmatch(r"0|[1-9]\d*", p.name)] if root.is_dir() else []
    return [int(p.name) for p in found if p.is_dir() and any(p.iterdir())]


def newest(root: pathlib.Path) -> tuple[int | None, list[str]]:
    """The last of a folder's `steps` that is as it was sealed, None if none is; faults of later ones."""
    faults: dict[int, str] = {}
    while left := [s for s in steps(root) if s not in faults]:  # looks again: training deletes old ones
        step = max(left)
        wrong = fault(root / str(step))
        if wrong is None:
            return step, [line for s, line in faults.items() if s > step]
        faults[step] = f"{root / str(step)} is damaged: {wrong}"
    return None, list(faults.values())


def _lines(folder: pathlib.Path, only=None) -> list[str]:
    """A line for each file below a folder, by name, as the sha256sum command writes them; `only` some."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return [_line(_digest(folder / n), n) for n in names if n != NAME and (only is None or n in only)]


def _line(digest, name: str) -> str:
    return f"{digest.hexdigest()}  {name}\n"


def _digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256")
