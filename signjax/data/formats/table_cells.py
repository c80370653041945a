"""The cells of a table that are separated by tabs, bars, commas or semicolons."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from signjax.io.safe_read import InvalidFileError

# In this order the first line decides: sentences have commas, headers of tab-separated tables have none.
DELIMITERS = {"\t": "tab", "|": "bar", ",": "comma", ";": "semicolon"}
# Lines that a cell may go over. A sentence that begins with a quotation mark closes it in a later row, if at
# all, and a table of such sentences must not be searched to its end for each of them.
MAX_CELL_LINES = 100
# Excel's "Unicode text" is UTF-16; its "CSV UTF-8" begins with the mark of UTF-8.
# As Excel and LibreOffice keep tables, before 2007 and since.
WORKBOOKS = (b"\xd0\xcf\x11\xe0", b"PK\x03\x04")
ENCODINGS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_OPENING = re.compile(' *"')  # people write a comma and a space
# The rest of a quoted cell: up to the first quotation mark that is not one of two.
_CLOSING = re.compile(r'(?:[^"]++|"")*+"')


class TableRow(NamedTuple):
    """A line of a table."""

    number: int  # of the line in the file, from 1; of its first line if a cell goes over several
    cells: list[str]


def read_rows(data: bytes) -> Iterator[TableRow]:
    """The rows of a table that have anything in them; the first has the names of the columns.

    A cell that begins and ends with quotation marks is read as CSV has it, whatever the delimiter. Other
    quotation marks are characters of their cell. Each row has as many cells as the first has names.

    Raises:
      InvalidFileError: it is not UTF-8 or UTF-16, or a row has more or fewer cells; names the line.
    """
    lines = split_lines(decode_text(data))
    header_number = next((k for k, line in enumerate(lines) if line.strip()), 0)
    header = lines[header_number] if lines else ""
    # Excel understands, and some programs write, a first line that says what the delimiter is.
    if hint := re.fullmatch(r"sep=(.)\s?", header):
        delimiter, header_number = hint[1], header_number + 1
        header = lines[header_number] if header_number < len(lines) else ""
    else:
        delimiter = _find_delimiter(header)
    names = _parse_cells(header, delimiter)
    # Spreadsheets write delimiters for empty columns behind the last that was ever used.
    while names and not names[-1]:
        names.pop()
    yield TableRow(header_number + 1, names)
    for number, cells in _join_lines(lines, header_number + 1, delimiter, len(names)):
        if any(cells):
            yield TableRow(number, _check_width(cells, len(names), number, delimiter))


def decode_text(data: bytes) -> str:
    """The text of a file without the mark of its encoding; InvalidFileError if it is not UTF-8 or UTF-16."""
    if data.startswith(WORKBOOKS):
        raise InvalidFileError('is a workbook; save its sheet as "CSV UTF-8"')
    try:
        return data.decode(ENCODINGS.get(data[:2], "utf-8-sig"))
    except UnicodeDecodeError:
        # Which other encoding it is nothing says, and most of them give some text.
        raise InvalidFileError('is not UTF-8; save it as UTF-8, in Excel as "CSV UTF-8"') from None


def split_lines(text: str) -> list[str]:
    r"""The lines of a text, which end at \n, \r\n or \r."""
    # Not str.splitlines, which also ends lines at U+2028, vertical tabs and others that texts have in them.
    return re.split(r"\r\n|\n|\r", text)


def _find_delimiter(header: str) -> str:
    # A quoted name may hold anything.
    plain = re.sub(r'"[^"]*"', "", header)
    return next((delimiter for delimiter in DELIMITERS if delimiter in plain), ",")


def _join_lines(lines: list[str], first: int, delimiter: str, width: int) -> Iterator[TableRow]:
    k = first
    while k < len(lines):
        end = _find_row_end(lines, k, delimiter, width)
        yield TableRow(k + 1, _parse_cells("\n".join(lines[k:end]), delimiter))
        k = end


def _find_row_end(lines: list[str], first: int, delimiter: str, width: int) -> int:
    """The number behind the last line of the row that begins with a line."""
    end = first + 1
    while _has_open_cell("\n".join(lines[first:end]), delimiter):
        closing = _find_closing_line(lines, end, delimiter)
        if closing is None:
            return first + 1
        end = closing + 1
    # Between tabs and bars a quotation that one row opens and a later one closes is that of two sentences, if
    # its lines are whole rows. Between commas every cell with quotation marks is quoted.
    if delimiter in "\t|" and all(len(_parse_cells(line, delimiter)) == width for line in lines[first:end]):
        return first + 1
    return end


def _has_open_cell(line: str, delimiter: str) -> bool:
    """Whether a cell begins with a quotation mark and does not end in this line."""
    return any(is_open for _, is_open in _split_cells(line, delimiter))


def _find_closing_line(lines: list[str], first: int, delimiter: str) -> int | None:
    """The line in which a cell ends that an earlier one opened; None if it never does."""
    for k in range(first, min(first + MAX_CELL_LINES, len(lines))):
        # Marks that stand for one of the cell come in twos.
        if '"' in lines[k] and (closing := _CLOSING.match(lines[k])):
            rest = lines[k][closing.end() :].lstrip(" ")
            return k if rest[:1] in ("", delimiter) else None
    return None


def _parse_cells(line: str, delimiter: str) -> list[str]:
    return [_unquote(cell.strip()) for cell, _ in _split_cells(line, delimiter)]


def _split_cells(line: str, delimiter: str) -> list[tuple[str, bool]]:
    """The cells of a row as they are written, and whether each has only the first of its quotation marks."""
    if '"' not in line:
        return [(cell, False) for cell in line.split(delimiter)]
    cells, at = [], 0
    while at <= len(line):
        opening = _OPENING.match(line, at)
        closing = _CLOSING.match(line, opening.end()) if opening else None
        end = line.find(delimiter, at)
        end = len(line) if end < 0 else end
        if closing and (rest := line[closing.end() :].lstrip(" "))[:1] in ("", delimiter):
            end = len(line) - len(rest)
        cells.append((line[at:end], bool(opening) and not closing))
        at = end + 1
    return cells


def _unquote(cell: str) -> str:
    if len(cell) > 1 and cell[0] == '"' and (end := _CLOSING.match(cell, 1)) and end.end() == len(cell):
        return cell[1:-1].replace('""', '"').strip()
    return cell


def _check_width(cells: list[str], width: int, number: int, delimiter: str) -> list[str]:
    """The cells of a row; InvalidFileError if there are more or fewer than the first line has names."""
    count = len(cells)
    # Behind the last named column spreadsheets leave empty cells.
    if count < width or any(cells[width:]):
        advice = f"give each row all of them, and put cells with a {DELIMITERS.get(delimiter, delimiter)} in "
        counts = f"has {count} cell{'s' * (count != 1)}, and the first line names {width} columns"
        raise InvalidFileError(f"line {number}: {counts}; {advice}quotation marks")
    return cells[:width]
