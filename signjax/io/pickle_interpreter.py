"""Pickles interpreted as data: instructions build dicts, lists, tuples, texts and numbers on a stack.

What a pickle would import or call is never looked up: `PickleInterpreter` keeps its name, and those who read
a kind of file carry out the few calls that they know. (Instructions: Python's pickletools.)
"""

import pickletools
from typing import Any, NamedTuple

from signjax.io.safe_read import InvalidFileError

# Each takes up to a hundred bytes of memory, and a byte in the file.
MAX_INSTRUCTIONS = 1 << 20
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
LITERALS = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}
LITERALS |= {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
LITERALS |= {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "BINSTRING", "SHORT_BINSTRING"}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
BUILDERS = {"EMPTY_DICT": dict, "EMPTY_LIST": list}
IGNORED = {"PROTO", "FRAME"}
MARK = object()  # on the stack below the items of a list, dict or tuple


class ClassName(NamedTuple):
    """The name of a class or a function; it is never imported."""

    module: str
    name: str


class PickleInterpreter:
    """Carries out a pickle's instructions, which work on a stack."""

    def __init__(self):
        self.stack: list = []
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        """The object that a pickle describes.

        Raises:
          InvalidFileError: it has instructions that are not carried out, too many, or no end.
          Exception: nearly any other, for instructions in a wrong order.
        """
        for count, (instruction, argument, _) in enumerate(pickletools.genops(data)):
            if count >= MAX_INSTRUCTIONS:
                raise InvalidFileError(f"its pickle has more than {MAX_INSTRUCTIONS:,} instructions")
            if instruction.name == "STOP":
                result = self.stack.pop()
                if self.stack or result is MARK:
                    raise InvalidFileError("its pickle builds more than one object")
                return result
            self._execute(instruction.name, argument)
        raise InvalidFileError("its pickle has no end")

    def call(self, of: ClassName, arguments: tuple) -> Any:
        """What a call gives that the pickle asks for."""
        raise NotImplementedError

    def set_state(self, state) -> None:
        """Sets the state of the object on top of the stack."""
        raise NotImplementedError

    def read_persistent(self, reference) -> Any:
        """What a reference to something outside the pickle stands for."""
        del reference
        raise InvalidFileError("its pickle has references to other files, which are not read")

    def find_items(self, target) -> dict:
        """The dict that items of an object are put into."""
        return expect_type(target, dict)

    def remember(self, place: int) -> None:
        """Keeps the object on top of the stack for later uses."""
        self.memo[place] = self.stack[-1]

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
            self.remember(len(self.memo) if argument is None else argument)
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        elif name in ("APPEND", "APPENDS"):
            items = [stack.pop()] if name == "APPEND" else self._pop_marked()
            expect_type(stack[-1], list).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            self._set_items([stack.pop(-2), stack.pop()] if name == "SETITEM" else self._pop_marked())
        elif name not in IGNORED:
            self._execute_object(name, argument)

    def _execute_object(self, name: str, argument) -> None:
        """Instructions about other objects than those of Python's own types."""
        stack = self.stack
        if name == "GLOBAL":
            stack.append(ClassName(*argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            of = expect_type(stack.pop(), str)
            stack.append(ClassName(expect_type(stack.pop(), str), of))
        elif name in ("REDUCE", "NEWOBJ"):
            arguments = expect_type(stack.pop(), tuple)
            stack.append(self.call(expect_type(stack.pop(), ClassName), arguments))
        elif name == "BUILD":
            self.set_state(stack.pop())
        elif name == "BINPERSID":
            stack.append(self.read_persistent(stack.pop()))
        else:
            raise InvalidFileError(f"its pickle has an instruction {name}, which data do not need")

    def _pop_marked(self) -> list:
        """Removes the last mark and the items above it from the stack; returns the items."""
        at = next(i for i in range(len(self.stack) - 1, -1, -1) if self.stack[i] is MARK)
        items = self.stack[at + 1 :]
        del self.stack[at:]
        return items

    def _set_items(self, items: list) -> None:
        target = self.find_items(self.stack[-1])
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Others may not be hashable, or be arrays.
            if type(key) not in (str, int):
                raise InvalidFileError("its pickle has a key that is neither text nor number")
            target[key] = value


def expect_type(value, kind):
    """The value; raises InvalidFileError if it is not of a type, or of one of several."""
    if not isinstance(value, kind):
        raise InvalidFileError(f"its pickle has a {type(value).__name__} in a wrong place")
    return value
