"""Reading files that nobody vouches for: of bounded size, strictly, and nothing in them is ever run.

All that comes from outside a process is read here or, if it is arrays, by signjax.io.safe_numpy: clips,
packs, configs, vocabularies, the clips of others. What is wrong with a file is an `InvalidFileError` that
gives the reason alone; the caller says which file it is and what to do.
"""

import contextlib
import itertools
import json
import os
import re
import stat
from collections.abc import Iterator
from typing import BinaryIO

from signjax.errors import DataError

MAX_BYTES = 1 << 26  # of a file, 64 MB
MAX_MEMORY = 6 * MAX_BYTES  # bytes of memory that the objects of a JSON text may take
MAX_DEPTH = 32  # of JSON: deeper than anything that is written here
MAX_NUMBER = 1 << 63  # beyond it numbers of JSON fit into no array
_HALF = re.compile("[\ud800-\udfff]")  # of a character: JSON can write it, and UTF-8 cannot


class InvalidFileError(DataError):
    """Why a file cannot be used."""


class MissingFileError(InvalidFileError):
    """There is no such file."""


def check_inside(path, *folders) -> None:
    """Refuses a path that leads out of all these folders when its links are followed.

    Raises:
      InvalidFileError: it does, or it cannot be followed.
    """
    try:
        target, homes = os.path.realpath(path), [os.path.realpath(folder) for folder in folders]
    except (OSError, ValueError) as error:
        raise InvalidFileError(describe_error(error)) from None
    if not any(os.path.commonpath((target, home)) == home for home in homes):
        raise InvalidFileError(f"lies outside of {homes[0]}")


@contextlib.contextmanager
def open_bounded(path, max_bytes: int | None = MAX_BYTES) -> Iterator[tuple[BinaryIO, int]]:
    """Opens a regular file of at most `max_bytes` bytes, None for any size; yields it and its size in bytes.

    Raises:
      InvalidFileError: it cannot be read, is a folder, pipe or device, or is larger.
      MissingFileError: it is not there.
    """
    try:
        file = open(path, "rb", opener=_open_without_waiting)  # noqa: SIM115  closed below
    except FileNotFoundError as error:
        raise MissingFileError(describe_error(error)) from None
    except (OSError, ValueError) as error:
        raise InvalidFileError(describe_error(error)) from None
    with file:
        # Asked of the open file: what its name leads to could change between a check and the opening.
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise InvalidFileError("is not a file")
        if max_bytes is not None and status.st_size > max_bytes:
            raise InvalidFileError(f"has {status.st_size:,} bytes, more than {max_bytes:,}")
        try:
            yield file, status.st_size
        except OSError as error:
            raise InvalidFileError(describe_error(error)) from None


def read_bytes(path, max_bytes: int | None = MAX_BYTES) -> bytes:
    """The bytes of a file; raises as `open_bounded`."""
    with open_bounded(path, max_bytes) as (file, size):
        return file.read(size)  # no more than it had when it was opened, even if it grows


def read_json(path, extra_bytes: int = 0) -> dict:
    """The object of a JSON file whose numbers are all finite.

    Args:
      path: of the file.
      extra_bytes: that the file may have, and its objects take, beyond MAX_BYTES and MAX_MEMORY.

    Raises:
      InvalidFileError: as `open_bounded` and `parse_json`; numbers, nesting or text that nobody writes.
    """
    content = parse_json(read_bytes(path, MAX_BYTES + extra_bytes), MAX_MEMORY + extra_bytes)
    _check_values(content)
    return content


def parse_json(data: bytes, max_memory: int = MAX_MEMORY) -> dict:
    """The object of a JSON text; numbers may be as large as can be written, so 1e999 is infinite.

    Raises:
      InvalidFileError: it is no JSON, no object, has a key twice, holds NaN or Infinity, or would take more
        than `max_memory` bytes.
    """
    # Before parsing: a text of a few megabytes can stand for gigabytes of empty lists.
    if (needed := _estimate_memory(data)) > max_memory:
        raise InvalidFileError(f"needs up to {needed >> 20:,} MB of memory, more than {max_memory >> 20:,}")
    try:
        text = data.decode("utf-8-sig")
        content = json.loads(text, object_pairs_hook=_refuse_repeated_keys, parse_constant=_refuse_constant)
    except RecursionError:
        raise InvalidFileError("is nested too deeply") from None
    except InvalidFileError:
        raise
    except ValueError as error:  # bad JSON, bad UTF-8, integers of thousands of digits
        raise InvalidFileError(f"is not valid JSON ({describe_error(error)})") from None
    if not isinstance(content, dict):
        raise InvalidFileError("is no JSON object")
    return content


def describe_error(error: Exception) -> str:
    """The first line of what an exception says, at most 80 characters."""
    message = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return message.strip().partition("\n")[0][:80]


def _open_without_waiting(path, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # else a pipe that nobody writes to would be waited for


def _estimate_memory(data: bytes) -> int:
    """Bytes that Python's objects of a JSON text take at most, from the signs that make them.

    A list or an object takes up to 100 bytes, an element 40 with its number, a text 60, a key in its
    object and in the parser's memory 250; characters beyond ASCII up to 4 each, twice.
    """
    containers, elements = data.count(b"[") + data.count(b"{"), data.count(b",")
    strings, keys = data.count(b'"') // 2, data.count(b":")
    characters = len(data) * (2 if data.isascii() and b"\\" not in data else 9)
    return characters + 100 * containers + 40 * elements + 60 * strings + 250 * keys


def _check_values(content: dict) -> None:
    """Refuses what JSON can say and nobody means: endless numbers and nesting, half characters.

    It goes level by level: a call for each of the values would take longer than parsing them.
    """
    level: list = [content]
    for levels_left in range(MAX_DEPTH, -1, -1):
        objects = [x for x in level if type(x) is dict]
        lists = [x for x in level if type(x) is list]
        if any(not x.isascii() and _HALF.search(x) for x in level if type(x) is str):
            raise InvalidFileError("holds text that is not Unicode")
        if not all(abs(x) < MAX_NUMBER for x in level if type(x) is int or type(x) is float):
            raise InvalidFileError("holds a number beyond 9e18")
        if (objects or lists) and not levels_left:
            raise InvalidFileError("is nested too deeply")
        level = list(itertools.chain(*lists, *objects, *(x.values() for x in objects)))


def _refuse_repeated_keys(pairs: list) -> dict:
    content = dict(pairs)
    # Python takes the last of them and other readers the first: two programs would see two files.
    if len(content) != len(pairs):
        seen: set = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise InvalidFileError(f"has the key {repeated[:40]!r} twice")
    return content


def _refuse_constant(name: str):
    raise InvalidFileError(f"holds {name}, which is not a number")
