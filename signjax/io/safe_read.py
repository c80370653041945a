"""Reading untrusted files: of bounded size, strictly, and without running anything in them.

Whatever comes from outside of a process is read here or, if it is arrays, by signjax.io.safe_numpy: clips,
packs, configs, vocabularies. An `InvalidFileError` gives only the reason why a file cannot be used; the
caller adds the name of the file and what to do.
"""

import contextlib
import errno
import itertools
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from signjax.errors import DataError
from signjax.io.long_names import describe_long_name

MAX_BYTES = 1 << 26  # of a file, 64 MB
MAX_MEMORY = 6 * MAX_BYTES  # bytes of memory for the objects of a JSON text
MAX_DEPTH = 32  # of nested lists and objects in JSON; signjax writes none that deep
MAX_NUMBER = 1 << 63  # of JSON; larger integers fit into no array
# Numbers of errors that say that there is no file of a name, or what is in it: zipfile seeks to where a bad
# file says (EINVAL). All others (EACCES, EIO, ESTALE, EMFILE, ENOMEM, ...) are of the disk, its server or of
# this process, and may pass.
_NO_SUCH_FILE = {
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENXIO,
    errno.ENAMETOOLONG,
    errno.EINVAL,
}
# Half of a surrogate pair: JSON can escape it, but no text with it can be printed or written as UTF-8.
_SURROGATE = re.compile("[\ud800-\udfff]")


class InvalidFileError(DataError):
    """Why a file cannot be used."""


class MissingFileError(InvalidFileError):
    """There is no such file."""


class UnreadableFileError(InvalidFileError):
    """A disk, a server or a limit of this process keeps a file from being read now; the file may be whole."""


def is_unreadable(error: OSError) -> bool:
    """Whether an error says nothing about the file: it may pass, and the file must not be given up."""
    # Python's own modules raise an OSError without a number for a content that they do not understand.
    return error.errno is not None and error.errno not in _NO_SUCH_FILE


def check_inside(path, *folders) -> None:
    """Raises unless a path, with its links followed, is inside of one of these folders.

    Raises:
      InvalidFileError: it is outside of all, or its links cannot be followed.
    """
    # Links of the folders are followed, too: a data set may be a link as a whole.
    try:
        target, parents = os.path.realpath(path), [os.path.realpath(folder) for folder in folders]
    except (OSError, ValueError) as error:
        raise _convert_error(error) from None
    if not any(os.path.commonpath((target, parent)) == parent for parent in parents):
        raise InvalidFileError(f"lies outside of {parents[0]}")


@contextlib.contextmanager
def open_bounded(path, max_bytes: int | None = MAX_BYTES) -> Iterator[tuple[BinaryIO, int]]:
    """Opens a regular file and yields it and its size in bytes.

    Args:
      path: of the file.
      max_bytes: limit of its size; None for any size.

    Raises:
      InvalidFileError: it is a folder, pipe or device, or is larger.
      MissingFileError: there is no such file.
      UnreadableFileError: it cannot be read now.
    """
    try:
        file = open(path, "rb", opener=_open_without_waiting)  # noqa: SIM115  closed below
    except (OSError, ValueError) as error:
        raise _convert_error(error) from None
    with file:
        # Of the open file: between a check of its name and opening it the name could lead elsewhere.
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise InvalidFileError("is not a file")
        if max_bytes is not None and status.st_size > max_bytes:
            raise InvalidFileError(f"has {status.st_size:,} bytes, more than {max_bytes:,}")
        try:
            yield file, status.st_size
        except OSError as error:
            raise _convert_error(error) from None


def read_bytes(path, max_bytes: int | None = MAX_BYTES) -> bytes:
    """The bytes of a file; raises like `open_bounded`."""
    with open_bounded(path, max_bytes) as (file, size):
        # No more than was checked, even if the file grows meanwhile.
        return file.read(size)


def read_json(path, extra_bytes: int = 0) -> dict:
    """The object in a JSON file; all its numbers are finite.

    Args:
      path: of the file.
      extra_bytes: added to the limits MAX_BYTES of the file and MAX_MEMORY of its objects.

    Raises:
      InvalidFileError: as `open_bounded` and `parse_json`; or numbers are too large, nesting is too deep, or
        text is not Unicode.
    """
    content = parse_json(read_bytes(path, MAX_BYTES + extra_bytes), MAX_MEMORY + extra_bytes)
    _check_values(content)
    return content


