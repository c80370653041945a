"""A training step compiled for TPUs on a machine without any: its memory, and its collectives."""

import collections
import importlib.util
import os
import pathlib
import re

import jax
import numpy as np
from jax.experimental import topologies

from signjax import demo
from signjax.benchmarks import setup, smoke_runs
from signjax.errors import ConfigError
from signjax.tasks.registry import make_task
from signjax.training import batch_checks, memory_check, sharding
from signjax.training.train_step import compile_steps

INSTALL = "compiling for TPUs needs libtpu: pip install --no-deps libtpu==0.0.42.1"
COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
# Without these libtpu asks Google Cloud which machine it is on, and waits for an answer.
STANDALONE = {
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-8",
    "TPU_WORKER_HOSTNAMES": "localhost",
}


def describe_chips(topology: str, slices: int = 1) -> list:
    """The devices of TPU slices that are not there, for the compiler.

    Args:
      topology: such as "v5e:2x4".
      slices: joined by the data centre's network.

    Raises:
      ConfigError: libtpu is not installed, or there is no such topology.
    """
    if not importlib.util.find_spec("libtpu"):
        raise ConfigError(INSTALL)
    # Defaults only: on a real TPU machine its own settings count.
    for name, value in STANDALONE.items():
        os.environ.setdefault(name, value)
    try:
        return topologies.get_topology_desc(topology, "tpu", num_slices=slices).devices
    except (jax.errors.JaxRuntimeError, RuntimeError, ValueError) as error:
        advice = "give chips as v5e:2x4, v6e:4x4 or v5p:2x2x2"
        raise ConfigError(f"--topology {topology!r}: {advice} ({str(error).splitlines()[0]})") from error


def use_demo_data(c, folder: str) -> None:
    """Changes a config to demo data in `folder` and, where a run it depends on is missing, to one made there.

    The sizes of a program depend on the config, not on what data say, so any data will do.
    """
    demo.write_dataset(f"{folder}/datasets", sizes=smoke_runs.SIZES)
    c.update_from_flattened_dict({"data.root": f"{folder}/datasets", "data.name": "demo"})
    for field, run in c.items():
        if str(run).startswith("runs/") and not pathlib.Path(run).is_dir():
            name = run.removeprefix("runs/").replace("-", ":", 1)
            c[field] = setup.train_run(setup.make_config(name, folder, {"num_steps": 1}), f"{folder}/{run}")


def trace_step(c, mesh, workdir: str):
    """(the jitted training step of a config, its abstract state, its abstract batch) on a mesh."""
    os.makedirs(workdir)
    batch_checks.check_batch_size(c, mesh)
    # The batch of one device of this machine, which has no such mesh.
    here = c.copy_and_resolve_references()
    here.mesh = {"shape": (1,), "axes": ("data",)}
    task = make_task(here, workdir)
    batches = iter(task.batches(0))
    batch = _fill_batch(next(batches), sharding.count_batch_parts(mesh))
    # Shapes alone: arrays cannot be put on chips that are not there.
    batch = sharding.make_abstract_batch(batch, mesh)
    batches.close()
    _, step, _, state = compile_steps(c, task, mesh, batch)
    return step, state, batch


def _fill_batch(batch: dict, parts: int) -> dict:
    """A batch with as many rows as in a training on so many parts of a mesh; only its shapes matter."""
    return {name: np.resize(x, (-(-len(x) // parts) * parts, *x.shape[1:])) for name, x in batch.items()}


def compile_step(step, state, batch):
    """The compiled step.

    Raises:
      ConfigError: XLA finds that it does not fit.
    """
    try:
        return step.lower(state, batch).compile()
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise ConfigError(f"XLA finds no room: {str(error).splitlines()[0]}") from error


def describe_program(compiled) -> list[str]:
    """Lines: what a compiled step takes on each chip, and how often it communicates."""
    memory = compiled.memory_analysis()
    arguments, outputs = memory.argument_size_in_bytes, memory.output_size_in_bytes
    # The new state takes the place of the old one, so it counts once.
    shared, temporaries = memory.alias_size_in_bytes, memory.temp_size_in_bytes
    # "-start": XLA splits a collective in two when it computes something else in between.
    pattern = rf"\b({'|'.join(COLLECTIVES)})(?:-start)?\("
    collectives = collections.Counter(re.findall(pattern, compiled.as_text()))
    counts = ", ".join(f"{count} {name}" for name, count in collectives.items())
    return [
        f"arguments     {format_gb(arguments)} a chip",
        f"temporaries   {format_gb(temporaries)}",
        f"outputs       {format_gb(outputs)}, {format_gb(shared)} of them in the place of arguments",
        f"in all        {format_gb(arguments + outputs - shared + temporaries)}",
        f"collectives   {counts or 'none'}",
    ]


def format_gb(size: float | None) -> str:
    """Bytes as GB; None is unknown."""
    return "unknown" if size is None else f"{size / memory_check.GB:.3f} GB"
