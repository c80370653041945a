"""A run saved on 8 devices and resumed on others.

python tests/helpers/elastic_run.py '{"kind": "toy", ...}'
"""

import hashlib
import json
import pathlib
import shutil
import sys

import crash_run
import numpy as np
from engine_helpers import plain

from signjax.tasks.registry import make_task
from signjax.training import checkpoint, loop, sharding, train_step

HALF, END = 4, 8
RULE = ((r"(params|mu|nu|ema)/Dense_0/kernel", (None, "model")),)  # of the toy; others lie on all devices


def config_on(count: int, spec: dict, steps: int):
    """A config for a number of devices: `model` ways for a kernel, the others for the batch."""
    kind, model = spec["kind"], min(count, 16)
    c = crash_run.config_of(kind, spec["fields"], steps)
    size = {"batch_tokens": 64 * 128} if kind in ("gpt", "flow") else {"batch_size": 64}
    if kind != "toy":
        size["eval_batch_size"] = 64
    often = {"log_every": 1, "eval_every": END, "save_every": HALF}
    place = {"mesh.shape": (count // model, model), "mesh.axes": ("data", "model"), "sharding": RULE}
    c.update_from_flattened_dict(size | often | place)
    return c


def digest(c, workdir) -> str:
    """SHA-256 of a run's state as its devices hold it."""
    made, mesh = make_task(c, workdir), sharding.make_mesh(c.mesh)
    batch = sharding.make_global_batch(next(iter(made.batches(HALF))), mesh)
    *_, abstract = train_step.compile_steps(c, made, mesh, batch)
    hasher, state = hashlib.sha256(), checkpoint.restore_checkpoint(workdir, HALF, abstract)
    for name, leaf in plain(state).items():
        hasher.update(f"{name} {leaf.dtype}{leaf.shape}".encode() + np.ascontiguousarray(leaf).tobytes())
    return hasher.hexdigest()


def main(spec: dict) -> None:
    """Prints a JSON line for each number of devices."""
    root = pathlib.Path(spec["root"])
    assert loop.train(config_on(8, spec, HALF), root / "half", make_task).finished
    for count in spec["devices"]:
        c, workdir = config_on(count, spec, END), shutil.copytree(root / "half", root / f"on{count}")
        state_digest = digest(c, workdir)
        assert loop.train(c, workdir, make_task).finished
        lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
        losses = [line["train/loss"] for line in lines if line["step"] > HALF and "train/loss" in line]
        print(json.dumps({"devices": count, "digest": state_digest, "losses": losses}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
