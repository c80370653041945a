"""tokenize: time to the error of the seed's tokenizer, both trained for real on demo data, in turn.

The reference is configs/vqvae.py:seed: the seed's transformer without its faults, in JAX, so that what is
compared is the tokenizer and not the framework. Time is that of reading the data, the linear start and all
training steps; compiling and evaluation are left out on both sides.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

import jax

from signjax.benchmarks import setup, timing
from signjax.training import sharding
from signjax.training.task import make_task
from signjax.training.train_step import compile_steps, inference_variables, run_evaluation

SIZES = (400, 40, 1)  # clips
ROUNDS = 20  # parts of each training, after which its error is measured
STEPS = {"vqvae:seed": 400, "vqvae": 800}
TARGET = 4


class Mark(NamedTuple):
    """How far a training was."""

    seconds: float
    error: float  # MPJPE of the dev split, own units


def measure() -> list[timing.Row]:
    """When each tokenizer had the least error that the reference had at all."""
    with setup.home(SIZES) as folder:
        return race({name: setup.config(name, folder, {"num_steps": n}) for name, n in STEPS.items()}, folder)


def race(configs: dict, folder: str, rounds: int = ROUNDS) -> list[timing.Row]:
    """Trains two configs part by part in turn; the first is the reference."""
    trainings = {name: course(c, folder, rounds) for name, c in configs.items()}
    marks: dict[str, list[Mark]] = {name: [] for name in configs}
    for _ in range(rounds):
        for name, training in trainings.items():
            marks[name].append(next(training))
    return verdict(*marks, *marks.values())


def course(c, folder: str, rounds: int) -> Iterator[Mark]:
    """Trains a config in `rounds` equal parts, and marks each one's end."""
    spent = -time.perf_counter()
    task, mesh = make_task(c, folder)._replace(finish=None), sharding.make_mesh(c.mesh)
    batches = iter(task.batches(0))
    batch = sharding.to_global(next(batches), mesh)
    spent += time.perf_counter()
    init, step, evaluate, abstract = compile_steps(c, task, mesh, batch)
    state, step = init(jax.random.key(c.seed), batch), step.lower(abstract, batch).compile()
    for _ in range(rounds):
        jax.block_until_ready(state)
        spent -= time.perf_counter()
        for _ in range(c.num_steps // rounds):
            state, _ = step(state, batch)
            batch = sharding.to_global(next(batches), mesh)
        jax.block_until_ready(state)
        spent += time.perf_counter()
        yield Mark(spent, run_evaluation(task, evaluate, mesh, inference_variables(state))["mpjpe"])


def verdict(reference: str, name: str, slow: list[Mark], fast: list[Mark]) -> list[timing.Row]:
    """Rows of the reference at its least error and of the other when it first had none larger."""
    label, least = f"{reference} (reference)", min(slow, key=lambda mark: mark.error)
    reached = next((mark for mark in fast if mark.error <= least.error), None)
    end = reached or Mark(fast[-1].seconds, min(mark.error for mark in fast))
    times = least.seconds / end.seconds if reached else 0.0
    note = f"MPJPE {end.error:.4f}" + ("" if reached else ", the reference's not reached")
    return [
        timing.Row(label, (least.seconds,), note=f"MPJPE {least.error:.4f}"),
        timing.Row(name, (end.seconds,), reference=label, times=times, target=TARGET, note=note),
    ]
