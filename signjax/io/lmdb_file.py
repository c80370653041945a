"""Keys and values of an LMDB file (data.mdb), read page by page and without the library.

The library maps the file and trusts it: a damaged page ends the process. Here each page and size is checked.
It reads what SMPL-X data sets need: one unnamed database with a value for each key. (The format: MDB_page,
MDB_meta and MDB_node in OpenLDAP's mdb.c, versions 0.9 to 1.0, 64 bits, little-endian.)
"""

import mmap
import struct
from collections.abc import Iterator

from signjax.io.safe_read import InvalidFileError, open_bounded

MAGIC, VERSION = 0xBEEFC0DE, 1
HEADER = 16  # bytes of a page before its entries
BRANCH, LEAF, OVERFLOW, META = 1, 2, 4, 8  # kinds of pages
BIG, SUBDATABASE, DUPLICATES = 1, 2, 4  # kinds of entries
NO_PAGE = (1 << 64) - 1  # root of an empty database
MAX_DEPTH = 32
PAGE_SIZES = {1 << k for k in range(9, 17)}


def iterate_lmdb(path, max_value: int) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) of all entries of a file, in the order of the keys.

    Args:
      path: of the file.
      max_value: bytes of a value at most.

    Raises:
      InvalidFileError: it cannot be read, is no such file, or is damaged.
    """
    with open_bounded(path, None) as (file, size):
        # Nothing can be mapped of no bytes.
        if size < 2 * min(PAGE_SIZES):
            raise InvalidFileError("is no LMDB file")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield from _Tree(data, size, max_value).iterate()


class _Tree:
    """The pages of a file."""

    def __init__(self, data, size: int, max_value: int):
        self.data, self.size, self.max_value = data, size, max_value
        self.page_size, self.root, self.entries = self._read_meta()
        self.visited: set[int] = set()

    def _read_meta(self) -> tuple[int, int, int]:
        """Size of a page, page of the root and number of entries, from the newer of the two meta pages."""
        newest = None
        # The second begins after the first, whose size it does not know: that is in the first.
        (page_size,) = struct.unpack_from("<I", self.data, HEADER + 24)
        if page_size not in PAGE_SIZES or self.size < 2 * page_size:
            raise InvalidFileError("is no LMDB file")
        for first in (0, page_size):
            magic, version = struct.unpack_from("<II", self.data, first + HEADER)
            entries, root = struct.unpack_from("<QQ", self.data, first + HEADER + 24 + 48 + 32)
            (transaction,) = struct.unpack_from("<Q", self.data, first + HEADER + 24 + 96 + 8)
            if magic == MAGIC and version == VERSION and (newest is None or transaction > newest[0]):
                newest = transaction, root, entries
        if newest is None:
            raise InvalidFileError("is no LMDB file of version 1")
        return page_size, newest[1], newest[2]

    def iterate(self) -> Iterator[tuple[bytes, bytes]]:
        if self.root != NO_PAGE:
            yield from self._walk(self.root, 0)

    def _walk(self, number: int, depth: int) -> Iterator[tuple[bytes, bytes]]:
        # A damaged branch may lead back to itself.
        if depth > MAX_DEPTH or number in self.visited:
            raise InvalidFileError(f"is damaged: page {number} is in it twice")
        self.visited.add(number)
        page, flags = self._read_page(number)
        if not flags & (BRANCH | LEAF):
            raise InvalidFileError(f"is damaged: page {number} is of no known kind")
        for offset in self._list_entries(page, number):
            low, high, node_flags, key_size = struct.unpack_from("<4H", page, offset)
            key = page[offset + 8 : offset + 8 + key_size]
            if flags & BRANCH:
                yield from self._walk(low | high << 16 | node_flags << 32, depth + 1)
            elif node_flags & (SUBDATABASE | DUPLICATES):
                raise InvalidFileError(f"has a database in the entry {key[:40]!r}, which is not read")
            else:
                start = offset + 8 + key_size
                yield key, self._read_value(page, start, low | high << 16, node_flags & BIG)

    def _read_page(self, number: int) -> tuple[bytes, int]:
        first = number * self.page_size
        if number < 2 or first + self.page_size > self.size:
            raise InvalidFileError(f"is damaged: page {number} is not in it")
        page = self.data[first : first + self.page_size]
        return page, struct.unpack_from("<H", page, 10)[0]

    def _list_entries(self, page: bytes, number: int) -> tuple[int, ...]:
        (lower,) = struct.unpack_from("<H", page, 12)
        count = (lower - HEADER) // 2
        if not 0 <= count <= (self.page_size - HEADER) // 2:
            raise InvalidFileError(f"is damaged: page {number} has {count} entries")
        offsets = struct.unpack_from(f"<{count}H", page, HEADER)
        if any(offset + 8 > len(page) for offset in offsets):
            raise InvalidFileError(f"is damaged: an entry of page {number} is not in it")
        return offsets

    def _read_value(self, page: bytes, start: int, size: int, is_big: int) -> bytes:
        if size > self.max_value:
            raise InvalidFileError(f"has a value of {size:,} bytes, more than {self.max_value:,}")
        if not is_big:
            value = page[start : start + size]
        else:
            # Large values have pages of their own, one after the other, behind one header.
            if start + 8 > len(page):
                raise InvalidFileError("is damaged: a value has no page")
            (number,) = struct.unpack_from("<Q", page, start)
            _, flags = self._read_page(number)
            first = number * self.page_size + HEADER
            value = self.data[first : first + size] if flags & OVERFLOW else b""
        if len(value) != size:
            raise InvalidFileError("is damaged: a value ends too early")
        return value
