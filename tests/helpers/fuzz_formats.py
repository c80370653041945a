"""Damages small files of the formats of others and reads them, thousands in a few seconds.

python tests/helpers/fuzz_formats.py COUNT SEED

As fuzz.py, but only the file that was damaged is written anew, and memory is measured for a block of files.
"""

import json
import pathlib
import shutil
import signal
import sys
import tempfile
import warnings

import fuzz
import fuzz_cases_formats
import numpy as np
from mutated_arrays import pick
from paths import MEMORY

BLOCK = 250  # files


def read_damaged(case, content: dict, root: pathlib.Path, seed: int, numbers: range) -> dict:
    """Reads damaged copies of a sample: how often with what end."""
    counts: dict = {"read": 0, "refused": 0, "wrong": []}
    names = sorted(path.relative_to(root) for path in root.glob(case.files))
    for number in numbers:
        rng = np.random.default_rng((seed, number))
        name, other = pick(rng, names), pick(rng, names)
        how = fuzz.damage(rng, root / name, content[other], case.tricks, root)
        outcome, what = fuzz.attempt(case, root, name.name)
        if outcome == "wrong":
            counts["wrong"].append(f"seed {seed}, number {number}, {name}, {how}: {what}")
        else:
            counts[outcome] += 1
        # Removing a file takes longer on some disks than all the rest.
        if (root / name).is_dir():
            shutil.rmtree(root / name)
        elif (root / name).is_fifo():
            (root / name).unlink()
        (root / name).write_bytes(content[name])
    return counts


def main(count: int, seed: int) -> dict:
    """Fuzzes all cases, `count` files of each format."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, fuzz.stop)
    results = {}
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        for index, (name, case) in enumerate(fuzz_cases_formats.CASES.items()):
            root = pathlib.Path(folder, name)
            content = fuzz.prepare(case, root)
            # The three layouts of arrays are one format.
            number = -(-count // 3) if name in fuzz_cases_formats.ARRAYS else count
            blocks = [range(k, min(k + BLOCK, number)) for k in range(0, number, BLOCK)]
            parts = [
                fuzz.measured(read_damaged, case, content, root, 1000 * seed + index, block)
                for block in blocks
            ]
            result = {key: sum(part[key] for _, part in parts) for key in ("read", "refused")}
            result["wrong"] = [line for _, part in parts for line in part["wrong"]]
            results[name] = result | {"memory": max(memory for memory, _ in parts)}
    return results


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
