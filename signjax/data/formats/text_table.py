"""Tables with the texts of clips; signjax.data.formats.table_cells reads their cells."""

from pathlib import Path
from typing import NamedTuple

from signjax.data.clip_files import MAX_BYTES, MAX_LABEL, TEXT, parse_label, parse_rate
from signjax.data.formats import file_names, table_cells
from signjax.errors import DataError, closest_match
from signjax.io import safe_read
from signjax.io.safe_read import InvalidFileError

NAMES = ("index.tsv", "index.csv")  # looked for beside the clips
# Names of columns, lower-case; the first that is there counts. Those of How2Sign and PHOENIX are among them.
COLUMNS = {
    "clip": ("clip", "sid", "sentence_name", "sequence_id", "name", "id", "path", "file"),
    "text": ("text", "sentence", "translation", "words", "phrase", "sign"),
    "gloss": ("gloss", "glosses", "orth"),
    "split": ("split",),
    "signer": ("signer", "speaker", "signer_id", "participant_id"),
    "language": ("language", "sign_language", "lang"),
    "source": ("source", "video_name", "video_id", "video"),
    "fps": ("fps",),
}
REQUIRED = ("clip", "text")


class Row(NamedTuple):
    """What a table says of a clip; "" where it says nothing."""

    text: str
    gloss: str
    split: str
    signer: str
    language: str
    source: str
    fps: str


class TextTable(NamedTuple):
    """A table of texts."""

    path: Path
    rows: dict[str, Row]  # by signjax.data.formats.file_names.parse_listed_name of the clips' names
    columns: dict[str, str]  # the column, as the table calls it, of each of COLUMNS that it has
    unused_texts: list[str]  # columns that could have been the text

    def find_row(self, sid: str) -> Row | None:
        """The row of a clip, None if there is none."""
        return self.rows.get(file_names.parse_listed_name(sid))


def find_table(path: Path, name: str | None) -> Path | None:
    """The table that a user named, or the one that lies with the clips; None if there is none."""
    if name:
        return Path(name)
    # As signjax.tools.import_poses documents it, and as many data sets come.
    folder = path if path.is_dir() else path.parent
    return next((folder / table_name for table_name in NAMES if (folder / table_name).is_file()), None)


def read_table(path: Path, text_column: str | None = None, gloss_column: str | None = None) -> TextTable:
    """Reads a table; clips' names are taken without folders and endings.

    Args:
      path: the file.
      text_column: the column of the texts, upper and lower case alike; None takes the first of COLUMNS.
      gloss_column: the same for glosses.

    Raises:
      DataError: it cannot be read, lacks a column, or a clip is in it twice; names the file and the line.
    """
    try:
        table_rows = table_cells.read_rows(safe_read.read_bytes(path))
        header = next(table_rows).cells
        numbers = _find_columns(header, {"text": text_column, "gloss": gloss_column})
        rows = _parse_rows(table_rows, numbers)
    except InvalidFileError as error:
        raise DataError(f"{path}: {error}") from None
    columns = {field: header[number] for field, number in numbers.items()}
    others = [header[number] for number in _list_text_columns(header) if number != numbers["text"]]
    return TextTable(path, rows, columns, [] if text_column else others)


def _parse_rows(table_rows, numbers: dict[str, int]) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for line, cells in table_rows:
        clip = cells[numbers["clip"]]
        row = Row(*(cells[numbers[field]] if field in numbers else "" for field in Row._fields))
        key = file_names.parse_listed_name(clip)
        if key in rows:
            raise InvalidFileError(f"line {line}: clip {key[:80]!r} is in it twice")
        for field, text in (("text", row.text), ("gloss", row.gloss)):
            if len(text.encode()) > MAX_BYTES[TEXT]:
                raise InvalidFileError(f"line {line}: its {field} has more than {MAX_BYTES[TEXT]:,} bytes")
        rows[key] = row
    return rows


def _find_columns(header: list[str], wanted: dict[str, str | None]) -> dict[str, int]:
    """The numbers of the columns of COLUMNS that a table has; `wanted` has names that a user chose."""
    names = [name.strip().casefold() for name in header]
    numbers = {}
    for field, known in COLUMNS.items():
        if name := wanted.get(field):
            numbers[field] = _find_wanted(names, header, field, name)
        elif known_name := next((known_name for known_name in known if known_name in names), None):
            numbers[field] = names.index(known_name)
    # Data sets of single signs have nothing but a gloss.
    if "text" not in numbers and "gloss" in numbers:
        numbers["text"] = numbers["gloss"]
    for field in REQUIRED:
        if field not in numbers:
            known = " or ".join(COLUMNS[field])
            advice = "; name it with --text_column" if field == "text" else ""
            listed = ", ".join(header)[:80]
            raise InvalidFileError(f"has no column {known} (its first line: {listed}){advice}")
    for field, number in numbers.items():
        if names.count(names[number]) > 1:
            raise InvalidFileError(f"has two columns {header[number]!r} for the {field}; rename one of them")
    return numbers


def _find_wanted(names: list[str], header: list[str], field: str, name: str) -> int:
    key = name.strip().casefold()
    if key in names:
        return names.index(key)
    match = closest_match(name, header)
    suggestion = f"did you mean {match!r}? " if match else ""
    listed = ", ".join(header)[:80]
    raise InvalidFileError(f"has no column {name!r}, --{field}_column; {suggestion}It has {listed}")


def _list_text_columns(header: list[str]) -> list[int]:
    names = [name.strip().casefold() for name in header]
    return [names.index(name) for name in COLUMNS["text"] if name in names]


def parse_row_split(row: Row) -> str | None:
    """The split that a row says, None if it says none.

    Raises:
      InvalidFileError: it is none of train, dev and test.
    """
    if row.split and not file_names.parse_split(row.split):
        raise InvalidFileError(f"its split is {row.split[:40]!r}; give train, dev or test")
    return file_names.parse_split(row.split)


def parse_row_label(row: Row, field: str) -> str | None:
    """The signer or the language that a row says, None if it says none.

    Raises:
      InvalidFileError: it is no name, or a long one.
    """
    value = getattr(row, field)
    label = parse_label(value)
    if value and label is None:
        advice = f"give a name of {MAX_LABEL} characters at most"
        raise InvalidFileError(f"its {field} is {value[:40]!r}; {advice}")
    return label


def parse_row_fps(row: Row) -> float | None:
    """The frame rate that a row says, None if it says none.

    Raises:
      InvalidFileError: it is no rate.
    """
    # Spreadsheets of many countries write a comma in numbers.
    fps = parse_rate(row.fps.replace(",", "."))
    if row.fps and fps is None:
        raise InvalidFileError(f"its fps is {row.fps[:40]!r}; give frames per second")
    return fps
