"""Reading checkpoints of PyTorch (.pth) without PyTorch and without unpickling.

torch.save writes a zip of raw arrays and a pickle that says how they form tensors and dicts. The pickle is
interpreted as data, see signjax.io.pickle_interpreter; an object that is no tensor becomes an `Instance`.
(Classes: torch/_utils.py and torch/serialization.py.)
"""

import math
import zipfile
from typing import Any, NamedTuple

import numpy as np

from signjax.io.pickle_interpreter import ClassName, PickleInterpreter, expect_type
from signjax.io.safe_numpy import MAX_DIMENSIONS, check_member_count
from signjax.io.safe_read import InvalidFileError, describe_error, is_unreadable, open_bounded

STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    # numpy has no such type: the two bytes are the upper half of a float32.
    "BFloat16Storage": "<u2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "u1",
}
MAX_PICKLE = 1 << 24  # bytes of a pickle; one for a thousand tensors has 200 kB


class Instance(NamedTuple):
    """An object of another class than the known ones."""

    of: ClassName
    arguments: Any  # of its constructor
    fields: dict


def read_torch(path) -> Any:
    """The object that torch.save wrote (torch 1.6 or later), with read-only numpy arrays as tensors.

    Arrays of bfloat16 are float32.

    Raises:
      InvalidFileError: it is no such file, is corrupt, or contains what no checkpoint does.
    """
    with open_bounded(path, None) as (file, size):
        try:
            check_member_count(file)
            with zipfile.ZipFile(file) as archive:
                return _TensorInterpreter(archive, size).build_object()
        except (InvalidFileError, MemoryError):
            raise
        # A corrupt file makes zipfile and pickletools raise nearly anything.
        except Exception as error:
            # Of the disk: `open_bounded` says so.
            if isinstance(error, OSError) and is_unreadable(error):
                raise
            reason = describe_error(error)
            raise InvalidFileError(f"is no file of torch.save that can be read ({reason})") from None


class _TensorInterpreter(PickleInterpreter):
    """Makes tensors of the raw arrays that lie beside the pickle in its archive."""

    def __init__(self, archive: zipfile.ZipFile, size: int):
        super().__init__()
        self.archive, self.storages = archive, {}
        members = {info.filename: info for info in archive.infolist()}
        pickles = [name for name in members if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(pickles) != 1 or any(info.compress_type != zipfile.ZIP_STORED for info in members.values()):
            raise InvalidFileError("is no file of torch.save (torch 1.6 or later)")
        self.root = pickles[0].removesuffix("data.pkl")
        # Nothing is compressed, but members of a zip may overlap, and unpack to more than the file.
        unpacked = sum(info.file_size for info in members.values())
        if unpacked > size:
            raise InvalidFileError(f"unpacks to {unpacked:,} bytes, more than it has")
        if (pickled := members[pickles[0]].file_size) > MAX_PICKLE:
            raise InvalidFileError(f"its pickle has {pickled:,} bytes, more than {MAX_PICKLE:,}")

    def build_object(self) -> Any:
        """The object that the pickle describes."""
        return self.run(self.archive.read(f"{self.root}data.pkl"))

    def call(self, of: ClassName, arguments: tuple) -> Any:
        return _call_by_name(of, arguments)

    def find_items(self, target) -> dict:
        return target.fields if isinstance(target, Instance) else expect_type(target, dict)

    def read_persistent(self, reference) -> Any:
        return self._read_storage(*reference)

    def set_state(self, state) -> None:
        target = expect_type(self.stack[-1], (Instance, dict))
        # torch sets attributes of its dicts, such as _metadata, which are not needed.
        if isinstance(target, Instance) and isinstance(state, dict):
            target.fields.update(state)

    def _read_storage(self, kind, of, key, _, count) -> np.ndarray:
        """The numbers [count] of a storage, a member of the archive that several tensors may share."""
        known = isinstance(of, ClassName) and of.name in STORAGES
        if kind != "storage" or not known or type(key) is not str:
            raise InvalidFileError(f"its pickle has data of an unknown kind, {str(of)[:60]}")
        if key not in self.storages:
            array = np.frombuffer(self.archive.read(f"{self.root}data/{key}"), STORAGES[of.name])
            if of.name == "BFloat16Storage":
                array = (array.astype("<u4") << 16).view("<f4")
            self.storages[key] = array != 0 if of.name == "BoolStorage" else array
        if len(self.storages[key]) != count:
            raise InvalidFileError(f"its data {key[:20]} does not have the size in its pickle")
        return self.storages[key]


def _call_by_name(of, arguments) -> Any:
    """What a call of one of the few known functions returns; for others an Instance."""
    if of == ("torch._utils", "_rebuild_tensor_v2"):
        return _view_tensor(*arguments[:4])
    if of == ("torch._utils", "_rebuild_parameter"):
        return expect_type(arguments[0], np.ndarray)
    if of == ("collections", "OrderedDict") and not arguments:
        return {}
    return Instance(of, arguments, {})


def _view_tensor(storage, offset, shape, strides) -> np.ndarray:
    """A read-only view of a storage [n], never larger than it; offset and strides count its numbers."""
    numbers = [offset, *expect_type(shape, tuple), *expect_type(strides, tuple)]
    counts = all(type(n) is int and n >= 0 for n in numbers)
    if len(shape) != len(strides) or len(shape) > MAX_DIMENSIONS or not counts:
        raise InvalidFileError("a tensor has no shape")
    last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    size, stored = math.prod(shape), len(expect_type(storage, np.ndarray))
    # With strides of 0 one number can be a huge view: so the size is compared, and not only the last index.
    if size > stored or (size and last >= stored):
        raise InvalidFileError("a tensor is larger than its data")
    # numpy refuses some sizes even where one dimension is 0 and the array empty.
    if math.prod(n or 1 for n in shape) >= 1 << 60:
        raise InvalidFileError("a tensor has no shape")
    byte_strides = [stride * storage.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, byte_strides, writeable=False)
