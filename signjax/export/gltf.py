"""Parts of glTF 2.0 files: the buffer, bones as nodes, a clip as an animation, and the container GLB.

The format: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

import json
import struct

import numpy as np

from signjax.pose import quaternions

GENERATOR = "signjax"
COMPONENTS = {np.dtype(np.float32): 5126, np.dtype(np.uint16): 5123, np.dtype(np.uint8): 5121}
TYPES = {1: "SCALAR", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
VERTICES, INDICES = 34962, 34963  # what a view of the buffer is for


class Buffer:
    """The binary part of a file, and where its arrays lie in it."""

    def __init__(self):
        self.data, self.views, self.accessors = bytearray(), [], []

    def add(self, array: np.ndarray, target: int | None = None, bounds: bool = False) -> int:
        """Appends an array [n] or [n, k] of a type in COMPONENTS; returns the number of its accessor."""
        array = np.ascontiguousarray(array)
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": array.nbytes}
        self.views.append(view | ({"target": target} if target else {}))
        self.data += array.tobytes() + bytes(-array.nbytes % 4)
        width = 1 if array.ndim == 1 else array.shape[1]
        accessor = {"bufferView": len(self.views) - 1, "componentType": COMPONENTS[array.dtype]}
        accessor |= {"count": len(array), "type": TYPES[width]}
        if bounds:
            rows = array.reshape(len(array), -1)
            accessor |= {"min": rows.min(0).tolist(), "max": rows.max(0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def make_nodes(names, parents, offsets: np.ndarray) -> list[dict]:
    """Nodes of bones: names and parents [N], -1 for none; offsets [N, 3] in metres."""
    nodes = []
    for bone, (name, offset) in enumerate(zip(names, offsets, strict=True)):
        children = np.flatnonzero(np.asarray(parents) == bone).tolist()
        node = {"name": name, "translation": [round(float(x), 6) for x in offset]}
        nodes.append(node | ({"children": children} if children else {}))
    return nodes


def make_animation(buffer: Buffer, name: str, fps: float, rotations: np.ndarray, hips: np.ndarray) -> dict:
    """An animation of the nodes of bones; those that never turn have no channel.

    Args:
      buffer: gets the arrays.
      name: of the animation.
      fps: frames per second.
      rotations: [T, N, 4], of the first N nodes.
      hips: [T, 3] in metres, where node 0 is.
    """
    times = buffer.add((np.arange(len(hips)) / fps).astype(np.float32), bounds=True)
    animation: dict = {"name": name, "channels": [], "samplers": []}

    def animate(node: int, path: str, values: np.ndarray) -> None:
        sampler = {"input": times, "output": buffer.add(values.astype(np.float32))}
        animation["channels"].append(
            {"sampler": len(animation["samplers"]), "target": {"node": node, "path": path}}
        )
        animation["samplers"].append(sampler)

    animate(0, "translation", hips)
    for node in range(rotations.shape[1]):
        if (quaternions.measure_angle(rotations[:, node], quaternions.IDENTITY) > 1e-6).any():
            animate(node, "rotation", rotations[:, node])
    return animation


def format_glb(document: dict, buffer: Buffer) -> bytes:
    """Formats a document with its buffer as a GLB file."""
    document = {"asset": {"version": "2.0", "generator": GENERATOR}, **document}
    document |= {"bufferViews": buffer.views, "accessors": buffer.accessors}
    document["buffers"] = [{"byteLength": len(buffer.data)}]
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    data = bytes(buffer.data)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
