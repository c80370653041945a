"""Arrays of untrusted .npy and .npz files, which take no more memory than their files or a given limit.

numpy itself allocates what a header says, and unpacks whatever an archive contains. Here arrays are of
numbers, booleans or text only. (The format: numpy.lib.format, NEP 1.)
"""

import contextlib
import io
import itertools
import math
import mmap
import os
import re
import zipfile
from collections.abc import Iterable
from typing import BinaryIO, Literal

import numpy as np

from signjax.io.safe_read import (
    MAX_BYTES,
    InvalidFileError,
    describe_error,
    is_unreadable,
    open_bounded,
    read_bytes,
)

MAX_MEMBERS = 4096  # of an .npz
HEADER_BYTES = 4096  # that are read to find the header, which has some hundred
MAX_DIMENSIONS = 8
ENTRY = b"PK\x01\x02"  # beginning of a member's entry in the directory of a zip file


def read_array(path, max_bytes: int = MAX_BYTES) -> np.ndarray:
    """The array of an .npy file of at most `max_bytes` bytes.

    Raises:
      InvalidFileError: it cannot be read, is no array of numbers, booleans or text, or its size is not that
        in its header.
    """
    return _parse_array(read_bytes(path, max_bytes))


def map_array(path) -> np.ndarray:
    """The array of an .npy file of any size, read-only and memory-mapped; raises like `read_array`."""
    with open_bounded(path, None) as (file, size):
        shape, order, dtype, offset = _parse_header(file.read(HEADER_BYTES), size)
        # Nothing can be mapped of no bytes.
        if not math.prod(shape):
            return np.zeros(shape, dtype)
        return np.memmap(file, dtype, "r", offset, shape, order).view(np.ndarray)


def read_arrays(
    path, names: Iterable[str] | None = None, max_bytes: int | None = MAX_BYTES
) -> dict[str, np.ndarray]:
    """The arrays of an .npz file, {name: array}.

    Args:
      path: the file.
      names: of the arrays to read; None for all.
      max_bytes: limit for the file and for its unpacked arrays. None for a file of any size whose arrays take
        no more than itself, as np.savez writes it.

    Raises:
      InvalidFileError: as `read_array`; or a name is missing, or the arrays are larger than the limit.
    """
    with open_bounded(path, max_bytes) as (file, size), _open_pages(file) as pages:
        return _read_members(file, pages, names, max_bytes or size)


def parse_arrays(data: bytes, names: Iterable[str] | None = None, max_bytes: int = MAX_BYTES) -> dict:
    """The arrays in the bytes of an .npz file, {name: array}; arguments and errors as of `read_arrays`."""
    return _read_members(io.BytesIO(data), data, names, max_bytes)


def _open_pages(file: BinaryIO) -> mmap.mmap | contextlib.nullcontext[bytes]:
    # Nothing can be mapped of no bytes.
    size = os.fstat(file.fileno()).st_size
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else contextlib.nullcontext(b"")


def _read_members(file: BinaryIO, pages, names: Iterable[str] | None, limit: int) -> dict[str, np.ndarray]:
    """The arrays of an .npz that is open; `pages` are its bytes."""
    try:
        _check_entries(pages)
        with zipfile.ZipFile(file) as archive:
            members = _list_members(archive)
            wanted = {name: members[name] for name in (members if names is None else names)}
            # By what the archive declares; `_unpack_member` keeps members to that.
            unpacked = sum(info.file_size for info in wanted.values())
            if unpacked > limit:
                raise InvalidFileError(f"unpacks to {unpacked:,} bytes, more than {limit:,}")
            return {name: _unpack_member(archive, name, info) for name, info in wanted.items()}
    except (InvalidFileError, MemoryError):
        raise
    except KeyError as error:
        raise InvalidFileError(f"has no array {error}") from None
    # A corrupt file makes zipfile raise nearly anything.
    except Exception as error:
        # Of the disk: `open_bounded` says so.
        if isinstance(error, OSError) and is_unreadable(error):
            raise
        raise InvalidFileError(f"is no .npz file ({describe_error(error)})") from None


def check_member_count(file: BinaryIO) -> None:
    """Raises for an archive of very many members.

    Raises:
      InvalidFileError: it has more than MAX_MEMBERS.
    """
    with _open_pages(file) as pages:
        _check_entries(pages)


def _check_entries(pages) -> None:
    # Before zipfile opens it, which makes an object of each member.
    entries = itertools.islice(re.finditer(ENTRY, pages), MAX_MEMBERS + 1)
    if sum(1 for _ in entries) > MAX_MEMBERS:
        raise InvalidFileError(f"has more than {MAX_MEMBERS:,} members")


def _parse_header(start: bytes, size: int) -> tuple[tuple[int, ...], Literal["C", "F"], np.dtype, int]:
    """Shape, order, type and offset of the array of an .npy file, from its beginning and size in bytes."""
    file = io.BytesIO(start)
    try:
        version = np.lib.format.read_magic(file)
        reader = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}[version[0]]
        shape, fortran, dtype = reader(file)
    # A header is a Python literal, and a corrupt one makes the parser raise nearly anything.
    except Exception as error:
        raise InvalidFileError(f"is no array ({describe_error(error)})") from None
    # numpy refuses arrays beyond 2^62 bytes even where one dimension is 0.
    largest = math.prod(n or 1 for n in shape) * dtype.itemsize
    valid_shape = min(shape, default=0) >= 0 and len(shape) <= MAX_DIMENSIONS
    # Kinds: bool, integers, float, text. An object array would be unpickled.
    if dtype.kind not in "biufU" or not 0 < largest < 1 << 62 or not valid_shape:
        raise InvalidFileError(f"is no array of numbers ({str(dtype)[:40]} {str(shape)[:40]})")
    declared, following = math.prod(shape) * dtype.itemsize, size - file.tell()
    if declared != following:
        raise InvalidFileError(f"is no array (its header declares {declared:,} bytes, {following:,} follow)")
    return shape, "F" if fortran else "C", dtype, file.tell()


def _parse_array(data: bytes) -> np.ndarray:
    """The array in the bytes of an .npy file, in this machine's byte order."""
    shape, order, dtype, offset = _parse_header(data, len(data))
    if not math.prod(shape):
        return np.zeros(shape, dtype)
    if dtype.kind == "U":
        # numpy keeps a character in 4 bytes and does not check them: Python would fail where it is printed.
        letters = np.frombuffer(data, np.dtype("u4").newbyteorder(dtype.byteorder), offset=offset)
        if ((letters > 0x10FFFF) | ((letters >= 0xD800) & (letters < 0xE000))).any():
            raise InvalidFileError("holds text that is not Unicode")
    array = np.frombuffer(data, dtype, offset=offset).reshape(shape, order=order)
    # A byte that is neither 0 nor 1 would be true in some operations and false in others.
    if dtype.kind == "b":
        return array.view(np.uint8) != 0
    return array.astype(dtype.newbyteorder("="), copy=False)


def _list_members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """{name of the array: member} of an .npz."""
    infos = archive.infolist()
    members = {info.filename.removesuffix(".npy"): info for info in infos}
    if len(members) != len(infos):
        raise InvalidFileError("has two arrays of one name")
    return members


def _unpack_member(archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> np.ndarray:
    """The array of a member, of which no more is unpacked than it declares."""
    try:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InvalidFileError("is compressed in a way that .npz files are not")
        with archive.open(info) as member:
            # One byte more than declared: if there is one, the size is not that of the header, which raises.
            return _parse_array(member.read(info.file_size + 1))
    except InvalidFileError as error:
        raise InvalidFileError(f"its array {name[:40]!r} {error}") from None