def parse_json(data: bytes, max_memory: int = MAX_MEMORY) -> dict:
    """The object in a JSON text. Numbers are not checked: 1e999 becomes infinity.

    Raises:
      InvalidFileError: it is no JSON, no object, has a key twice, contains NaN or Infinity, or would take
        more than `max_memory` bytes.
    """
    # Before parsing: a few megabytes of "[[],[],..." become gigabytes of lists.
    if (needed := _estimate_memory(data)) > max_memory:
        raise InvalidFileError(f"needs up to {needed >> 20:,} MB of memory, more than {max_memory >> 20:,}")
    try:
        text = data.decode("utf-8-sig")
        content = json.loads(text, object_pairs_hook=_refuse_repeated_keys, parse_constant=_refuse_constant)
    except RecursionError:
        raise InvalidFileError("is nested too deeply") from None
    except InvalidFileError:
        raise
    # Invalid JSON, invalid UTF-8, or an integer of thousands of digits.
    except ValueError as error:
        raise InvalidFileError(f"is not valid JSON ({describe_error(error)})") from None
    if not isinstance(content, dict):
        raise InvalidFileError("is no JSON object")
    return content


def describe_error(error: Exception) -> str:
    """The first line of the message of an exception, at most 80 characters."""
    # strerror: the text of an OSError also has its number and the path, which the caller adds.
    long_name = describe_long_name(error)
    message = long_name or getattr(error, "strerror", None) or str(error) or type(error).__name__
    return message.strip().partition("\n")[0][:80]


def _convert_error(error: OSError | ValueError) -> InvalidFileError:
    kind = InvalidFileError
    if isinstance(error, FileNotFoundError):
        kind = MissingFileError
    elif isinstance(error, OSError) and is_unreadable(error):
        kind = UnreadableFileError
    return kind(describe_error(error))


def _open_without_waiting(path, flags: int) -> int:
    # Opening a pipe would otherwise wait for a process that writes to it.
    return os.open(path, flags | os.O_NONBLOCK)


def _estimate_memory(data: bytes) -> int:
    """An upper bound for the bytes of memory that the Python objects of a JSON text take."""
    # A list or an object takes up to 100 bytes, an element with its number 40, a string 60, a key 250 in its
    # object and in the parser's memo. Characters take a byte in ASCII, else up to 4, twice while decoded.
    containers, elements = data.count(b"[") + data.count(b"{"), data.count(b",")
    strings, keys = data.count(b'"') // 2, data.count(b":")
    characters = len(data) * (2 if data.isascii() and b"\\" not in data else 9)
    return characters + 100 * containers + 40 * elements + 60 * strings + 250 * keys


def _check_values(content: dict) -> None:
    """Raises InvalidFileError for infinite numbers, deep nesting, and text that is not Unicode."""
    # Level by level: a function call for each value would take longer than parsing them.
    level: list = [content]
    for levels_left in range(MAX_DEPTH, -1, -1):
        objects = [x for x in level if type(x) is dict]
        lists = [x for x in level if type(x) is list]
        if any(not x.isascii() and _SURROGATE.search(x) for x in level if type(x) is str):
            raise InvalidFileError("holds text that is not Unicode")
        if not all(abs(x) < MAX_NUMBER for x in level if type(x) is int or type(x) is float):
            raise InvalidFileError("holds a number beyond 9e18")
        if (objects or lists) and not levels_left:
            raise InvalidFileError("is nested too deeply")
        level = list(itertools.chain(*lists, *objects, *map(_list_values, objects)))


def _list_values(content: dict) -> Iterable:
    """The values of an object, but for a seed, which may be any whole number."""
    if type(content.get("seed")) is not int:
        return content.values()
    return (value for name, value in content.items() if name != "seed")


def _refuse_repeated_keys(pairs: list) -> dict:
    content = dict(pairs)
    # Python takes the last of them, other readers the first: two programs would read different things.
    if len(content) != len(pairs):
        seen: set = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise InvalidFileError(f"has the key {repeated[:40]!r} twice")
    return content


def _refuse_constant(name: str):
    raise InvalidFileError(f"holds {name}, which is not a number")
