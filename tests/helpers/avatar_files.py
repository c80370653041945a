"""Slow readers of avatar files, written from the formats' pages alone: where bones are in each frame."""

import json
import struct

import numpy as np

SIZES = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}
TYPES = {5126: np.float32, 5123: np.uint16, 5121: np.uint8}


def read_glb(data):
    """A GLB as its document and its binary part."""
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON" and size % 4 == 0
    document = json.loads(data[20 : 20 + size])
    rest, kind = struct.unpack_from("<I4s", data, 20 + size)
    assert kind == b"BIN\0" and 28 + size + rest == len(data)
    return document, data[28 + size :]


def read_accessor(document, binary, number):
    """The array of an accessor."""
    accessor = document["accessors"][number]
    view = document["bufferViews"][accessor["bufferView"]]
    kind, width = TYPES[accessor["componentType"]], SIZES[accessor["type"]]
    values = np.frombuffer(binary, kind, accessor["count"] * width, view["byteOffset"])
    return values if width == 1 else values.reshape(-1, width)


def multiply(a, b):
    """The product of two quaternions, as the books write it."""
    u, v, s, t = a[:3], b[:3], a[3], b[3]
    return np.append(s * v + t * u + np.cross(u, v), s * t - u @ v)


def rotate(q, v):
    """A vector, turned: q v q*."""
    return multiply(multiply(q, np.append(v, 0)), q * [-1, -1, -1, 1])[:3]


def play_glb(data):
    """The times [T] of the first animation, and where each node is then: name -> [T, 3]."""
    document, binary = read_glb(data)
    [animation] = document["animations"]
    moved = {}
    for channel in animation["channels"]:
        sampler = animation["samplers"][channel["sampler"]]
        times = read_accessor(document, binary, sampler["input"])
        target = channel["target"]
        moved[target["node"], target["path"]] = read_accessor(document, binary, sampler["output"])
    nodes, places = document["nodes"], {node["name"]: [] for node in document["nodes"]}

    def visit(number, frame, origin, turn):
        node = nodes[number]
        still = [node.get("translation", [0, 0, 0])], [node.get("rotation", [0, 0, 0, 1])]
        offsets, turns = (
            moved.get((number, path), default)
            for path, default in zip(("translation", "rotation"), still, strict=True)
        )
        origin = origin + rotate(turn, np.array(offsets[min(frame, len(offsets) - 1)], float))
        places[node["name"]].append(origin)
        turn = multiply(turn, np.array(turns[min(frame, len(turns) - 1)], float))
        for child in node.get("children", ()):
            visit(child, frame, origin, turn)

    for frame in range(len(times)):
        for root in document["scenes"][0]["nodes"]:
            visit(root, frame, np.zeros(3), np.array([0, 0, 0, 1.0]))
    return times, {name: np.array(points) for name, points in places.items()}


def _turn_matrix(axis, degrees):
    a, b = [k for k in range(3) if k != axis]
    matrix, angle = np.eye(3), np.radians(degrees) * (-1 if axis == 1 else 1)
    matrix[a, a] = matrix[b, b] = np.cos(angle)
    matrix[b, a], matrix[a, b] = np.sin(angle), -np.sin(angle)
    return matrix


def play_bvh(text):
    """The seconds of a frame, and where each joint of a BVH file is: name -> [T, 3] in centimetres."""
    head, _, motion = text.partition("MOTION\n")
    count, frame_time, *rows = motion.strip().split("\n")
    values = np.array([row.split() for row in rows], float)
    assert count == f"Frames: {len(values)}"
    places, stack, column = {}, [], 0
    for line in head.split("\n")[1:]:
        words = line.split()
        if words[:1] in (["ROOT"], ["JOINT"], ["End"]):
            name = words[1] if words[0] != "End" else f"{stack[-1][0]} end"
        elif words[:1] == ["OFFSET"]:
            offset = np.array(words[1:], float)
            origin, turns = (stack[-1][1], stack[-1][2]) if stack else (np.zeros(3), np.eye(3))
            stack.append([name, origin + turns @ offset, np.broadcast_to(turns, (len(values), 3, 3))])
            places[name] = stack[-1][1]
        elif words[:1] == ["CHANNELS"]:
            for channel in words[2:]:
                axis = "XYZ".index(channel[0])
                if channel.endswith("position"):
                    # A root's position stands for its offset.
                    base = stack[-1][1] if axis else np.zeros((len(values), 3))
                    stack[-1][1] = base + values[:, [column]] * np.eye(3)[axis]
                else:
                    turned = np.stack([_turn_matrix(axis, x) for x in values[:, column]])
                    stack[-1][2] = stack[-1][2] @ turned
                column += 1
            places[name] = stack[-1][1]
        elif words == ["}"]:
            stack.pop()
    assert column == values.shape[1]
    return float(frame_time.removeprefix("Frame Time: ")), places
