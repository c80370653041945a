"""Numbers from pickles of strangers, without unpickling: numpy arrays, dicts, lists, texts and numbers only.

The pickle is interpreted as data, see signjax.io.pickle_interpreter. The few calls by which numpy writes
arrays are carried out here; other objects are errors that name them. (Calls: numpy's ndarray.__reduce__,
dtype.__reduce__.)
"""

import math
import re
from typing import Any

import numpy as np

from signjax.io.pickle_interpreter import ClassName, PickleInterpreter, expect_type
from signjax.io.safe_numpy import MAX_DIMENSIONS
from signjax.io.safe_read import InvalidFileError, describe_error, read_bytes

MAX_BYTES = 1 << 26
NUMBERS = re.compile(r"[biuf][1248]")  # types of arrays: no objects, no texts


class _Unfilled:
    """An array, or a type with a code, whose state comes in a later instruction."""

    def __init__(self, code: str = ""):
        self.code = code
        self.place: int | None = None  # in the memo, by which later uses name it


def read_pickle(path, max_bytes: int = MAX_BYTES) -> Any:
    """The object in a pickle of protocol 2 or later.

    Raises:
      InvalidFileError: it cannot be read, is corrupt, or holds other things than arrays of numbers, dicts,
        lists, tuples, texts and numbers; those are named.
    """
    return parse_pickle(read_bytes(path, max_bytes))


def parse_pickle(data: bytes) -> Any:
    """The object in the bytes of a pickle; raises like `read_pickle`."""
    try:
        return _ArrayInterpreter().run(data)
    except (InvalidFileError, MemoryError):
        raise
    # Instructions in a wrong order make a stack raise nearly anything.
    except Exception as error:
        raise InvalidFileError(f"is no pickle that can be read ({describe_error(error)})") from None


class _ArrayInterpreter(PickleInterpreter):
    """Makes arrays as numpy writes them; their state comes in a later instruction."""

    def call(self, of: ClassName, arguments: tuple) -> Any:
        return _call(of, arguments)

    def remember(self, place: int) -> None:
        super().remember(place)
        if isinstance(self.stack[-1], _Unfilled):
            self.stack[-1].place = place

    def set_state(self, state) -> None:
        target = expect_type(self.stack.pop(), _Unfilled)
        self.stack.append(_fill(target, expect_type(state, tuple)))
        if target.place is not None:
            self.memo[target.place] = self.stack[-1]


def _call(of: ClassName, arguments: tuple) -> Any:
    """What one of the calls gives by which numpy writes arrays."""
    # numpy 2 has renamed numpy.core to numpy._core.
    module = of.module.replace("numpy._core", "numpy.core")
    match (module, of.name):
        case ("numpy.core.multiarray", "_reconstruct"):
            return _Unfilled()
        case ("numpy", "dtype"):
            return _Unfilled(_check_type(arguments[0]))
        case ("numpy.core.numeric", "_frombuffer"):
            data, kind, shape, order = arguments
            return _make_array(data, kind, shape, order == "F")
        case ("numpy.core.multiarray", "scalar"):
            return _make_array(arguments[1], arguments[0], (), False)[()]
        # Python 2 and protocol 2 write bytes as text.
        case ("_codecs", "encode") if arguments[1] == "latin1":
            return expect_type(arguments[0], str).encode("latin1")
        case ("__builtin__" | "builtins", "bytes") if not arguments:
            return b""
        case ("collections", "OrderedDict") if not arguments:
            return {}
    raise InvalidFileError(
        f"holds {of.module[:40]}.{of.name[:40]}, which is not read: only arrays, dicts and lists"
    )


def _fill(target: _Unfilled, state: tuple) -> np.ndarray | np.dtype:
    """An array or type with the state that follows it."""
    if target.code:
        # Of a type, the order of its bytes.
        return np.dtype(target.code).newbyteorder(state[1] if state[1] in ("<", ">") else "=")
    _, shape, kind, is_fortran, data = state
    return _make_array(data, kind, shape, is_fortran)


def _check_type(code) -> str:
    if not isinstance(code, str) or not NUMBERS.fullmatch(code):
        raise InvalidFileError(f"holds an array of type {str(code)[:20]!r}, not of numbers")
    return code


def _make_array(data, kind, shape, is_fortran) -> np.ndarray:
    """An array of this machine's byte order; raises InvalidFileError unless its data have its size."""
    expect_type(kind, np.dtype)
    shape = (shape,) if type(shape) is int else expect_type(shape, tuple)
    # As text in the pickles of Python 2.
    data = data.encode("latin1") if isinstance(data, str) else expect_type(data, (bytes, bytearray))
    if len(shape) > MAX_DIMENSIONS or not all(type(n) is int and n >= 0 for n in shape):
        raise InvalidFileError("holds an array without a shape")
    if math.prod(shape) * kind.itemsize != len(data):
        raise InvalidFileError(f"holds an array {list(shape)} of {kind} in {len(data):,} bytes")
    if not len(data):
        return np.zeros(0, kind.newbyteorder("="))
    array = np.frombuffer(data, kind).reshape(shape, order="F" if is_fortran else "C")
    return array.view(np.uint8) != 0 if kind.kind == "b" else array.astype(kind.newbyteorder("="), copy=False)
