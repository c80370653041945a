"""Tables with the texts of clips: tab, comma or bar between columns, whose first line names them."""

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
REQUIRED = ("clip", "text")  # the first of COLUMNS
ENDINGS = ("pose", "mp4", "json", "npy", "skels", "avi", "mov")  # of clips' names in tables


class Row(NamedTuple):
    """What a table says of a clip; "" where it says nothing."""

    text: str
    split: str
    signer: str
    source: str
    fps: str


def find_table(path: Path, name: str | None) -> Path | None:
    """The table that a user named, or the one that lies with the clips; None if there is none."""
    if name:
        return Path(name)
    # As signjax.tools.import_poses documents it, and as many data sets come.
    folder = path if path.is_dir() else path.parent
    return next((folder / table_name for table_name in NAMES if (folder / table_name).is_file()), None)


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
    # A tab or bar in the header decides: sentences have commas, headers of tab-separated tables have none.
    header = lines[0] if lines else ""
    delimiter = next((delimiter for delimiter in "\t|" if delimiter in header), ",")
    # Between tabs and bars a quotation mark is part of the text; only commas need quoting.
    quoting = csv.QUOTE_MINIMAL if delimiter == "," else csv.QUOTE_NONE
    table = csv.reader(io.StringIO("\n".join(lines[1:])), delimiter=delimiter, quoting=quoting)
    columns = _find_columns([name.strip().lower() for name in header.split(delimiter)])
    rows: dict[str, Row] = {}
    try:
        for cells in filter(None, table):
            clip, *values = (cells[k].strip() if k is not None and k < len(cells) else "" for k in columns)
            line, sid = f"line {table.line_num + 1}", _strip_name(clip)
            if sid in rows:
                raise InvalidFileError(f"{line}: clip {sid[:80]!r} is in it twice")
            if len(values[0].encode()) > MAX_BYTES[TEXT]:
                raise InvalidFileError(f"{line}: its text has more than {MAX_BYTES[TEXT]:,} bytes")
            rows[sid] = Row(*values)
    except csv.Error as error:
        raise InvalidFileError(f"line {table.line_num + 1}: {safe_read.describe_error(error)}") from None
    return rows


def _find_columns(header: list[str]) -> list[int | None]:
    """The numbers of the columns of COLUMNS, None for those that are not there."""
    columns = [next((header.index(n) for n in names if n in header), None) for names in COLUMNS.values()]
    for name, column in zip(REQUIRED, columns, strict=False):
        if column is None:
            listed = ", ".join(header)[:80]
            raise InvalidFileError(f"has no column {' or '.join(COLUMNS[name])} (its first line: {listed})")
    return columns


def _strip_name(clip: str) -> str:
    """A clip's name without folders and the endings of videos and poses."""
    name = clip.rpartition("/")[2]
    base, _, ending = name.rpartition(".")
    return base if base and ending.lower() in ENDINGS else name


def parse_row_split(row: Row) -> str | None:
    """The split that a row says, None if it says none.

    Raises:
      InvalidFileError: it is none of train, dev and test.
    """
    if row.split and not file_names.parse_split(row.split):
        raise InvalidFileError(f"its split is {row.split[:40]!r}; give train, dev or test")
    return file_names.parse_split(row.split)


def parse_row_fps(row: Row) -> float | None:
    """The frame rate that a row says, None if it says none.

    Raises:
      InvalidFileError: it is no rate.
    """
    try:
        fps = float(row.fps) if row.fps else None
    except ValueError:
        # No number is no rate, and is refused below with those out of range.
        fps = 0.0
    if fps is not None and not 0 < fps < 1000:
        raise InvalidFileError(f"its fps is {row.fps[:40]!r}; give frames per second")
    return fps
