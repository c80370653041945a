"""Bytes of .pose files: versions 0.0, 0.1 and 0.2 are read, 0.1 and 0.2 are written.

A header names components and their points, limbs and colours; the body holds numbers of every frame, person
and point (github.com/sign-language-processing/pose, docs/specs). Everything is little-endian, and a text is
its length and its UTF-8.
"""

import functools
import struct
from typing import NamedTuple

import numpy as np

from signjax.errors import DataError
from signjax.io.safe_read import InvalidFileError

VERSIONS = (0.0, 0.1, 0.2)
# Points of all frames in version 0.0, where the bytes bound nothing: frames without people take none.
MAX_POINTS = 1 << 26


class Component(NamedTuple):
    """A group of points, such as a hand."""

    name: str
    format: str  # a letter for each number of a point, the last is C, its confidence
    points: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...] = ()
    colors: tuple[tuple[int, int, int], ...] = ()


class PoseFile(NamedTuple):
    """What a .pose file holds: T frames, P people, N points of all components, D dimensions."""

    size: tuple[int, int, int]  # width, height, depth in the units of the points
    components: tuple[Component, ...]
    fps: float
    points: np.ndarray  # [T, P, N, D] float32
    confidence: np.ndarray  # [T, P, N] float32, 0 for points that were not seen
    version: float = 0.2


class _ByteReader:
    """Reads one value after the other from some bytes."""

    def __init__(self, data: bytes):
        self.data, self.offset = data, 0

    def read_values(self, layout: str) -> tuple:
        """Numbers in a layout of the module struct."""
        try:
            values = struct.unpack_from(f"<{layout}", self.data, self.offset)
        except struct.error:
            raise InvalidFileError(f"ends within its header, after {len(self.data):,} bytes") from None
        self.offset += struct.calcsize(f"<{layout}")
        return values

    def read_text(self) -> str:
        (length,) = self.read_values("H")
        (data,) = self.read_values(f"{length}s")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidFileError("has a name that is not UTF-8") from None

    def read_floats(self, *shape: int) -> np.ndarray:
        # Sizes that a file makes up may not fit into 64 bits.
        count = int(np.prod(shape, dtype=object))
        if self.offset + 4 * count > len(self.data):
            promised = f"{4 * count:,} bytes of numbers are said to follow at {self.offset:,}"
            raise InvalidFileError(f"ends too early: {promised}")
        values = np.frombuffer(self.data, "<f4", count, self.offset).reshape(shape)
        self.offset += 4 * count
        return values


def parse_pose_file(data: bytes) -> PoseFile:
    """The content of a .pose file.

    Raises:
      InvalidFileError: it is not a .pose file, of an unknown version, or shorter than its header says.
    """
    reader = _ByteReader(data)
    # A float32 of 0.1 or 0.2.
    version = round(reader.read_values("f")[0], 3)
    if version not in VERSIONS:
        raise InvalidFileError(f"is no .pose file of version 0.0, 0.1 or 0.2 (its version is {version:g})")
    width, height, depth, count = reader.read_values("4H")
    components = tuple(_read_component(reader) for _ in range(count))
    if not sum(len(c.points) for c in components):
        raise InvalidFileError("has no points")
    read_body = _read_oldest_body if version == 0 else functools.partial(_read_body, version=version)
    return PoseFile((width, height, depth), components, *read_body(reader, components), version)


def _read_component(reader: _ByteReader) -> Component:
    name, layout = reader.read_text(), reader.read_text()
    points, limbs, colors = reader.read_values("3H")
    # Whatever follows is read by this format: a file that is none is better refused here.
    if not 2 <= len(layout) <= 8:
        shown = f"component {name[:40]!r} has the format {layout[:40]!r}"
        raise InvalidFileError(f"its {shown}, which is not like XYC")
    return Component(
        name,
        layout,
        tuple(reader.read_text() for _ in range(points)),
        tuple(reader.read_values("2H") for _ in range(limbs)),
        tuple(reader.read_values("3H") for _ in range(colors)),
    )


