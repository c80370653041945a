"""Arrays of .safetensors files that nobody vouches for, over the file's pages: nothing is copied or run."""

import json
import math

import numpy as np

from signjax.errors import DataError
from signjax.io.safe_read import MAX_BYTES, InvalidFileError, describe_error, open_bounded, parse_json

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "U8": "<u1"}


def read_tensors(path) -> dict[str, np.ndarray]:
    """The arrays of `read_with_metadata`."""
    return read_with_metadata(path)[0]


def read_with_metadata(path) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays of a .safetensors file, read-only, those of bfloat16 as float32; and its metadata.

    Raises:
      InvalidFileError: it cannot be read, or a tensor's size is not that of its bytes.
    """
    with open_bounded(path, None) as (file, size):
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= min(size - 8, MAX_BYTES):
            raise InvalidFileError("is no .safetensors file")
        header = parse_json(file.read(length))
        said = header.pop("__metadata__", {})
        try:
            pages = np.memmap(file, np.uint8, "r").view(np.ndarray)[8 + length :]
        except (OSError, ValueError) as error:
            raise InvalidFileError(describe_error(error)) from None
        arrays = {name: _view_tensor(name, entry, pages) for name, entry in header.items()}
        return arrays, said if isinstance(said, dict) else {}


def pack_tensors(arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    """The bytes of a .safetensors file, the same for the same arrays and metadata.

    Raises:
      DataError: an array is of a type that `read_with_metadata` does not know.
    """
    names = {kind: name for name, kind in DTYPES.items() if name != "BF16"}
    header: dict = {"__metadata__": metadata}
    at, parts = 0, []
    for name, array in sorted(arrays.items()):
        kind = array.dtype.newbyteorder("<").str.replace("|", "")
        if kind not in names:
            raise DataError(f"the array {name} is {array.dtype}, which is none of {', '.join(DTYPES)}")
        parts.append(np.ascontiguousarray(array, np.dtype(kind)).tobytes())
        place = [at, at + len(parts[-1])]
        header[name] = {"dtype": names[kind], "shape": list(array.shape), "data_offsets": place}
        at = place[1]
    head = json.dumps(header, ensure_ascii=False).encode()
    head += b" " * (-len(head) % 8)
    return b"".join([len(head).to_bytes(8, "little"), head, *parts])


def _view_tensor(name: str, entry, pages: np.ndarray) -> np.ndarray:
    """The array that a header's entry tells of."""
    if not isinstance(entry, dict) or str(entry.get("dtype")) not in DTYPES:
        raise InvalidFileError(f"its tensor {name[:60]!r} is of no type that is known: {', '.join(DTYPES)}")
    kind, shape, place = np.dtype(DTYPES[entry["dtype"]]), entry.get("shape"), entry.get("data_offsets")
    if not _are_counts(shape, 8) or not _are_counts(place, 2) or len(place) != 2:
        raise InvalidFileError(f"its tensor {name[:60]!r} has no shape and place")
    start, end = place
    fits = math.prod(n or 1 for n in shape) < 1 << 60 and math.prod(shape) * kind.itemsize == end - start
    if not start <= end <= len(pages) or not fits:
        raise InvalidFileError(f"its tensor {name[:60]!r} is not of the size that it says")
    array = pages[start:end].view(kind).reshape(shape)
    return (array.astype("<u4") << 16).view("<f4") if entry["dtype"] == "BF16" else array


def _are_counts(value, most: int) -> bool:
    """Whether this is a list of at most `most` numbers from 0 on that numpy can count to."""
    fits = isinstance(value, list) and len(value) <= most
    return fits and all(type(n) is int and 0 <= n < 1 << 48 for n in value)
