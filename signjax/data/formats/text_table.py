"""Tables that say the texts of clips: tab, comma or bar between columns, whose first line names them."""

import csv
import io
from pathlib import Path
from typing import NamedTuple

from signjax.data.clip_files import MAX_BYTES, TEXT
from signjax.data.formats import file_names
from signjax.errors import DataError
from signjax.io import safe_read
from signjax.io.safe_read import InvalidFileError

NAMES = ("index.tsv", "index.csv")  # looked for beside the clips
# Names of columns, lower-case; the first that is there counts. Those of How2Sign and PHOENIX are among them.
COLUMNS = {
    "clip": ("clip", "sid", "sentence_name", "name", "id", "path", "file"),
    "text": ("text", "sentence", "translation", "words", "gloss", "glosses"),
    "split": ("split",),
    "signer": ("signer", "speaker", "signer_id"),
    "source": ("source", "video_name", "video_id", "video"),
    "fps": ("fps",),
}


class Row(NamedTuple):
    """What a table says of a clip; "" where it says nothing."""

    text: str
    split: str
    signer: str
    source: str
    fps: str


def find_table(path: Path, given: str | None) -> Path | None:
    """The table given, or the one that lies with the clips; None if there is none."""
    if given:
        return Path(given)
    folder = path if path.is_dir() else path.parent
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def read_table(path: Path) -> dict[str, Row]:
    """The rows of a table by their clips' names, which are taken without folders and endings.

    Raises:
      DataError: it cannot be read, lacks a column, or a clip is in it twice; names the file and the line.
    """
    try:
        return _parse_rows(safe_read.read_bytes(path))
    except InvalidFileError as error:
        raise DataError(f"{path}: {error}") from None


def _parse_rows(data: bytes) -> dict[str, Row]:
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InvalidFileError("is not UTF-8") from None
    header = lines[0] if lines else ""
    mark = next((mark for mark in "\t|" if mark in header), ",")
    quoting = csv.QUOTE_MINIMAL if mark == "," else csv.QUOTE_NONE
    table = csv.reader(io.StringIO("\n".join(lines[1:])), delimiter=mark, quoting=quoting)
    columns = _find_columns([name.strip().lower() for name in header.split(mark)])
    found: dict[str, Row] = {}
    try:
        for cells in filter(None, table):
            clip, *rest = (cells[k].strip() if k is not None and k < len(cells) else "" for k in columns)
            sid = _strip_name(clip)
            if sid in found:
                raise InvalidFileError(f"line {table.line_num + 1}: clip {sid[:80]!r} is in it twice")
            if len(rest[0].encode()) > MAX_BYTES[TEXT]:
                raise InvalidFileError(
                    f"line {table.line_num + 1}: its text has more than {MAX_BYTES[TEXT]:,} bytes"
                )
            found[sid] = Row(*rest)
    except csv.Error as error:
        raise InvalidFileError(f"line {table.line_num + 1}: {safe_read.describe_error(error)}") from None
    return found


def _find_columns(header: list[str]) -> list[int | None]:
    """The numbers of the columns of COLUMNS, None for those that are not there."""
    found = [
        next((header.index(name) for name in known if name in header), None) for known in COLUMNS.values()
    ]
    for name, column in zip(list(COLUMNS)[:2], found, strict=False):
        if column is None:
            there = ", ".join(header)[:80]
            raise InvalidFileError(f"has no column {' or '.join(COLUMNS[name])} (its first line: {there})")
    return found


def _strip_name(clip: str) -> str:
    """A clip's name without folders and the endings of videos and poses."""
    name = clip.rpartition("/")[2]
    base, _, ending = name.rpartition(".")
    return base if base and ending.lower() in ("pose", "mp4", "json", "npy", "skels", "avi", "mov") else name


def parse_row_split(row: Row) -> str | None:
    """The split a row says.

    Raises:
      InvalidFileError: it is none of train, dev and test.
    """
    if row.split and not file_names.parse_split(row.split):
        raise InvalidFileError(f"its split is {row.split[:40]!r}; give train, dev or test")
    return file_names.parse_split(row.split)


def parse_row_fps(row: Row) -> float | None:
    """The frame rate a row says; InvalidFileError if it is none."""
    try:
        fps = float(row.fps) if row.fps else None
    except ValueError:
        fps = 0.0
    if fps is not None and not 0 < fps < 1000:
        raise InvalidFileError(f"its fps is {row.fps[:40]!r}; give frames per second")
    return fps
