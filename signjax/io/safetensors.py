"""Arrays of untrusted .safetensors files, memory-mapped: nothing is copied or run.

The format (https://huggingface.co/docs/safetensors): the length of a JSON header, the header with the type,
shape and offsets of each tensor, and the bytes of the tensors.
"""

import json
import math

import numpy as np

from signjax.errors import DataError
from signjax.io.safe_read import MAX_BYTES, InvalidFileError, describe_error, open_bounded, parse_json

# numpy has no bfloat16: its two bytes are the upper half of a float32.
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "U8": "<u1"}
MAX_DIMENSIONS = 8
LENGTH_BYTES = 8  # of the number before the header; tensors are aligned to as many


def read_tensors(path) -> dict[str, np.ndarray]:
    """The arrays of a .safetensors file; see `read_with_metadata`."""
    return read_with_metadata(path)[0]


def read_with_metadata(path) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays of a .safetensors file, read-only and bfloat16 as float32, and its metadata.

    Raises:
      InvalidFileError: it cannot be read, or the size of a tensor is not that of its bytes.
    """
    with open_bounded(path, None) as (file, size):
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        if not 0 < length <= min(size - LENGTH_BYTES, MAX_BYTES):
            raise InvalidFileError("is no .safetensors file")
        header = parse_json(file.read(length))
        metadata = header.pop("__metadata__", {})
        try:
            # A plain array: a np.memmap in a tree of variables would keep its class through every operation.
            pages = np.memmap(file, np.uint8, "r").view(np.ndarray)[LENGTH_BYTES + length :]
        except (OSError, ValueError) as error:
            raise InvalidFileError(describe_error(error)) from None
        arrays = {name: _view_tensor(name, entry, pages) for name, entry in header.items()}
        return arrays, metadata if isinstance(metadata, dict) else {}


def pack_tensors(arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    """The bytes of a .safetensors file; they depend on nothing but the arrays and the metadata.

    Raises:
      DataError: an array is of a type that `read_tensors` does not know.
    """
    names = {dtype: name for name, dtype in DTYPES.items() if name != "BF16"}
    header: dict = {"__metadata__": metadata}
    offset, parts = 0, []
    # Sorted, as the order in a dict says nothing of the arrays.
    for name, array in sorted(arrays.items()):
        dtype = array.dtype.newbyteorder("<").str.replace("|", "")
        if dtype not in names:
            raise DataError(f"the array {name} is {array.dtype}, which is none of {', '.join(DTYPES)}")
        parts.append(np.ascontiguousarray(array, np.dtype(dtype)).tobytes())
        end = offset + len(parts[-1])
        header[name] = {"dtype": names[dtype], "shape": list(array.shape), "data_offsets": [offset, end]}
        offset = end
    head = json.dumps(header, ensure_ascii=False).encode()
    # The header is padded with spaces, so that tensors are aligned in a mapped file.
    head += b" " * (-len(head) % LENGTH_BYTES)
    return b"".join([len(head).to_bytes(LENGTH_BYTES, "little"), head, *parts])


def _view_tensor(name: str, entry, pages: np.ndarray) -> np.ndarray:
    """The array that an entry of the header describes, as a view of the bytes after the header."""
    # Names come from the file and may be of any length.
    shown = repr(name[:60])
    if not isinstance(entry, dict) or str(entry.get("dtype")) not in DTYPES:
        raise InvalidFileError(f"its tensor {shown} has a type that is none of {', '.join(DTYPES)}")
    dtype, shape, offsets = (
        np.dtype(DTYPES[entry["dtype"]]),
        entry.get("shape", ()),
        entry.get("data_offsets", ()),
    )
    if not _are_counts(shape, MAX_DIMENSIONS) or not _are_counts(offsets, 2) or len(offsets) != 2:
        raise InvalidFileError(f"its tensor {shown} has no valid shape and offsets")
    start, end = offsets
    # numpy refuses some sizes even where one dimension is 0 and the array empty.
    possible = math.prod(n or 1 for n in shape) < 1 << 60
    if not start <= end <= len(pages) or not possible or math.prod(shape) * dtype.itemsize != end - start:
        raise InvalidFileError(f"its tensor {shown} does not have the size in the header")
    array = pages[start:end].view(dtype).reshape(shape)
    return (array.astype("<u4") << 16).view("<f4") if entry["dtype"] == "BF16" else array


def _are_counts(value, max_length: int) -> bool:
    """Whether this is a list of at most `max_length` integers of 0 or more that numpy can count to."""
    # type and not isinstance, as True is an int.
    is_list = isinstance(value, list) and len(value) <= max_length
    return is_list and all(type(n) is int and 0 <= n < 1 << 48 for n in value)