def _count_numbers(components: tuple[Component, ...]) -> tuple[int, int]:
    """Points of all components, and dimensions of a point: its format's letters but for the confidence."""
    return sum(len(c.points) for c in components), max(len(c.format) for c in components) - 1


def _read_body(reader: _ByteReader, components: tuple[Component, ...], version: float) -> tuple:
    """(fps, points, confidence) of versions 0.1 and 0.2."""
    number, dims = _count_numbers(components)
    fps, frames, people = reader.read_values("HHH" if version == 0.1 else "fIH")
    # 16 bits cannot say how many frames there are; the number of bytes can.
    if version == 0.1 and people:
        frames = (len(reader.data) - reader.offset) // (4 * people * number * (dims + 1))
    points = reader.read_floats(frames, people, number, dims)
    return float(fps), points, reader.read_floats(frames, people, number)


def _read_oldest_body(reader: _ByteReader, components: tuple[Component, ...]) -> tuple:
    """(fps, points, confidence) of version 0.0, which lists the people frame by frame."""
    number, dims = _count_numbers(components)
    fps, frames = reader.read_values("HH")
    listed, count = [], 1
    for _ in range(frames):
        people = []
        for _ in range(reader.read_values("H")[0]):
            # The person's number, which says nothing: people may change it from frame to frame.
            reader.read_values("h")
            people.append(_read_person(reader, components, number, dims))
        listed.append(people)
        count = max(count, len(people))
        # Frames without people take no bytes, so that a small file could ask for any amount of memory.
        if frames * count * number > MAX_POINTS:
            size = f"{frames:,} frames of {count:,} people of {number:,} points"
            raise InvalidFileError(f"says {size}, more than {MAX_POINTS:,} points")
    rows = np.zeros((frames, count, number, dims + 1), "f4")
    for t, people in enumerate(listed):
        for k, person in enumerate(people):
            rows[t, k] = person
    return float(fps), rows[..., :-1], rows[..., -1]


def _read_person(
    reader: _ByteReader, components: tuple[Component, ...], number: int, dims: int
) -> np.ndarray:
    """Numbers and confidence [N, D + 1] of a person in version 0.0."""
    rows, first = np.zeros((number, dims + 1), "f4"), 0
    for component in components:
        values = reader.read_floats(len(component.points), len(component.format))
        last = first + len(component.points)
        # A component may have fewer dimensions than others.
        rows[first:last, : len(component.format) - 1] = values[:, :-1]
        rows[first:last, -1] = values[:, -1]
        first = last
    return rows


def format_pose_file(file: PoseFile) -> bytes:
    """The bytes of a .pose file of version 0.1 or 0.2.

    Raises:
      DataError: a number does not fit: sizes and counts are below 65,536, frames too in version 0.1.
    """
    # struct refuses numbers that do not fit, which numpy would wrap.
    people = file.points.shape[1]
    try:
        head = [struct.pack("<f4H", file.version, *file.size, len(file.components))]
        head += [_format_component(component) for component in file.components]
        layout, fps = ("<HHH", round(file.fps)) if file.version == 0.1 else ("<fIH", file.fps)
        head.append(struct.pack(layout, fps, len(file.points), people))
    except struct.error as error:
        raise DataError(f"poses cannot be written as .pose {file.version}: {error}") from None
    return b"".join([*head, file.points.astype("<f4").tobytes(), file.confidence.astype("<f4").tobytes()])


def _format_component(component: Component) -> bytes:
    counts = len(component.points), len(component.limbs), len(component.colors)
    numbers = [n for row in (*component.limbs, *component.colors) for n in row]
    return b"".join([
        _format_text(component.name),
        _format_text(component.format),
        struct.pack("<3H", *counts),
        *map(_format_text, component.points),
        struct.pack(f"<{len(numbers)}H", *numbers),
    ])  # fmt: skip


def _format_text(text: str) -> bytes:
    data = text.encode("utf-8")
    return struct.pack("<H", len(data)) + data
