"""Folders of .npy and .json files that are complete or absent, and whose corruption is detected.

A folder is built under a temporary name and renamed when finished; its `seal.json` holds the size and a
checksum of every file. A folder may have come with a data set of others, so nothing in it is trusted unread.
"""

import json
import re
import zlib
from pathlib import Path

import numpy as np

from signjax.errors import StorageError
from signjax.io import atomic, checksums, machine_errors, safe_read

CHECKSUMS, UNCHECKED = "seal.json", {"seal.json", "signatures.json"}
# Checksums cover files up to this size in full and larger ones in evenly spaced blocks: loading must
# not read gigabytes that training may map and never touch.
MAX_FULL_CHECK, BLOCK, BLOCKS = 1 << 26, 1 << 16, 256
# Bytes read at a time: so few that they stay in the processor's cache between reading and summing.
BUFFER = 1 << 17
JSON_BYTES_PER_CLIP = 1 << 12  # bytes of JSON and of its objects that a clip may add


class ArrayWriter:
    """Writes a float32 .npy of unknown length: `with ArrayWriter(path, shape) as a: a.append_rows(x)`."""

    def __init__(self, path: Path, row_shape: tuple[int, ...]):
        self.path, self.row_shape, self.rows = path, row_shape, 0

    def __enter__(self):
        self.file = open(self.path, "wb")
        self._write_header()
        return self

    def append_rows(self, rows: np.ndarray) -> None:
        """Appends rows [n, *row_shape]."""
        # Little-endian as the header says, whatever the machine: packs are copied between machines.
        self.file.write(np.ascontiguousarray(rows, "<f4").data)
        self.rows += len(rows)

    def __exit__(self, *_):
        self.file.seek(0)
        self._write_header()
        self.file.close()

    def _write_header(self) -> None:
        # A fixed 128 bytes, so that the final length can be written over the first guess (numpy.lib.format).
        shape = (self.rows, *self.row_shape)
        text = repr({"descr": "<f4", "fortran_order": False, "shape": shape}).encode()
        self.file.write(b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + text.ljust(117) + b"\n")


def write_checksums(folder: Path) -> None:
    """Records size and checksum of each file of a finished folder."""
    sums = {name: _compute_checksum(path) for name, path in _list_files(folder).items()}
    (folder / CHECKSUMS).write_text(json.dumps(sums))


def find_corruption(folder: Path) -> str | None:
    """What is wrong with a finished folder, or None; see signjax.io.checksums.find_corruption.

    Raises:
      StorageError: a file cannot be read now, so that nothing is known about it.
    """
    # A pack that is given up is packed again, for hours, and removed: not for a disk that fails for a moment.
    with machine_errors.convert_unreadable(folder):
        return _compare_files(folder)


def _compare_files(folder: Path) -> str | None:
    try:
        recorded = _read_object(folder / CHECKSUMS)
    except safe_read.UnreadableFileError:
        raise
    except safe_read.InvalidFileError:
        recorded = {}
    try:
        files = _list_files(folder)
        # All that is mapped needs a checksum; other files, as a desktop leaves them, do no harm.
        unknown = {"index.json", *(name for name in files if name.endswith(".npy"))} - recorded.keys()
        if unknown:
            return f"{CHECKSUMS} is missing or corrupt, or does not know {min(unknown)}"
        files = {name: files[name] for name in recorded if name in files}
        links = [path.name for path in folder.iterdir() if path.is_symlink()]
        # What a link leads to would be mapped, and could be any file of the user.
        if links:
            return f"{links[0]} is a link"
        changed = checksums.find_changed_file(recorded, files, _compute_checksum)
    except OSError as error:
        if safe_read.is_unreadable(error):
            raise
        return f"{error.filename} cannot be read"
    return f"{changed[:80]} is not as {CHECKSUMS} says" if changed else None


def _list_files(folder: Path) -> dict[str, Path]:
    """The files that have checksums, by name. Links are none of them: they could lead anywhere."""
    return {
        path.name: path
        for path in folder.iterdir()
        if path.name not in UNCHECKED and path.is_file() and not path.is_symlink()
    }


def list_packs(cache: Path, split: str) -> list[Path]:
    """The stored packs of a split.

    Raises:
      StorageError: the cache cannot be read now.
    """
    # The whole name must match: packs of the split "train" must not include those of its part "train.00001".
    pattern = re.compile(re.escape(split) + "-[0-9a-f]{16}")
    with machine_errors.convert_unreadable(cache):
        try:
            return sorted(p for p in cache.iterdir() if pattern.fullmatch(p.name) and not p.is_symlink())
        # None there, or the cache of another user, who may keep it closed; a pack can then be elsewhere.
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return []


def try_read_json(path: Path, clips: int = 0) -> dict | None:
    """The object of a JSON file about this many clips; None if it is missing or corrupt."""
    try:
        return _read_object(path, clips)
    except safe_read.InvalidFileError:
        return None


def _read_object(path: Path, clips: int = 0) -> dict:
    """The object of a JSON file about this many clips."""
    safe_read.check_inside(path, path.parent)
    return safe_read.read_json(path, JSON_BYTES_PER_CLIP * clips)


def try_write_json(path: Path, content) -> bool:
    """Writes a JSON file that only saves time later; False if it cannot be written."""
    try:
        atomic.write_file(path, json.dumps(content).encode())
    except StorageError:
        return False
    return True


def _compute_checksum(path: Path) -> list[int]:
    """[size in bytes, CRC-32] of a file. A CRC is twice as fast as SHA-256 and enough against chance."""
    size, crc, block = path.stat().st_size, 0, memoryview(bytearray(BUFFER))
    with open(path, "rb", buffering=0) as file:
        if size <= MAX_FULL_CHECK:
            while read := file.readinto(block):
                crc = zlib.crc32(block[:read], crc)
            return [size, crc]
        for start in np.linspace(0, size - BLOCK, BLOCKS).astype(np.int64):
            file.seek(int(start))
            crc = zlib.crc32(file.read(BLOCK), crc)
    return [size, crc]
