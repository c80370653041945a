"""Smoke runs: tiny runs of any model family, and the memory of their processes as they train and generate."""

import contextlib
import dataclasses
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor

import jax

from signjax import demo
from signjax.benchmarks import process_memory
from signjax.benchmarks.tiny_configs import has_field, make_tiny_config
from signjax.errors import ConfigError, SignjaxError, did_you_mean
from signjax.inference.families import FAMILIES
from signjax.inference.load import load_text_to_pose
from signjax.io import processes
from signjax.tasks.registry import make_task
from signjax.training import configs, loop, process, sharding
from signjax.training.random_key import make_key
from signjax.training.train_step import compile_steps, get_inference_variables, run_evaluation

ROUNDS = 20
SIZES = (12, 4, 1)  # clips in train, dev and test
# Letters of the longest text to generate for: texts of two padded lengths (signjax.text.tokenizer.pad_texts).
LETTERS = 29

Rows = list[tuple[int, process_memory.MemoryReading]]  # a round's last step, and what was read after it


def list_families(family: str | None = None) -> list[str]:
    """The families that have a config in configs/, or the one that is asked for.

    In a folder without configs/ they are those that come with signjax.

    Raises:
      ConfigError: there is none of this name.
    """
    families = list(configs.list_configs(configs.HERE) or configs.list_configs())
    if family and family not in families:
        suggestion = did_you_mean(family, families, f"it has: {', '.join(families)}")
        raise ConfigError(f"--family is {family!r}, which configs/ does not have{suggestion}")
    return [family] if family else families


def watch_families(names: list[str], home: str, steps: int) -> Iterator[tuple[str, Rows]]:
    """Trains a tiny run of each family, evaluates it and generates with it in each of ROUNDS rounds.

    Each is watched in a process of its own, whose memory holds nothing else, with programs from a compile
    cache, since compiling leaves much of the heap free. Another process fills the cache, one family ahead.

    Args:
      names: of files in configs/, without .py.
      home: folder for data, runs and compiled programs; what an earlier call left there is used.
      steps: of training, ROUNDS or more.

    Raises:
      SignjaxError: a family cannot be trained, or its process was killed.
    """
    with _start_process() as ahead:
        prepared = [ahead.submit(prepare_run, name, home) for name in names]
        for name, preparation in zip(names, prepared, strict=True):
            try:
                preparation.result()
                with _start_process() as alone:
                    rows = alone.submit(watch_run, name, home, steps).result()
            except BrokenExecutor as error:
                raise SignjaxError(f"{name}: its process was killed, perhaps for want of memory") from error
            yield name, rows


@contextlib.contextmanager
def _start_process() -> Iterator[Executor]:
    """A new process to submit to, killed when it is not wanted any more, so that Ctrl-C need not wait."""
    others = set(multiprocessing.active_children())
    # "spawn": a forked child would begin with all the memory of its parent.
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_prepare_process)
    try:
        yield pool
    except BaseException:
        # The pool itself would wait for the call that runs, which may take minutes.
        for child in set(multiprocessing.active_children()) - others:
            child.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare_process() -> None:
    # In a group of its own: Ctrl-C is for the parent to handle.
    os.setpgrp()
    processes.die_with_parent()
    process_memory.steady_heap_size()
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    # Programs run for seconds only, less than optimising them would take.
    jax.config.update("jax_disable_most_optimizations", True)


def prepare_run(name: str, home: str) -> None:
    """Trains a tiny run of a family for two steps, and first those that it depends on."""
    process.enable_compile_cache(f"{home}/xla")
    c, dependencies = make_tiny_config(name, home)
    # Data and dependencies first: a GPT, for example, reads the codes of a trained tokenizer.
    if has_field(c, "data.root"):
        demo.write_dataset(c.data.root, sizes=SIZES)
    for other in dependencies:
        prepare_run(other, home)
    loop.train(c, _locate_workdir(name, home), make_task)


def watch_run(name: str, home: str, steps: int) -> Rows:
    """Continues a prepared run as the trainer would, and reads after each round how much memory is in use."""
    process.enable_compile_cache(f"{home}/xla")
    read_memory, (c, _) = process_memory.start_readings(), make_tiny_config(name, home)
    workdir = _locate_workdir(name, home)
    task, mesh = make_task(c, workdir), sharding.make_mesh(c.mesh)
    batches = iter(task.batches(c.num_steps))
    example = sharding.make_global_batch(next(batches), mesh)
    init, step, evaluate, _ = compile_steps(c, task, mesh, example)
    state, generate, rows = init(make_key(c.seed), example), _make_generator(c, workdir), []
    for number in range(1, steps + 1):
        state, metrics = step(state, sharding.make_global_batch(next(batches), mesh))
        # As the trainer does; it waits for the step, so that readings are of finished work.
        jax.device_get(metrics)
        if number % (steps // ROUNDS) == 0:
            run_evaluation(task, evaluate, mesh, get_inference_variables(state))
            generate(len(rows))
            rows.append((number, read_memory()))
    return rows


def _locate_workdir(name: str, home: str) -> str:
    return f"{home}/runs/{name.replace(':', '-')}"


def _make_generator(c, workdir: str) -> Callable[[int], object]:
    """A function that generates a clip in round k; it does nothing if the family makes no clips of texts."""
    if c.task not in FAMILIES:
        return lambda k: None
    # The letter may be one that this run has never seen.
    generator = dataclasses.replace(load_text_to_pose(workdir), checks_letters=False)
    # A text of another length in each round: a program compiled for every length would be found as a leak.
    return lambda k: generator.generate(["a" * (1 + 17 * k % LETTERS)], seed=k)
