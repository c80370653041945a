"""Bytes of .pose files: versions 0.0, 0.1 and 0.2 are read, 0.1 and 0.2 are written.

A header names components and their points, limbs and colours; the body holds numbers of every frame, person
and point (github.com/sign-language-processing/pose, docs/specs). Everything is little-endian, and a text is
its length and its UTF-8.
"""

import struct
from typing import NamedTuple

import numpy as np

from signjax.errors import DataError
from signjax.io.safe_read import InvalidFileError

VERSIONS = (0.0, 0.1, 0.2)
MOST = 1 << 26  # points of all frames in version 0.0, where frames without people take no bytes


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
    """Takes one thing after the other from the front of some bytes."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, layout: str) -> tuple:
        try:
            found = struct.unpack_from(f"<{layout}", self.data, self.at)
        except struct.error:
            raise InvalidFileError(f"ends within its header, after {len(self.data):,} bytes") from None
        self.at += struct.calcsize(f"<{layout}")
        return found

    def text(self) -> str:
        (length,) = self.take("H")
        (data,) = self.take(f"{length}s")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidFileError("has a name that is not UTF-8") from None

    def floats(self, *shape: int) -> np.ndarray:
        count = int(np.prod(shape, dtype=object))
        if self.at + 4 * count > len(self.data):
            raise InvalidFileError(
                f"ends too early: {4 * count:,} bytes of numbers are said to follow at {self.at:,}"
            )
        found = np.frombuffer(self.data, "<f4", count, self.at).reshape(shape)
        self.at += 4 * count
        return found


def parse_pose_file(data: bytes) -> PoseFile:
    """The content of a .pose file.

    Raises:
      InvalidFileError: it is none, of an unknown version, or shorter than it says.
    """
    rest = _ByteReader(data)
    version = round(rest.take("f")[0], 3)
    if version not in VERSIONS:
        raise InvalidFileError(f"is no .pose file of version 0.0, 0.1 or 0.2 (its version is {version:g})")
    width, height, depth, count = rest.take("4H")
    components = tuple(_read_component(rest) for _ in range(count))
    if not sum(len(c.points) for c in components):
        raise InvalidFileError("has no points")
    body = _read_oldest_body(rest, components) if version == 0 else _read_body(rest, components, version)
    return PoseFile((width, height, depth), components, *body, version)


def _read_component(rest: _ByteReader) -> Component:
    name, layout = rest.text(), rest.text()
    points, limbs, colors = rest.take("3H")
    if not 2 <= len(layout) <= 8:
        raise InvalidFileError(
            f"its component {name[:40]!r} has the format {layout[:40]!r}, which is not like XYC"
        )
    return Component(
        name,
        layout,
        tuple(rest.text() for _ in range(points)),
        tuple(rest.take("2H") for _ in range(limbs)),
        tuple(rest.take("3H") for _ in range(colors)),
    )


def _read_body(rest: _ByteReader, components, version: float):
    """(fps, points, confidence) of versions 0.1 and 0.2."""
    number = sum(len(c.points) for c in components)
    dims = max(len(c.format) for c in components) - 1
    fps, frames, people = rest.take("HHH" if version == 0.1 else "fIH")
    if version == 0.1 and people:  # 16 bits cannot say how many there are; the bytes can
        frames = (len(rest.data) - rest.at) // (4 * people * number * (dims + 1))
    return float(fps), rest.floats(frames, people, number, dims), rest.floats(frames, people, number)


def _read_oldest_body(rest: _ByteReader, components):
    """(fps, points, confidence) of version 0.0, which says the people frame by frame; the first counts."""
    number = sum(len(c.points) for c in components)
    dims = max(len(c.format) for c in components) - 1
    fps, frames = rest.take("HH")
    if frames * number > MOST:
        raise InvalidFileError(f"says {frames:,} frames of {number:,} points, more than {MOST:,}")
    points, confidence = np.zeros((frames, 1, number, dims), "f4"), np.zeros((frames, 1, number), "f4")
    for t in range(frames):
        for person in range(rest.take("H")[0]):
            rest.take("h")
            first = 0
            for c in components:
                values = rest.floats(len(c.points), len(c.format))
                if not person:
                    last = first + len(c.points)
                    points[t, 0, first:last, : len(c.format) - 1] = values[:, :-1]
                    confidence[t, 0, first:last] = values[:, -1]
                first += len(c.points)
    return float(fps), points, confidence


def format_pose_file(file: PoseFile) -> bytes:
    """The bytes of a .pose file of version 0.1 or 0.2.

    Raises:
      DataError: a number does not fit: sizes and counts are below 65,536, frames too in version 0.1.
    """
    people = file.points.shape[1]
    try:
        head = [struct.pack("<f4H", file.version, *file.size, len(file.components))]
        head += [_format_component(c) for c in file.components]
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
