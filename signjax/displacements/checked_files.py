"""Checked reading of the arrays and JSON files of displacements, which may come from strangers."""

from pathlib import Path, PureWindowsPath

import numpy as np

from signjax.data import clip_files
from signjax.errors import DataError
from signjax.io import machine_errors, safe_numpy, safe_read


def read_json(path: Path) -> dict:
    """The object of a JSON file.

    Raises:
      DataError: it is missing, damaged, or a link out of its folder.
    """
    try:
        # A link in a folder that somebody sent could otherwise make us read any file of this machine.
        safe_read.check_inside(path, path.parent)
        return safe_read.read_json(path)
    except safe_read.MissingFileError:
        raise DataError(f"{path}: cannot be read (not there); a JSON belongs to each array") from None
    except safe_read.InvalidFileError as error:
        advice = machine_errors.choose_advice(error, "write it again")
        raise DataError(f"{path}: {error}; {advice}") from None


def read_array(path: Path, shape: tuple, kind: type[np.generic] = np.floating) -> np.ndarray:
    """An array of an .npy file, all numbers finite.

    Args:
      path: the file.
      shape: its lengths, None for any; a last None stands for coordinates, 2 or 3.
      kind: np.floating, which gives float64, or bool.

    Raises:
      DataError: it is missing, damaged, a link out of its folder, or of another shape or kind.
    """
    try:
        safe_read.check_inside(path, path.parent)
        array = safe_numpy.read_array(path)
        _check_shape(array, shape, kind)
        return _check_numbers(array) if kind is np.floating else array
    except safe_read.MissingFileError:
        raise DataError(f"{path}: cannot be read (not there); put it beside its JSON") from None
    except safe_read.InvalidFileError as error:
        advice = machine_errors.choose_advice(error, "write it again")
        raise DataError(f"{path}: {error}; {advice}") from None


def _check_shape(array: np.ndarray, shape: tuple, kind: type[np.generic]) -> None:
    matches = len(array.shape) == len(shape) and all(
        wanted in (None, length) for wanted, length in zip(shape, array.shape, strict=True)
    )
    if matches and shape[-1] is None:
        matches = array.shape[-1] in (2, 3)
    if not matches or not np.issubdtype(array.dtype, kind):
        wanted = "[" + ", ".join("any" if length is None else str(length) for length in shape) + "]"
        raise safe_read.InvalidFileError(
            f"is {array.dtype} {list(array.shape)}, not {kind.__name__} {wanted}"
        )


def _check_numbers(array: np.ndarray) -> np.ndarray:
    # Converted before the comparison: the largest coordinate is infinite in half precision, and infinity
    # would then be within the limit.
    array = array.astype(np.float64)
    # NaN makes every comparison false, so "not <=" refuses it, and ">" would not.
    if not np.abs(array).max(initial=0) <= clip_files.MAX_COORDINATE:
        raise safe_read.InvalidFileError("holds numbers that are not finite, or beyond all places")
    return array


def resolve_sibling(path: Path, field: str, content: dict) -> Path:
    """The .npy file that a field of a JSON names, looked for in the folder of the JSON and nowhere else.

    Raises:
      DataError: the field names none.
    """
    name = content[field]
    # The original project ran on Windows. PureWindowsPath splits at both / and \, so it finds the base name
    # of either.
    base = PureWindowsPath(name).name if isinstance(name, str) else ""
    if not base.endswith(".npy"):
        raise DataError(f"{path}: field {field!r} names no .npy file; extract this clip again")
    return path.with_name(base)
