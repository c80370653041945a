"""Seeded damage to files: bits, cuts, splices, and JSON that says something else; arrays are beside this."""

import json

import mutated_arrays
from mutated_arrays import pick

OUTSIDE = "../outside/secret"  # seen from the folder of a case; nobody may open it
NAMES = [
    *("", ".", "..", OUTSIDE, f"../{OUTSIDE}", f"{OUTSIDE}.npy", "/etc/passwd", "C:\\x.npy", "..%2fx"),
    *("a\0b.npy", "\ud800.npy", "x" * 300 + ".npy", "disp_\n\x1b[31m", "<script>", "__class__", "a.b"),
]
# What JSON, or Python's reading of it, allows and a schema does not; as text, since no dumper writes it all.
NUMBERS = [
    *("1e999", "-1e999", "NaN", "-Infinity", "1" + "0" * 400, "9" * 5000, "1" + "0" * 400 + ".5", "1e-400"),
    *("-0.0", "1e6", "9e5", "1e38", "1e30", "-1", "0", "3", "0.5", "12345678901", "true", "null"),
]
TREES = [
    *("{}", "[]", '""', "[[]]", '{"a": 1, "a": 2}', "[null]", '["a", "a"]', "[1, 2]", "[true, false, true]"),
    *("[" * 40 + "]" * 40, "[" * 900 + "]" * 900, "[" * 100_000, '"' + "x" * 100_000 + '"', '"\\u0000"'),
]
RAW = [*NUMBERS, *TREES, *map(json.dumps, NAMES)]
KEYS = ["poses", "num_frames", "task", "entries", "step", "sid", "word", "", "a.b", "__class__", "shape"]


def mutate(rng, name: str, data: bytes, other: bytes) -> bytes:
    """The content of a file `name` damaged in one to three ways; `other` is a second one to splice with."""
    own = {"json": _json, "jsonl": _line, "npy": mutated_arrays.npy, "npz": mutated_arrays.npz}
    structured = own.get(name.rpartition(".")[2])
    ways = [_flip, _cut, _insert, _splice, _repeat, _blank] + [structured] * 5 * bool(structured)
    for _ in range(pick(rng, (1, 1, 1, 2, 3))):
        way = pick(rng, ways)
        try:
            data = way(rng, data, other)
        except Exception:  # too damaged already for a structured way
            data = _flip(rng, data, other)
    return data


def _flip(rng, data, other):
    flipped = bytearray(data or b"\0")
    for at in rng.integers(len(flipped), size=rng.integers(1, 9)):
        flipped[at] ^= 1 << int(rng.integers(8))
    return bytes(flipped)


def _cut(rng, data, other):
    a, b = _span(rng, data)
    return pick(rng, [data[:a], data[a:], data[:a] + data[b:], b""])


def _insert(rng, data, other):
    a, _ = _span(rng, data)
    marks = "\n", "\r", "\x1b[2J", "\u2028", "é\U0001f44b", "\ufeff", "</script>", "\0" * 1000, pick(rng, RAW)
    dirt = pick(rng, [rng.bytes(20), b"\xff\xfe", *(mark.encode(errors="ignore") for mark in marks)])
    return data[:a] + dirt + data[a:]


def _splice(rng, data, other):
    return data[: _span(rng, data)[0]] + other[_span(rng, other)[0] :]


def _repeat(rng, data, other):
    a, b = _span(rng, data)
    return data[:b] + data[a:b] * int(rng.integers(1, 20)) + data[b:]


def _blank(rng, data, other):
    a, b = _span(rng, data)
    return data[:a] + pick(rng, (b"\0", b" ", b"A", b"\xff")) * (b - a) + data[b:]


def _span(rng, data):
    a, b = sorted(int(x) for x in rng.integers(len(data) + 1, size=2))
    return a, min(b, a + 200)


def _json(rng, data, other):
    """JSON of which a value is replaced, taken out, doubled or wrapped, or a key is there twice."""
    tree = json.loads(data)
    holder, key = _place(rng, tree)
    how = pick(rng, ("replace", "replace", "replace", "remove", "double", "wrap", "twice"))
    text = None
    if how == "remove":
        del holder[key]
    elif how == "double" and isinstance(holder, list):
        holder[key:key] = [holder[key]] * int(rng.integers(1, 50))
    elif how == "wrap":
        holder[key] = pick(rng, ([holder[key]], {"a": holder[key]}, {pick(rng, KEYS): holder[key]}))
    elif how == "twice":
        text = json.dumps(tree).replace("{", "{" + json.dumps(pick(rng, [*tree, *KEYS])) + ": 1, ", 1)
    else:
        holder[key] = "@raw@"
        text = json.dumps(tree).replace('"@raw@"', pick(rng, RAW))
    return (text or json.dumps(tree)).encode()


def _line(rng, data, other):
    lines = data.splitlines()
    at = int(rng.integers(len(lines)))
    return b"\n".join([*lines[:at], _json(rng, lines[at], other), *lines[at + 1 :]])


def _place(rng, tree):
    """A random (container, key) in a JSON tree."""
    holder, key = tree, pick(rng, _keys(tree))
    while _keys(holder[key]) and rng.random() < 0.75:
        holder = holder[key]
        key = pick(rng, _keys(holder))
    return holder, key


def _keys(tree):
    return list(tree) if isinstance(tree, dict) else list(range(len(tree))) if isinstance(tree, list) else []
