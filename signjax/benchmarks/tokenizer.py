"""tokenize: training time to the error of the original project's tokenizer; both train on demo data.

The reference is configs/vqvae.py:seed: the original project's transformer without its faults, in JAX, so that
what is compared is the tokenizer and not the framework. Time is that of reading the data, the linear start
and all training steps; compiling and evaluation are left out on both sides.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

import jax

from signjax.benchmarks import setup, timing
from signjax.tasks.registry import make_task
from signjax.training import sharding
from signjax.training.random_key import make_key
from signjax.training.train_step import compile_steps, get_inference_variables, run_evaluation

SIZES = (400, 40, 1)  # clips in train, dev and test
ROUNDS = 20  # parts of each training, after which its error is measured
STEPS = {"vqvae:seed": 400, "vqvae": 800}
TARGET = 4


class ProgressMark(NamedTuple):
    """How far a training had come."""

    seconds: float
    error: float  # MPJPE of the dev split, in the data's units


def measure_tokenizers() -> list[timing.Measurement]:
    """How long each tokenizer took to the least error that the reference reached at all."""
    with setup.make_home(SIZES) as folder:
        configs = {name: setup.make_config(name, folder, {"num_steps": n}) for name, n in STEPS.items()}
        return race_configs(configs, folder)


def race_configs(configs: dict, folder: str, rounds: int = ROUNDS) -> list[timing.Measurement]:
    """Trains two configs part by part in turn; the first is the reference."""
    trainings = {name: train_in_parts(c, folder, rounds) for name, c in configs.items()}
    marks: dict[str, list[ProgressMark]] = {name: [] for name in configs}
    # In turn and not one after the other, so that both see the same slow phases of a shared machine.
    for _ in range(rounds):
        for name, training in trainings.items():
            marks[name].append(next(training))
    return compare_marks(*marks, *marks.values())


def train_in_parts(c, folder: str, rounds: int) -> Iterator[ProgressMark]:
    """Trains a config in `rounds` equal parts; yields a mark at the end of each."""
    elapsed = -time.perf_counter()
    task, mesh = make_task(c, folder)._replace(finish=None), sharding.make_mesh(c.mesh)
    batches = iter(task.batches(0))
    batch = sharding.make_global_batch(next(batches), mesh)
    elapsed += time.perf_counter()
    init, step, evaluate, abstract = compile_steps(c, task, mesh, batch)
    # Compiled ahead of the first step, outside of the time that counts.
    state, step = init(make_key(c.seed), batch), step.lower(abstract, batch).compile()
    for _ in range(rounds):
        # Wait before the clock starts and before it stops: jax returns before the device has finished.
        jax.block_until_ready(state)
        elapsed -= time.perf_counter()
        for _ in range(c.num_steps // rounds):
            state, _ = step(state, batch)
            # The next batch is read while the device computes, as in the trainer.
            batch = sharding.make_global_batch(next(batches), mesh)
        jax.block_until_ready(state)
        elapsed += time.perf_counter()
        error = run_evaluation(task, evaluate, mesh, get_inference_variables(state))["mpjpe"]
        yield ProgressMark(elapsed, error)


def compare_marks(
    reference: str, name: str, reference_marks: list[ProgressMark], marks: list[ProgressMark]
) -> list[timing.Measurement]:
    """The reference at its least error, and the other when its error was first no larger."""
    label, least = f"{reference} (reference)", min(reference_marks, key=lambda mark: mark.error)
    # The least error of the reference, not its last: it may get worse again.
    reached = next((mark for mark in marks if mark.error <= least.error), None)
    # Without success: the whole time, the best error, and no speedup.
    end = reached or ProgressMark(marks[-1].seconds, min(mark.error for mark in marks))
    speedup = least.seconds / end.seconds if reached else 0.0
    note = f"MPJPE {end.error:.4f}" + ("" if reached else ", the reference's not reached")
    return [
        timing.Measurement(label, (least.seconds,), note=f"MPJPE {least.error:.4f}"),
        timing.Measurement(name, (end.seconds,), reference=label, speedup=speedup, target=TARGET, note=note),
    ]
