"""Numbers from pickles of strangers, without unpickling: numpy arrays, dicts, lists, texts and numbers only.

The pickle is interpreted as data, as in signjax.io.torch_checkpoint: what it would import or call is never
looked up. The few calls by which numpy writes arrays are carried out here; other objects are errors that name
them. (Instructions: Python's pickletools. Calls: numpy's ndarray.__reduce__, dtype.__reduce__.)
"""

import math
import pickletools
import re
from typing import Any, NamedTuple

import numpy as np

from signjax.io.safe_numpy import MAX_DIMENSIONS
from signjax.io.safe_read import InvalidFileError, describe_error, read_bytes

MAX_BYTES = 1 << 26
# Each takes up to a hundred bytes of memory, and a byte in the file.
MAX_INSTRUCTIONS = 1 << 20
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
LITERALS = {
    "BININT",
    "BININT1",
    "BININT2",
    "LONG1",
    "BINFLOAT",
    "BINUNICODE",
    "SHORT_BINUNICODE",
    "BINUNICODE8",
}
LITERALS |= {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "BINSTRING", "SHORT_BINSTRING"}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
BUILDERS = {"EMPTY_DICT": dict, "EMPTY_LIST": list}
IGNORED = {"PROTO", "FRAME"}
NUMBERS = re.compile(r"[biuf][1248]")  # types of arrays: no objects, no texts
MARK = object()


class _Name(NamedTuple):
    """The name of a class or function."""

    module: str
    name: str


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
        return _Interpreter().run(data)
    except (InvalidFileError, MemoryError):
        raise
    # Instructions in a wrong order make a stack raise nearly anything.
    except Exception as error:
        raise InvalidFileError(f"is no pickle that can be read ({describe_error(error)})") from None


class _Interpreter:
    """Carries out a pickle's instructions, which work on a stack."""

    def __init__(self):
        self.stack: list = []
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        for count, (instruction, argument, _) in enumerate(pickletools.genops(data)):
            if count >= MAX_INSTRUCTIONS:
                raise InvalidFileError(f"has more than {MAX_INSTRUCTIONS:,} instructions")
            if instruction.name == "STOP":
                return self.stack.pop()
            self._execute(instruction.name, argument)
        raise InvalidFileError("has no end")

    def _execute(self, name: str, argument) -> None:
        stack = self.stack
        if name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name in LITERALS:
            stack.append(argument)
        elif name in BUILDERS:
            stack.append(BUILDERS[name]())
        elif name == "MARK":
            stack.append(MARK)
        elif name in TUPLES:
            stack[-TUPLES[name] :] = [tuple(stack[-TUPLES[name] :])]
        elif name in ("TUPLE", "LIST"):
            items = self._pop_marked()
            stack.append(tuple(items) if name == "TUPLE" else items)
        elif name in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            place = len(self.memo) if argument is None else argument
            self.memo[place] = stack[-1]
            if isinstance(stack[-1], _Unfilled):
                stack[-1].place = place
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        elif name in ("APPEND", "APPENDS"):
            items = [stack.pop()] if name == "APPEND" else self._pop_marked()
            _expect(stack[-1], list).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            self._set_items([stack.pop(-2), stack.pop()] if name == "SETITEM" else self._pop_marked())
        elif name in ("GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"):
            self._build_array(name, argument)
        elif name not in IGNORED:
            raise InvalidFileError(f"has an instruction {name}, which arrays do not need")

    def _build_array(self, name: str, argument) -> None:
        stack = self.stack
        if name == "GLOBAL":
            stack.append(_Name(*argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            of = stack.pop()
            stack.append(_Name(_expect(stack.pop(), str), _expect(of, str)))
        elif name == "REDUCE":
            arguments = _expect(stack.pop(), tuple)
            stack.append(_call(_expect(stack.pop(), _Name), arguments))
        else:
            state, target = _expect(stack.pop(), tuple), _expect(stack.pop(), _Unfilled)
            stack.append(_fill(target, state))
            if target.place is not None:
                self.memo[target.place] = stack[-1]

    def _pop_marked(self) -> list:
        """Removes the last mark and the items above it from the stack; returns the items."""
        at = next(i for i in range(len(self.stack) - 1, -1, -1) if self.stack[i] is MARK)
        items = self.stack[at + 1 :]
        del self.stack[at:]
        return items

    def _set_items(self, items: list) -> None:
        target = _expect(self.stack[-1], dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Others may not be hashable.
            if type(key) not in (str, int):
                raise InvalidFileError("has a key that is neither text nor number")
            target[key] = value


def _call(of: _Name, arguments: tuple) -> Any:
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
            return _expect(arguments[0], str).encode("latin1")
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
    _expect(kind, np.dtype)
    shape = (shape,) if type(shape) is int else _expect(shape, tuple)
    # As text in the pickles of Python 2.
    data = data.encode("latin1") if isinstance(data, str) else _expect(data, (bytes, bytearray))
    if len(shape) > MAX_DIMENSIONS or not all(type(n) is int and n >= 0 for n in shape):
        raise InvalidFileError("holds an array without a shape")
    if math.prod(shape) * kind.itemsize != len(data):
        raise InvalidFileError(f"holds an array {list(shape)} of {kind} in {len(data):,} bytes")
    if not len(data):
        return np.zeros(0, kind.newbyteorder("="))
    array = np.frombuffer(data, kind).reshape(shape, order="F" if is_fortran else "C")
    return array.view(np.uint8) != 0 if kind.kind == "b" else array.astype(kind.newbyteorder("="), copy=False)


def _expect(value, kind):
    """The value; raises InvalidFileError if it is not of a type, or of one of several."""
    if not isinstance(value, kind):
        raise InvalidFileError(f"has a {type(value).__name__} in a wrong place")
    return value
