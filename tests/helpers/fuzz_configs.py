"""Changes configs of shared folders, whose checksums are made right again, and loads the folders.

python tests/helpers/fuzz_configs.py COUNT SEED SIGN

It runs in a process of its own, as fuzz.py does. It prints as JSON how often a folder was loaded and refused,
what went wrong, and the most seconds and MB that loading one took. The first SIGN that load sign a text.
"""

import json
import pathlib
import signal
import sys
import tempfile
import time
import traceback
import warnings

import fuzz
import numpy as np
import shared_runs
from mutated_arrays import pick
from paths import MEMORY

from signjax.errors import SignjaxError
from signjax.inference.load import load

PATIENCE = 60.0  # seconds until loading counts as hung; tracing the largest models takes a fifth
NUMBERS = [0, 1, 2, 3, 5, 8, 16, 64, 100, 128, -1, 1000, 4096, 10**6, 10**9, 2**31, 2**62, 2**63, 10**30]
FLOATS = [0.0, 0.5, 1.0, 1.5, -0.5, 1e-30, 1e30, 1e308, float("nan"), float("inf"), float("-inf")]
TEXTS = [
    "",
    "0",
    "float32",
    "bfloat16",
    "gpt",
    "conv",
    "kl",
    "rvq",
    "whole",
    "..",
    "/etc",
    "x" * 5000,
    "a\nb",
    "\x1b[31m",
]
TREES = [
    [],
    {},
    [1],
    [1, [2]],
    [[]],
    {"a": 1},
    [None],
    [0] * 2000,
    ["data"],
    [-1, -1],
    [2, 1],
    {"": {}},
    [10**6] * 3,
]
VALUES = [NUMBERS, FLOATS, TEXTS, TREES, [True, False, None]]
NAMES = ["", "unknown", "a.b", "__class__", "task", "sampler", "x" * 5000, "lock", "items", "\ud83d"]


def change(rng, tree: dict, other: dict) -> None:
    """Changes one field or group, somewhere in a config."""
    group = tree
    while True:
        name = pick(rng, list(group))
        if not isinstance(group[name], dict) or not group[name] or rng.random() < 0.1:
            break
        group = group[name]
    how = pick(rng, ["value"] * 8 + ["near"] * 4 + ["remove", "rename", "add", "wrap", "other", "swap"])
    if how == "value":
        group[name] = pick(rng, pick(rng, VALUES))
    elif how == "near" and isinstance(group[name], int | float):
        group[name] = pick(
            rng, [group[name] + 1, group[name] - 1, group[name] * 2, group[name] // 2, -group[name]]
        )
    elif how == "add":
        group[pick(rng, NAMES)] = pick(rng, pick(rng, VALUES))
    elif how == "wrap":
        group[name] = pick(rng, [[group[name]], {name: group[name]}, str(group[name])])
    elif how == "other":
        group[name] = other.get(name, other)
    elif how == "swap":
        second = pick(rng, list(group))
        group[name], group[second] = group[second], group[name]
    else:
        value = group.pop(name)
        if how == "rename":
            group[name + "s"] = value


def attempt(folder: pathlib.Path) -> tuple[str, object]:
    """("loaded", the run), ("refused", "") or ("wrong", why)."""
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        return "loaded", load(folder)
    except SignjaxError as error:
        message = str(error)
        clear = message.isprintable() and len(message) < 1000
        return ("refused", "") if clear else ("wrong", f"unclear: {message!r}")
    except (Exception, fuzz.Hung, RecursionError):
        return "wrong", traceback.format_exc(limit=-4)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def sign(run) -> str:
    """What goes wrong when a run generates, or decodes, something; "" if nothing."""
    signal.setitimer(signal.ITIMER_REAL, 10 * PATIENCE)
    try:
        if run.can_generate:
            run.generate(["hello"], max_tokens=min(8, run.make_sampler().max_tokens))
        elif run.codec:
            run.codec.decode([np.zeros((4, _count_numbers(run)), np.int32 if run.has_tokens else np.float32)])
        return ""
    except SignjaxError as error:
        return "" if str(error).isprintable() else f"unclear: {error!r}"
    except (Exception, fuzz.Hung):
        return traceback.format_exc(limit=-4)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _count_numbers(run) -> int:
    """Numbers of an element of a codec's sequences."""
    return len(run.columns) if run.has_tokens else run.config.model.dim if run.config.task == "ae2d" else 8


def mutate(rng, saved: dict, other: dict) -> str:
    """The text of a config changed in one to three places."""
    for _ in range(pick(rng, (1, 1, 2, 3))):
        if saved:
            change(rng, saved, other)
    return json.dumps(saved)


def main(count: int, seed: int, signs: int) -> dict:
    """Tries `count` changed configs, by turns of each family."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, fuzz.stop)
    result: dict = {"loaded": 0, "refused": 0, "signed": 0, "memory": 0, "seconds": 0, "wrong": []}
    with tempfile.TemporaryDirectory(dir=MEMORY) as root:
        folders = {name: shared_runs.write(pathlib.Path(root), name) for name in shared_runs.RUNS}
        originals = {name: (folder / "config.json").read_text() for name, folder in folders.items()}
        for name, folder in folders.items():
            assert attempt(folder)[0] == "loaded", name
        names = list(folders)
        for k in range(count):
            rng, name = np.random.default_rng((seed, k)), names[k % len(names)]
            text = mutate(rng, json.loads(originals[name]), json.loads(originals[pick(rng, names)]))
            shared_runs.change_config(folders[name], text)
            begun = time.monotonic()
            taken, (outcome, what) = fuzz.measured(attempt, folders[name])
            result["seconds"] = max(result["seconds"], round(time.monotonic() - begun, 2))
            result["memory"] = max(result["memory"], taken)
            if outcome == "loaded" and result["signed"] < signs and text != originals[name]:
                result["signed"] += 1
                outcome, what = ("wrong", fault) if (fault := sign(what)) else (outcome, "")
            if outcome == "wrong":
                result["wrong"].append(f"seed {seed}, number {k}, {name}: {text[:3000]}: {what}")
                print(result["wrong"][-1], file=sys.stderr, flush=True)
            else:
                result[outcome] += 1
            shared_runs.change_config(folders[name], originals[name])
    return result


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:4]))))
