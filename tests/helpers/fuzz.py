"""Damages samples of one kind after another and reads them.

python tests/helpers/fuzz.py '{"clip": 100}' SEED

It runs in a process of its own, whose memory is measured and whose opened files are watched. It prints for
each case how often files were read and refused, what went wrong, the most MB that reading one took, and the
seconds of the processor for all, as JSON.
"""

import contextlib
import importlib
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings

import mutations
import numpy as np
from mutated_arrays import pick
from paths import MEMORY

from signjax.data import pack_files
from signjax.errors import SignjaxError

PATIENCE = 100.0  # seconds until reading counts as hung
escapes: list[str] = []  # files opened that lie outside


class Hung(BaseException):
    """Reading does not come to an end."""


def watch(event: str, arguments) -> None:
    """Audit hook: notes when a file outside of a case's folder is opened."""
    if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        path = os.fsdecode(arguments[0])
        with contextlib.suppress(ValueError, OSError):
            path = os.path.realpath(path)
        if "/outside/" in path or path == "/etc/passwd":
            escapes.append(path)


def stop(*_) -> None:
    """Ends a reading that has taken too long."""
    raise Hung


def damage(rng, path: pathlib.Path, other: bytes, tricks: tuple[str, ...], secret: pathlib.Path) -> str:
    """Changes a file in some way, and the seal of a pack to fit now and then; returns what was done."""
    data = path.read_bytes()
    how = pick(rng, ["mutate"] * 24 + list(tricks))
    if how == "mutate":
        path.write_bytes(mutations.mutate(rng, path.name, data, other))
    else:
        path.unlink()
    if how == "folder":
        path.mkdir()
    elif how == "pipe":
        os.mkfifo(path)
    elif how == "link":
        path.symlink_to(secret / path.name)
    sealed = path.name != pack_files.CHECKSUMS and (path.parent / pack_files.CHECKSUMS).exists()
    if sealed and how != "pipe" and rng.random() < 0.6:
        with contextlib.suppress(OSError):
            pack_files.write_checksums(path.parent)
    return how


def attempt(case, root: pathlib.Path, name: str) -> tuple[str, str]:
    """("read" or "refused", "") of a damaged sample, or ("wrong", what is)."""
    escapes.clear()
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        case.check(case.load(root))
        outcome = "read", ""
    except SignjaxError as error:
        message = str(error)
        clear = message.isprintable() and (name in message or str(root) in message)
        outcome = ("refused", "") if clear else ("wrong", f"unclear message: {message!r}")
    except (Exception, Hung):
        outcome = "wrong", traceback.format_exc(limit=-4)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return ("wrong", f"opened {escapes[0]}") if escapes else outcome


def prepare(case, root: pathlib.Path) -> dict[pathlib.Path, bytes]:
    """Writes a case's sample, reads it once, and returns its files."""
    root.mkdir(parents=True)
    case.build(root)
    content = {p.relative_to(root): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
    case.check(case.load(root))
    return content


def fuzz(case, content: dict, count: int, seed: int, root: pathlib.Path) -> dict:
    """Damages and reads a case's sample `count` times: how often with what end, and what it took."""
    secret = root.parent / "outside"
    secret.mkdir()
    begun = time.process_time()
    names = sorted(p.relative_to(root) for p in root.glob(case.files) if p.is_file())
    for name in names:  # what a link would lead to could be read
        (secret / name.name).write_bytes(content[name])
    counts: dict = {"read": 0, "refused": 0, "memory": 0, "wrong": []}
    for k in range(count):
        rng = np.random.default_rng((seed, k))
        name, other = pick(rng, names), pick(rng, names)
        how = damage(rng, root / name, content[other], case.tricks, secret)
        taken, (outcome, what) = measured(attempt, case, root, name.name)
        counts["memory"] = max(counts["memory"], taken)
        if outcome == "wrong":
            counts["wrong"].append(f"seed {seed}, number {k}, {name}, {how}: {what}")
            print(counts["wrong"][-1], file=sys.stderr, flush=True)
        else:
            counts[outcome] += 1
        shutil.rmtree(root)
        for path, data in content.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
    return counts | {"seconds": round(time.process_time() - begun, 2)}


def main(counts: dict[str, int], seed: int) -> dict:
    """Fuzzes cases by name; those of jax are loaded if one of them is wanted."""
    cases = dict(importlib.import_module("fuzz_cases").CASES)
    if set(counts) - set(cases):
        cases |= importlib.import_module("fuzz_cases_jax").CASES
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, stop)
    sys.addaudithook(watch)
    results = {}
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        roots = {name: pathlib.Path(folder, name, "root") for name in counts}
        content = {name: prepare(cases[name], root) for name, root in roots.items()}
        for number, (name, count) in enumerate(counts.items()):
            results[name] = fuzz(cases[name], content[name], count, 1000 * seed + number, roots[name])
    return results


def measured(run, *arguments):
    """(MB of memory that a call took, what it returned); getrusage would count the parent's, too."""

    def read_memory(which):
        return int(pathlib.Path("/proc/self/status").read_text().partition(which)[2].split()[0]) / 1024

    before = read_memory("VmRSS:")
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    result = run(*arguments)
    return round(read_memory("VmHWM:") - before, 1), result


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]), int(sys.argv[2]))))
