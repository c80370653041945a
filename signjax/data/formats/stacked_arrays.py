"""Many clips in one array of frames, with a table that says where each begins.

`words_i16.npy` goes with `words_index.csv` (or `words_i16_index.csv`), whose columns `start` and `frames` say
where the clips are. A column `gloss`, `label`, `sign`, `word` or `text` is the text; `sequence`, `fps`,
`split`, `width`, `height`, `signer_id` and `language` are used where they are there.
"""

import csv
import dataclasses
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from signjax.data.formats import array_layouts, base, file_names
from signjax.data.formats.base import UnreadableClip
from signjax.io import safe_numpy, safe_read
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip

MAX_ROWS = 1 << 17  # each takes some hundred bytes of memory, and a few in the file
TEXTS = ("text", "gloss", "label", "sign", "word")
ALIASES = {"signer": ("signer", "signer_id"), "split": ("split",), "sequence": ("sequence", "video_id")}
ALIASES |= {"language": ("language",)}
FIXED_POINT = f"whole numbers were read as shares of the picture times {array_layouts.FIXED_POINT:,}"


def find_table(file: Path) -> Path | None:
    """The table of the clips in an array, None if the array is one clip."""
    stems = file.stem, name_stack(file)
    return next((t for stem in stems if (t := file.with_name(f"{stem}_index.csv")).is_file()), None)


def name_stack(file: Path) -> str:
    """The name of an array: that of its file without the type of its numbers, as in words_i16."""
    return re.sub(r"_[a-z]\d\d$", "", file.stem)


def read_stack(
    file: Path, table: Path, size: tuple[int, int] | None, prefix: str = ""
) -> Iterator[Clip | UnreadableClip]:
    """The clips of an array.

    Args:
      file: of the array [frames of all clips, ...].
      table: its `find_table`.
      size: width and height of the picture, where the table does not say.
      prefix: put before the names of the clips.
    """
    try:
        values, rows = safe_numpy.map_array(file), _read_rows(table)
        # Once for all clips: thousands of lines would say the same.
        array_layouts.find_layouts(values.shape[1:])
    except InvalidFileError as error:
        yield UnreadableClip(str(file), str(error))
        return
    is_fixed = values.dtype.kind == "i" and _holds(values, array_layouts.MISSING)
    names = [prefix + name for name in _name_clips(rows)]
    split = file_names.find_split(file, file)

    def read_row(numbered: tuple[int, dict[str, str]]) -> Clip:
        k, row = numbered
        frames = _select_frames(values, row)
        frames = array_layouts.decode_fixed_point(frames) if is_fixed else frames
        clip = array_layouts.make_clip(frames, _parse_numbers(row), size)
        row_split = file_names.parse_split(row.get("split", ""))
        texts = {"text": _find_value(row, TEXTS), "gloss": _find_value(row, ("gloss",))}
        clip = dataclasses.replace(clip, **texts, split=row_split or split)
        clip = dataclasses.replace(clip, sid=file_names.parse_sid(names[k]))
        labels = {name: _find_value(row, ALIASES[name]) or None for name in ("signer", "language")}
        clip = dataclasses.replace(clip, **labels)
        return clip.add_warning(FIXED_POINT) if is_fixed else clip

    yield from base.read_each(((f"{file}: {names[k]}", (k, row)) for k, row in enumerate(rows)), read_row)


def _holds(values: np.ndarray, number: int) -> bool:
    # In blocks: the array may be larger than the memory.
    return any((values[k : k + 4096] == number).any() for k in range(0, len(values), 4096))


def _read_rows(table: Path) -> list[dict[str, str]]:
    """The rows of a table by column, with `start` and `frames`."""
    try:
        text = safe_read.read_bytes(table).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), restval="", strict=True)
        columns = [name.strip().lower() for name in reader.fieldnames or ()]
        if not {"start", "frames"} <= set(columns):
            raise InvalidFileError("has no columns start and frames")
        reader.fieldnames = columns
        rows = [{key: value for key, value in row.items() if isinstance(value, str)}
                for row in itertools.islice(reader, MAX_ROWS + 1)]  # fmt: skip
        if len(rows) > MAX_ROWS:
            raise InvalidFileError(f"has more than {MAX_ROWS:,} rows")
        return rows
    except UnicodeDecodeError:
        raise InvalidFileError(f"{table.name} is not UTF-8") from None
    except csv.Error as error:
        raise InvalidFileError(f"{table.name}: {safe_read.describe_error(error)}") from None
    except InvalidFileError as error:
        raise InvalidFileError(f"{table.name} {error}") from None


def _select_frames(values: np.ndarray, row: dict[str, str]) -> np.ndarray:
    start, count = row["start"].strip(), row["frames"].strip()
    if not (start.isdecimal() and count.isdecimal() and len(start) < 16 and len(count) < 16):
        raise InvalidFileError(
            f"its start and frames are {start[:20]!r} and {count[:20]!r}, not whole numbers"
        )
    first, last = int(start), int(start) + int(count)
    if not first < last <= len(values) or last - first > base.MAX_FRAMES:
        raise InvalidFileError(
            f"its frames {first:,} to {last:,} are not in the {len(values):,} of the array"
        )
    return values[first:last]


def _parse_numbers(row: dict[str, str]) -> dict[str, float]:
    """fps, width and height of a row, as far as they are there."""
    numbers = {}
    for name in ("fps", "width", "height"):
        try:
            numbers[name] = float(row[name]) if row.get(name) else 0.0
        except ValueError:
            raise InvalidFileError(f"its {name} is {row[name][:20]!r}, not a number") from None
    return numbers


def _name_clips(rows: list[dict[str, str]]) -> list[str]:
    """A name for each row: its text and sequence, numbered where that is not enough."""
    names = []
    for row in rows:
        parts = _find_value(row, TEXTS), _find_value(row, ALIASES["sequence"])
        # A slash would begin a folder.
        names.append("_".join(part for part in parts if part).replace("/", "-").replace("\\", "-"))
    repeated = Counter(names)
    return [name if name and repeated[name] == 1 else f"{name}_{k}" for k, name in enumerate(names)]


def _find_value(row: dict[str, str], columns: tuple[str, ...]) -> str:
    return next((value for column in columns if (value := row.get(column, "").strip())), "")
