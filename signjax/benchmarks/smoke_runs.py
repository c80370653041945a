"""Rehearsals: tiny runs of any model family, and what their processes hold as they train and sign."""

import contextlib
import importlib.util
import multiprocessing
import operator
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor

import jax

from signjax import demo
from signjax.benchmarks import process_memory
from signjax.errors import SignjaxError
from signjax.io import processes
from signjax.training import loop, process, sharding
from signjax.training.task import find, make_task
from signjax.training.train_step import compile_steps, inference_variables, run_evaluation

ROUNDS = 20
SIZES = (12, 4, 1)  # clips in train, dev and test
LETTERS = 29  # of the longest text to sign; texts of two padded lengths, see signjax.text.tokenizer.stack
TINY = {  # fields of any config that has them
    "num_steps": 2,
    "log_every": 2,
    "eval_every": 2,
    "save_every": 2,
    "window": 32,
    "batch_size": 8,
    "batch_tokens": 256,
    "batch_frames": 512,
    "eval_batch_size": 4,
    "versions": 2,
    "text.min_count": 2,
    "layout": "whole",
    "quantizer.levels.whole": 2,
    "quantizer.codes": 16,
    "model.size.width": 16,
    "model.size.depth": 1,
    "model.width": 16,
    "model.depth": 1,
    "model.text_depth": 1,
    "model.heads": 2,
    "model.mlp": 32,
    "model.dim": 12,
    "model.lift": 1,
    "sampler.max_tokens": 4,  # clips of one padded length, whatever the model writes
    "optim.schedule": "constant",
    "mesh.shape": (1,),
}

Rows = list[tuple[int, process_memory.Reading]]  # a round's last step, and what was read after it


def rehearse(names: list[str], home: str, steps: int) -> Iterator[tuple[str, Rows]]:
    """Trains a tiny run of each family, evaluates it and signs with it in each of ROUNDS rounds.

    Each is watched in a process of its own, whose memory holds nothing else, with programs from a compile
    cache, since compiling leaves much of the heap free. Another process fills the cache, one family ahead.

    Args:
      names: of files in configs/, without .py.
      home: folder for data, runs and compiled programs; what an earlier rehearsal left there is used.
      steps: of training, ROUNDS or more.

    Raises:
      SignjaxError: a family cannot be trained, or its process was killed.
    """
    with _process() as ahead:
        prepared = [ahead.submit(prepare, name, home) for name in names]
        for name, done in zip(names, prepared, strict=True):
            try:
                done.result()
                with _process() as alone:
                    rows = alone.submit(watch, name, home, steps).result()
            except BrokenExecutor as e:
                raise SignjaxError(f"{name}: its process was killed, perhaps for want of memory") from e
            yield name, rows


@contextlib.contextmanager
def _process() -> Iterator[Executor]:
    """A new process to submit to. It is killed if it is not wanted any more, so that Ctrl-C need not wait."""
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_enter)
    try:
        yield pool
    except BaseException:
        for child in set(multiprocessing.active_children()) - others:
            child.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _enter() -> None:
    os.setpgrp()  # Ctrl-C is for the parent to see
    processes.die_with_parent()
    process_memory.steady_heap()
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    jax.config.update("jax_disable_most_optimizations", True)  # what is compiled runs for seconds only


def prepare(name: str, home: str) -> None:
    """Trains a tiny run of a family for two steps, and first those that it needs."""
    process.enable_compile_cache(f"{home}/xla")
    c, needed = tiny(name, home)
    if _has(c, "data.root"):
        demo.write_dataset(c.data.root, sizes=SIZES)
    for other in needed:
        prepare(other, home)
    loop.train(c, _workdir(name, home))


def watch(name: str, home: str, steps: int) -> Rows:
    """Goes on with a prepared run as the trainer would, and reads after each round what is held."""
    process.enable_compile_cache(f"{home}/xla")
    read, (c, _), workdir = process_memory.start(), tiny(name, home), _workdir(name, home)
    task, mesh = make_task(c, workdir), sharding.make_mesh(c.mesh)
    batches = iter(task.batches(c.num_steps))
    example = sharding.to_global(next(batches), mesh)
    init, step, evaluate, _ = compile_steps(c, task, mesh, example)
    state, sign, rows = init(jax.random.key(c.seed), example), _signer(c, workdir), []
    for number in range(1, steps + 1):
        state, metrics = step(state, sharding.to_global(next(batches), mesh))
        jax.device_get(metrics)
        if number % (steps // ROUNDS) == 0:
            run_evaluation(task, evaluate, mesh, inference_variables(state))
            sign(len(rows))
            rows.append((number, read()))
    return rows


def tiny(name: str, home: str):
    """The config of a family, "vqvae" or "vqvae:kl", made tiny, and the names of those that it needs."""
    c = configured(name)
    needed = {field: run for field, run in c.items() if str(run).startswith("runs/")}
    places = {field: f"{home}/{run}" for field, run in needed.items()}
    changes = TINY | {"data.root": f"{home}/datasets"} | places
    c.update_from_flattened_dict({field: value for field, value in changes.items() if _has(c, field)})
    return c, [run.removeprefix("runs/").replace("-", ":", 1) for run in needed.values()]


def configured(name: str):
    """The config that `name` stands for: "vqvae" or "vqvae:kl" of configs/."""
    stem, _, variant = name.partition(":")
    spec = importlib.util.spec_from_file_location(f"{stem}_config", f"configs/{stem}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_config(variant)


def _has(c, field: str) -> bool:
    try:
        operator.attrgetter(field)(c)
    except AttributeError:
        return False
    return True


def _workdir(name: str, home: str) -> str:
    return f"{home}/runs/{name.replace(':', '-')}"


def _signer(c, workdir: str) -> Callable[[int], object]:
    """What signs a text for round k, none as long as another; nothing if the family signs no texts."""
    module = find(c.task)
    if not hasattr(module, "generate"):
        return lambda k: None
    generator, sampler = module.load(workdir), module.sampler_of(c)
    return lambda k: module.generate(generator, ["a" * (1 + 17 * k % LETTERS)], k, sampler)
