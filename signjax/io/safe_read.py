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

from signjax.errors import DataError

MAX_BYTES = 1 << 26  # bytes of a file, 64 MB
MAX_MEMORY = 6 * MAX_BYTES  # bytes of memory that the objects of a JSON text may take
MAX_DEPTH = 32  # of JSON: deeper than anything that is written here
_HALF = re.compile("[\ud800-\udfff]")  # of a character


class InvalidFileError(DataError):
    """Why a file cannot be used."""


class MissingFileError(InvalidFileError):
    """There is no such file."""


def check_inside(path, *roots) -> None:
    """Raises InvalidFileError if a path, links followed, lies outside of all these folders."""
    try:
        real, homes = os.path.realpath(path), [os.path.realpath(root) for root in roots]
    except (OSError, ValueError) as error:
        raise InvalidFileError(describe_error(error)) from None
    if not any(os.path.commonpath((real, home)) == home for home in homes):
        raise InvalidFileError(f"lies outside of {homes[0]}")


@contextlib.contextmanager
def open_bounded(path, most: int | None = MAX_BYTES):
    """(open file, its size in bytes) of a regular file of at most `most` bytes, else InvalidFileError."""
    try:
        file = open(path, "rb", opener=_open_without_waiting)  # noqa: SIM115  closed below
    except FileNotFoundError as error:
        raise MissingFileError(describe_error(error)) from None
    except (OSError, ValueError) as error:
        raise InvalidFileError(describe_error(error)) from None
    with file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise InvalidFileError("is not a file")
        if most is not None and status.st_size > most:
            raise InvalidFileError(f"has {status.st_size:,} bytes, more than {most:,}")
        try:
            yield file, status.st_size
        except OSError as error:
            raise InvalidFileError(describe_error(error)) from None


def read_bytes(path, most: int = MAX_BYTES) -> bytes:
    """The bytes of a file, see `open_bounded`."""
    with open_bounded(path, most) as (file, size):
        return file.read(size)


def read_json(path, more: int = 0) -> dict:
    """The object of a JSON file, all numbers finite; `more` bytes are added to what it may have and take."""
    content = parse_json(read_bytes(path, MAX_BYTES + more), MAX_MEMORY + more)
    _check_values(content)
    return content


def parse_json(data: bytes, memory: int = MAX_MEMORY) -> dict:
    """The object of a JSON text; numbers may be as large as can be written, so 1e999 is infinite.

    Raises:
      InvalidFileError: it is no JSON, no object, has a key twice, holds NaN or Infinity, or would take more
        than `memory` bytes.
    """
    if (needed := _estimate_memory(data)) > memory:
        raise InvalidFileError(f"needs up to {needed >> 20:,} MB of memory, more than {memory >> 20:,}")
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
    """The first line of what an exception says, short."""
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return said.strip().partition("\n")[0][:80]


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
    for left in range(MAX_DEPTH, -1, -1):
        objects = [x for x in level if type(x) is dict]
        lists = [x for x in level if type(x) is list]
        if any(not x.isascii() and _HALF.search(x) for x in level if type(x) is str):
            raise InvalidFileError("holds text that is not Unicode")
        if not all(abs(x) < 1 << 63 for x in level if type(x) is int or type(x) is float):
            raise InvalidFileError("holds a number beyond 9e18")
        if (objects or lists) and not left:
            raise InvalidFileError("is nested too deeply")
        level = list(itertools.chain(*lists, *objects, *(x.values() for x in objects)))


def _refuse_repeated_keys(pairs: list) -> dict:
    content = dict(pairs)
    if len(content) != len(pairs):
        seen: set = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise InvalidFileError(f"has the key {twice[:40]!r} twice")
    return content


def _refuse_constant(name: str):
    raise InvalidFileError(f"holds {name}, which is not a number")
