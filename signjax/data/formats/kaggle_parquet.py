"""MediaPipe's landmarks as Parquet, as in Google's two competitions on Kaggle; needs pyarrow.

Isolated signs have one file per clip with a row per landmark: `frame`, `type`, `landmark_index`, `x`, `y`.
Fingerspelling has many clips in a file with a row for each frame: `sequence_id`, `frame`, `x_face_0`, ...
The competitions' `train.csv` is the table of texts. Neither says the size of the picture.
"""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from signjax.data.formats import base, file_names, frame_numbers, landmarks
from signjax.data.formats.base import UnreadableClip
from signjax.errors import ConfigError
from signjax.io import safe_read
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip

ENDING = ".parquet"
INSTALL = "pip install -e '.[parquet]'"
MAX_BYTES = 1 << 29  # of a file, and of the columns that are read of it
LONG = ("frame", "type", "landmark_index", "x", "y")
# Where each landmark of a part is in a row of signjax.data.formats.landmarks, -1 for those that are not used.
PLACES = {name: np.arange(part.start or 0, part.stop) for name, part in landmarks.FIELDS.items()}
PLACES["face"] = np.full(landmarks.PARTS["face"], -1)
PLACES["face"][list(landmarks.FACE)] = np.arange(landmarks.FIELDS["face"].start, landmarks.POINTS)


def read_clips(path: Path, size: tuple[int, int] | None = None) -> Iterator[Clip | UnreadableClip]:
    """The clips of all .parquet files in a folder and those below, or of one file.

    Args:
      path: the folder or file.
      size: width and height of the picture.

    Raises:
      ConfigError: pyarrow is not installed.
    """
    _import_parquet(path)
    for file in file_names.list_files(path, ENDING):
        split = file_names.find_split(path, file)
        try:
            clips = _read_file(file)
        except InvalidFileError as error:
            yield UnreadableClip(str(file), str(error))
            continue
        for name, rows, numbers in clips:
            label = str(file) if name == file.stem else f"{file}: {name}"

            def make_clip(rows: np.ndarray, name=name, numbers=numbers, file=file, split=split) -> Clip:
                text = file_names.read_text_beside(file) if name == file.stem else ""
                clip = _make_clip(rows, numbers, size)
                return dataclasses.replace(clip, sid=file_names.parse_sid(name), text=text, split=split)

            yield from base.read_each([(label, rows)], make_clip)


def _import_parquet(path: Path):
    # Only here: pyarrow has 55 MB, and no other format needs it.
    try:
        import pyarrow.parquet
    except ImportError:
        raise ConfigError(f"{path}: .parquet needs pyarrow, which is not installed: {INSTALL}") from None
    return pyarrow


def _make_clip(rows: np.ndarray, numbers: np.ndarray, size: tuple[int, int] | None) -> Clip:
    places, warnings = frame_numbers.place_frames(numbers.tolist())
    if places[-1] >= base.MAX_FRAMES:
        raise InvalidFileError(f"has {places[-1] + 1:,} frames; 1 to {base.MAX_FRAMES:,} can be read")
    clip = landmarks.make_clip(frame_numbers.fill_gaps(rows, places), size)
    return dataclasses.replace(clip, warnings=(*clip.warnings, *warnings))


