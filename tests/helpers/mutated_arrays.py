"""Seeded damage to arrays and their archives: headers, types, sizes and names that are not what they say."""

import functools
import io
import struct
import zipfile

import numpy as np

HEADER = "{'descr': '%s', 'fortran_order': False, 'shape': %s}"
HEADERS = [
    *(HEADER % ("<f4", shape) for shape in ("(100000000000,)", "(-1, 50, 3)", "(4294967296, 4294967296)")),
    *(HEADER % ("<f4", shape) for shape in ("(0, 1099511627776, 1099511627776)", (1,) * 80, "[4]", "(4L,)")),
    *(HEADER % (kind, "(4,)") for kind in ("|O", "<U0", "<U1000000000", "<c16", "<M8[s]", "|V9", "nope")),
    HEADER % ("<U0", "(4000000000,)"),
    "{'descr': [('a', '<f4', (9000000,))], 'fortran_order': False, 'shape': (4,)}",
    "{'descr': '<f4', 'fortran_order': 'yes', 'shape': (4,)}",
    "{'descr': '<f4', 'shape': (4,)}",
    "{'descr': __import__('os').getcwd(), 'fortran_order': False, 'shape': (4,)}",
    *("(" * 4000, "[" * 9000, "9" * 9000, "", "None"),
]
NUMBERS = ("<f4", ">f4", "<f8", "<f2", "<f16", "<i8", "|i1", "|u1", "|b1", "<U4")
KINDS = (*NUMBERS, "<c8", "|S4", "<m8[s]")
VALUES = (np.nan, np.inf, -3e38, 1e30, 1e-40, 1e6, 9e5)
STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED


def pick(rng, items):
    """One of them, as it is: numpy's choice would make an array of all."""
    return items[int(rng.integers(len(items)))]


def npy(rng, data, other):
    """An array with another header, type or shape, or with numbers that are none."""
    array = np.load(io.BytesIO(data), allow_pickle=False)
    if array.size > 1 << 20:  # of elements without bytes: a cast would give them some
        raise ValueError("a bomb already")
    content = data[data.index(b"\n") + 1 :]
    how = pick(rng, ("header", "type", "value", "shape", "cast"))
    if how == "header":
        return with_header(pick(rng, HEADERS), content, version=pick(rng, (1, 2, 3, 9)))
    if how == "type":
        return with_header(HEADER % (pick(rng, KINDS), tuple(rng.permutation(array.shape).tolist())), content)
    with np.errstate(all="ignore"):
        if how == "value" and array.dtype.kind == "f":
            array = array.copy()
            array.reshape(-1)[rng.integers(array.size)] = pick(rng, VALUES)
        elif how == "shape" and array.ndim:
            shapes = (array[:0], array[:1], array[..., :1], array[None], array.T, array.repeat(3, 0))
            array = pick(rng, shapes)
        else:
            array = array.astype(pick(rng, NUMBERS))
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def with_header(header: str, content: bytes, version: int = 1) -> bytes:
    """The bytes of an .npy with any header."""
    text = header.encode() + b"\n"
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + content


def npz(rng, data, other):
    """An archive whose arrays, names, sizes or ways of packing are others than they say."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(info.file_size for info in archive.infolist()) > 1 << 20:
            raise ValueError("a bomb already")
        members = {name: archive.read(name) for name in archive.namelist()}
    name, twice = pick(rng, list(members)), []
    how = pick(rng, ("array", "array", "array", "name", "bomb", "method", "twice", "many", "sizes", "sizes"))
    if how == "array":
        members[name] = npy(rng, members[name], other)
    elif how == "name":
        content = members.pop(name)
        members[pick(rng, ("../../x.npy", "/tmp/x", "pose", "", "x" * 70, f"{name}.npy"))] = content
    elif how == "bomb":
        return bomb(name, bool(rng.integers(2)))
    elif how == "twice":
        twice = [(name, members[name])]
    elif how == "many":
        twice = [(f"{k}.npy", b"") for k in range(pick(rng, (10, 5000)))]
    ways = (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA) if how == "method" else (STORED, DEFLATED)
    file_bytes = bytearray(archived([*members.items(), *twice], pick(rng, ways)))
    if how == "sizes":  # and offsets, flags, versions of the directory
        at = file_bytes.index(b"PK\x01\x02") + pick(rng, (6, 8, 10, 16, 20, 24, 28, 42))
        file_bytes[at : at + 4] = struct.pack("<I", pick(rng, (0, 1, 99, 1 << 20, 1 << 31, (1 << 32) - 1)))
    return bytes(file_bytes)


def archived(members, method: int) -> bytes:
    """The bytes of a zip file of (name, content) pairs, names twice if given twice."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            archive.writestr(info, content)
    return file.getvalue()


def bomb(name: str, lies: bool, size: int = 1 << 28) -> bytes:
    """A quarter of a megabyte that unpacks to an array of 256; `lies` if it declares to hold 64 bytes."""
    blank = b"?" * len(name.encode())
    file_bytes = bytearray(_pack_bomb(blank.decode(), size).replace(blank, name.encode()))
    if lies:
        at = file_bytes.index(b"PK\x01\x02") + 24
        file_bytes[at : at + 4] = struct.pack("<I", 64)
    return bytes(file_bytes)


@functools.cache
def _pack_bomb(name: str, size: int) -> bytes:
    # By the length of the name alone: packing takes a second.
    file, info = io.BytesIO(), zipfile.ZipInfo(name)
    info.compress_type = DEFLATED
    with zipfile.ZipFile(file, "w") as archive, archive.open(info, "w") as member:
        member.write(with_header(HEADER % ("<f4", f"({size // 600}, 50, 3)"), b""))
        for _ in range(size >> 20):
            member.write(bytes(1 << 20))
    return file.getvalue()
