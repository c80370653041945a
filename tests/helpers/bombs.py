"""Files that ask for more memory than they have bytes, read in a process of their own.

python tests/helpers/bombs.py

Each is as large as it can be without being refused for its size alone. Prints {name: [MB, what came of it]}.
"""

import json
import pathlib
import sys
import tempfile

import mutated_arrays
import numpy as np
from fuzz import measured

from signjax.data import clip_files, npz_clip
from signjax.errors import SignjaxError
from signjax.io import safe_read

# Each is an element of a list; what takes most is what is small as text.
ELEMENTS = {
    "objects": "{},",
    "lists": "[],",
    "nested": "[[[[]]]],",
    "texts": '"a",',
    "wide texts": '"\\ud83d\\ude00",',
    "numbers": "1e1,",
    "whole numbers": "123456789012345678901,",
    "keys": '{"a":1},',
}
JOINTS = ",".join(f'"{key}":[{",".join("0" * 3 * count)}]' for key, count in clip_files.FIELDS)
FRAME = f"{{{JOINTS}}},"


def repeated(element: str, beside: str = "") -> bytes:
    """A JSON object that holds as many elements as may be."""
    unit = safe_read._estimate_memory(element.encode() * 1000) / 1000
    count = int(min(0.98 * safe_read.MAX_MEMORY / unit, safe_read.MAX_BYTES / len(element))) - 10
    return f'{{"poses":[{element * count}{element.rstrip(",")}]{beside}}}'.encode()


def keys() -> bytes:
    """An object of as many keys as may be."""
    count = int(0.98 * safe_read.MAX_MEMORY / 390)
    return ('{"poses":1,' + ",".join(f'"{k:07}":{k}' for k in range(count)) + "}").encode()


def archives(folder: pathlib.Path) -> dict:
    """Arrays and archives that are written as files."""
    (folder / "bomb.npz").write_bytes(mutated_arrays.bomb("pose.npy", False, 1 << 29))
    (folder / "liar.npz").write_bytes(mutated_arrays.bomb("pose.npy", True, 1 << 29))
    entry = mutated_arrays.archived([("a", b"")], 0)
    entry = entry[entry.index(b"PK\x01\x02") : entry.index(b"PK\x05\x06")]
    end = mutated_arrays.archived([], 0)[:-10] + (len(entry) * 10**6).to_bytes(4, "little") + bytes(6)
    (folder / "many.npz").write_bytes(entry * 10**6 + end)
    np.save(folder / "long.npy", np.ones((npz_clip.MAX_FRAMES, 50, 3)))
    np.save(folder / "longer.npy", np.ones((safe_read.MAX_BYTES // 200, 50, 3), np.int8))
    header = mutated_arrays.HEADER % ("<f4", "(100000000000, 50, 3)")
    (folder / "header.npy").write_bytes(mutated_arrays.with_header(header, bytes(600)))
    names = ("bomb.npz", "liar.npz", "many.npz", "long.npy", "longer.npy", "header.npy")
    return {name: (npz_clip.read_arrays, folder / name) for name in names}


def attempt(read, argument) -> str:
    """ "read", or the refusal."""
    try:
        read(argument() if callable(argument) else argument)
    except SignjaxError as error:
        return str(error)
    return "read"


def main() -> dict:
    """Measures them all."""
    with tempfile.TemporaryDirectory() as folder:
        tried = {name: (clip_files.parse_pose, lambda e=e: repeated(e)) for name, e in ELEMENTS.items()}
        tried["frames"] = (clip_files.parse_pose, lambda: repeated(FRAME))
        tried["frames of text"] = (clip_files.parse_pose, lambda: repeated(FRAME, ',"é":"\\ud83d\\ude00"'))
        tried["many keys"] = (safe_read.parse_json, keys)
        tried |= archives(pathlib.Path(folder))
        wanted = sys.argv[1:] or tried
        return {name: measured(attempt, *how) for name, how in tried.items() if name in wanted}


if __name__ == "__main__":
    print(json.dumps(main()))
