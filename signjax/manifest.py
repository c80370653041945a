"""Checksums of a folder: written once it is whole, compared before it is trusted.

They are in its file SHA256SUMS, which the command `sha256sum -c SHA256SUMS` understands, too.
"""

import hashlib
import pathlib
import re

from signjax import inputs
from signjax.config import write_whole

NAME = "SHA256SUMS"


def seal(folder) -> None:
    """Writes the checksums of all files of a folder."""
    write_whole(pathlib.Path(folder, NAME), "".join(_lines(pathlib.Path(folder))))


def fault(folder) -> str | None:
    """What is wrong with a sealed folder: "<file> ..."; None if every file is as it was when sealed.

    Any change counts, of the checksums' file, too: a bit, a length, a file more or less.
    """
    folder = pathlib.Path(folder)
    try:
        sealed = inputs.read(folder / NAME)
        lines = _lines(folder)
    except inputs.Fault as e:
        return f"{NAME} cannot be read ({e})"
    except OSError as e:
        return f"{pathlib.Path(e.filename).name} cannot be read ({e.strerror})"
    if "".join(lines).encode() == sealed:
        return None
    wrong = set(lines) ^ set(sealed.decode(errors="replace").splitlines(keepends=True))
    names = sorted(line[66:].strip() for line in wrong) or [NAME]
    return f"{names[0]} is not as {NAME} says"


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


def _lines(folder: pathlib.Path) -> list[str]:
    """A line for each file below a folder, by name, as the sha256sum command writes them."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return [f"{_sha256(folder / name)}  {name}\n" for name in names if name != NAME]


def _sha256(path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
