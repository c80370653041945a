"""A folder of .npy and .json files that is complete and undamaged, or not there.

It is built under a temporary name and renamed when finished, and `seal.json` holds the size and a
checksum of every file. A folder may have come with a data set, so nothing in it is believed unread.
"""

import json
import re
import zlib
from pathlib import Path

import numpy as np

from signjax.errors import StorageError
from signjax.io import atomic, safe_read

SEAL, UNSEALED = "seal.json", {"seal.json", "signatures.json"}
# Checksums cover files up to this size in full and larger ones in evenly spaced blocks: loading must
# not read gigabytes that training may map and never touch.
CHECK_ALL, BLOCK, BLOCKS = 1 << 26, 1 << 16, 256
BUFFER = 1 << 17  # bytes read at a time where all are: they stay in the processor's cache
PER_CLIP = 1 << 12  # bytes of JSON and of its objects that a clip may add


class Appender:
    """Writes a float32 .npy of unknown length row by row: `with Appender(path, shape) as a: a.append(x)`."""

    def __init__(self, path: Path, row_shape: tuple[int, ...]):
        self.path, self.row_shape, self.rows = path, row_shape, 0

    def __enter__(self):
        self.file = open(self.path, "wb")
        self._header()
        return self

    def append(self, rows: np.ndarray) -> None:
        """Appends rows [n, *row_shape]."""
        self.file.write(np.ascontiguousarray(rows, "<f4").data)
        self.rows += len(rows)

    def __exit__(self, *_):
        self.file.seek(0)
        self._header()
        self.file.close()

    def _header(self) -> None:
        # A fixed 128 bytes, so that the final length can be written over the first guess.
        shape = (self.rows, *self.row_shape)
        text = repr({"descr": "<f4", "fortran_order": False, "shape": shape}).encode()
        self.file.write(b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + text.ljust(117) + b"\n")


def seal(folder: Path) -> None:
    """Records size and checksum of each file of a finished folder."""
    files = {p.name: _checksum(p) for p in folder.iterdir() if p.name not in UNSEALED}
    (folder / SEAL).write_text(json.dumps(files))


def damage(folder: Path) -> str | None:
    """What is wrong with a sealed folder, or None."""
    sealed = read_json(folder / SEAL) or {}
    try:
        # Only names that the folder has are opened: those of the seal could lead anywhere.
        there = {path.name: path for path in folder.iterdir() if path.is_file() and not path.is_symlink()}
        for name in ["index.json", *sealed, *(name for name in there if name.endswith(".npy"))]:
            if name not in sealed:
                return f"{SEAL} is missing or damaged, or does not know {name}"
            if name not in there:
                return f"{name[:80]} is not there"
            if _checksum(there[name]) != sealed[name]:
                return f"{name} is damaged"
    except OSError as error:
        return f"{error.filename} cannot be read"
    return None


def folders(place: Path, split: str) -> list[Path]:
    """The stored packs of a split."""
    pattern = re.compile(re.escape(split) + "-[0-9a-f]{16}")
    try:
        return sorted(p for p in place.iterdir() if pattern.fullmatch(p.name) and not p.is_symlink())
    except OSError:
        return []


def read_json(path: Path, clips: int = 0) -> dict | None:
    """The object of a JSON file about so many clips, None if it is missing or damaged."""
    try:
        safe_read.inside(path, path.parent)
        return safe_read.read_object(path, PER_CLIP * clips)
    except safe_read.InvalidFileError:
        return None


def write_json(path: Path, content) -> bool:
    """Writes a JSON file that only saves time later; False if it cannot be written."""
    try:
        atomic.write_file(path, json.dumps(content).encode())
    except StorageError:
        return False
    return True


def _checksum(path: Path) -> list[int]:
    """[bytes, CRC-32] of a file."""
    size, crc, block = path.stat().st_size, 0, memoryview(bytearray(BUFFER))
    with open(path, "rb", buffering=0) as file:
        if size <= CHECK_ALL:
            while read := file.readinto(block):
                crc = zlib.crc32(block[:read], crc)
            return [size, crc]
        for start in np.linspace(0, size - BLOCK, BLOCKS).astype(np.int64):
            file.seek(int(start))
            crc = zlib.crc32(file.read(BLOCK), crc)
    return [size, crc]