def _read_file(file: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(name, rows [T, 145, 4], numbers of the frames [T]) of each clip in a file."""
    pyarrow = _import_parquet(file)
    # Of the bytes: pyarrow would open the file by its name, whatever it has become by then.
    data = safe_read.read_bytes(file, MAX_BYTES)
    try:
        parquet = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(data))
        names = list(parquet.schema_arrow.names)
        columns = _list_columns(names)
        _check_size(parquet, columns)
        table = parquet.read(columns=columns, use_threads=False)
        values = {name: table.column(name).to_numpy() for name in columns if name != "type"}
        if "type" in columns:
            # Pandas may have written its few texts as numbers and a dictionary already.
            values["type"] = _number_types(table.column("type").cast(pyarrow.string()))
    except (InvalidFileError, MemoryError):
        raise
    # A corrupt file makes pyarrow raise errors of its own and of Python.
    except Exception as error:
        raise InvalidFileError(f"is no .parquet file ({safe_read.describe_error(error)})") from None
    if columns == [*LONG]:
        return iter([(file.stem, *_convert_landmarks(values))])
    return _split_sequences(file.stem, values)


def _number_types(column) -> np.ndarray:
    """Which of the parts of PLACES each row is of; as texts they would take ten times the memory."""
    encoded = column.combine_chunks().dictionary_encode()
    words = encoded.dictionary.to_pylist()
    unknown = [word for word in words if word not in PLACES]
    if unknown or encoded.null_count:
        raise InvalidFileError(
            f"has landmarks of the type {str((unknown or [None])[0])[:20]!r}, which is none"
        )
    parts = np.array([list(PLACES).index(word) for word in words], np.int64)
    return parts[encoded.indices.to_numpy(zero_copy_only=False)]


def _list_columns(names: list[str]) -> list[str]:
    """The columns to read; raises InvalidFileError if there are none of either layout."""
    if set(LONG) <= set(names):
        return [*LONG]
    wide = [name for name in names if _find_place(name) is not None]
    if "frame" in names and wide:
        return [name for name in ("sequence_id", "frame") if name in names] + wide
    listed = ", ".join(names)[:80]
    raise InvalidFileError(
        f"has the columns {listed}, neither {', '.join(LONG)} nor frame, x_pose_0 and others"
    )


def _find_place(column: str) -> tuple[int, int] | None:
    """(point, 0 for x or 1 for y) of a column such as x_face_0; None if it is not used."""
    match = re.fullmatch(r"([xy])_(pose|face|left_hand|right_hand)_(\d{1,3})", column)
    if not match or int(match[3]) >= len(PLACES[match[2]]):
        return None
    place = int(PLACES[match[2]][int(match[3])])
    return (place, "xy".index(match[1])) if place >= 0 else None


def _check_size(parquet, columns: list[str]) -> None:
    # By what the file declares: a few bytes may stand for a million equal rows.
    needed = parquet.metadata.num_rows * len(columns) * 8
    # Rows of single landmarks are sorted into frames, which takes several times as much again.
    limit = MAX_BYTES >> 2 if "type" in columns else MAX_BYTES
    if needed > limit:
        raise InvalidFileError(f"needs {needed >> 20:,} MB of memory, more than {limit >> 20:,}; split it")


def _convert_landmarks(values: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and numbers of the frames of a table with a row for each landmark."""
    frame, number = (_check_integers(values[name], name) for name in ("frame", "landmark_index"))
    numbers, t = np.unique(frame, return_inverse=True)
    if not 0 < len(numbers) <= base.MAX_FRAMES:
        raise InvalidFileError(f"has {len(numbers):,} frames; 1 to {base.MAX_FRAMES:,} can be read")
    place = np.full(len(frame), -1)
    known = np.zeros(len(frame), bool)
    for part, places in enumerate(PLACES.values()):
        mine = (values["type"] == part) & (number >= 0) & (number < len(places))
        place[mine], known = places[number[mine]], known | mine
    if not known.all():
        k = int(known.argmin())
        name = list(PLACES)[values["type"][k]]
        raise InvalidFileError(f"row {k} is landmark {number[k]} of {name!r}, which is none")
    used = place >= 0
    keys = t[used] * landmarks.POINTS + place[used]
    if len(np.unique(keys)) < len(keys):
        raise InvalidFileError("has a landmark twice in a frame")
    rows = np.full((len(numbers), landmarks.POINTS, 4), np.nan)
    for axis, name in enumerate("xy"):
        rows[t[used], place[used], axis] = _check_floats(values[name], name)[used]
    return rows, numbers


def _split_sequences(
    stem: str, values: dict[str, np.ndarray]
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """The clips of a table with a row for each frame."""
    frame = _check_integers(values["frame"], "frame")
    sequence = values.get("sequence_id")
    order = (
        np.arange(len(frame))
        if sequence is None
        else np.argsort(_check_integers(sequence, "sequence_id"), kind="stable")
    )
    ends = [] if sequence is None else np.flatnonzero(np.diff(sequence[order])) + 1
    columns = {place: _check_floats(values[name], name) for name in values if (place := _find_place(name))}
    for members in np.split(order, ends):
        # Within a clip by its frames, whatever the order of the rows. One frame too many is refused later.
        members = members[np.argsort(frame[members], kind="stable")][: base.MAX_FRAMES + 1]
        rows = np.full((len(members), landmarks.POINTS, 4), np.nan)
        for (place, axis), column in columns.items():
            rows[:, place, axis] = column[members]
        yield stem if sequence is None else str(sequence[members[0]]), rows, frame[members]


def _check_integers(values: np.ndarray, name: str) -> np.ndarray:
    if values.dtype.kind not in "iu":
        raise InvalidFileError(f"its column {name} holds {values.dtype}, not whole numbers")
    return values.astype(np.int64)


def _check_floats(values: np.ndarray, name: str) -> np.ndarray:
    if values.dtype.kind not in "iuf":
        raise InvalidFileError(f"its column {name} holds {values.dtype}, not numbers")
    return values
