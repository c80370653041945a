"""What runs of every family keep: losses fall, resuming is exact, clips do not depend on their batch."""

import json
import os
import shutil
import signal
from pathlib import Path

import jax
import numpy as np
from engine_helpers import plain, rows, same_bits
from generated import generate_poses

from signjax.data import loader
from signjax.tasks.registry import make_task
from signjax.training import checkpoint, loop, saved_steps, sharding, train_step


def compile_config(c):
    """(task, mesh, first batch, init, step, evaluate, abstract state) of a config."""
    task, mesh = make_task(c, ""), sharding.make_mesh(c.mesh)
    batch = sharding.make_global_batch(next(task.batches(0)), mesh)
    return task, mesh, batch, *train_step.compile_steps(c, task, mesh, batch)


def check_losses_fall(run: Path, terms, share: float) -> dict:
    """Each of these losses falls to a share of what it was; returns the last line of metrics.jsonl."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for term in terms:
        values = [line[f"train/{term}"] for line in lines if f"train/{term}" in line]
        assert len(values) == 10 and np.mean(values[-3:]) < share * np.mean(values[:2]), term
    return lines[-1]


def stop_and_resume(c, workdir: Path, monkeypatch, batch: int = 3) -> None:
    """Trains a run that SIGTERM stops before a batch of shuffled windows, then to its end."""
    stream = loader.iterate_shuffled

    def interrupted(*args, **more):
        for number, windows in enumerate(stream(*args, **more)):
            if number == batch:
                os.kill(os.getpid(), signal.SIGTERM)
            yield windows

    with monkeypatch.context() as patch:
        patch.setattr(loader, "iterate_shuffled", interrupted)
        assert loop.train(c, workdir, make_task).exit_code == 0
    assert saved_steps.find_last_step(workdir, "latest") == batch + 1
    assert loop.train(c, workdir, make_task).finished


def resume_copy(c, run: Path, copy: Path) -> None:
    """Copies a run without its last checkpoint, as a crash would leave it, and trains the copy to its end."""
    shutil.copytree(run, copy)
    shutil.rmtree(copy / f"checkpoints/latest/{saved_steps.find_last_step(run, 'latest')}")
    assert loop.train(c, copy, make_task).finished


def check_same_run(one: Path, other: Path) -> None:
    """Two runs have the same metrics at every step and the same variables in the end, bit for bit."""
    assert rows(one) == rows(other)
    (a, step), (b, last) = (checkpoint.load_variables(run, "latest") for run in (one, other))
    assert step == last and jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(*map(jax.tree.leaves, jax.device_get((a, b))), strict=True):
        assert x.tobytes() == y.tobytes()


def check_same_state(c, one: Path, other: Path) -> dict[str, np.ndarray]:
    """As `check_same_run`, and the whole state is the same, with the optimizer's; returns the state."""
    check_same_run(one, other)
    *_, abstract = compile_config(c)
    states = [plain(checkpoint.restore_checkpoint(run, c.num_steps, abstract)) for run in (one, other)]
    assert same_bits(*states)
    return states[0]


def check_batch_changes_no_clip(generator, texts) -> None:
    """A clip of at most 6 tokens of 4 frames is the same alone and among others."""
    together = generate_poses(generator, texts, max_tokens=6)
    singly = generate_poses(generator, texts, max_tokens=6, batch_size=1)
    for a, b in zip(together, singly, strict=True):
        assert a.shape[0] % 4 == 0 and 4 <= len(a) <= 24 and a.shape[1:] == (50, 3)
        np.testing.assert_allclose(a, b, atol=1e-5)
