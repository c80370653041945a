"""Compiles the training step for a TPU topology on a machine without TPUs, and prints what it takes.

    python -m signjax.tools.aot --config=configs/gpt.py --topology=v5e:2x4
    python -m signjax.tools.aot --config=configs/gpt.py --topology=v5e:4x4 --slices=2

It needs libtpu, the compiler for TPUs, and no data: batches come from a small demo set, and a run that the
config needs and that is not there is trained on it for a step. What cannot fit is refused before XLA begins.
"""

import collections
import functools
import importlib.util
import os
import pathlib
import re
import tempfile
import time

import jax
from absl import app, flags
from jax.experimental import topologies

from signjax import demo
from signjax.benchmarks import setup, smoke_runs
from signjax.errors import ConfigError
from signjax.main import CONFIG, parse_with_config
from signjax.training import memory_check, process, sharding
from signjax.training.task import make_task
from signjax.training.train_step import compile_steps

TOPOLOGY = flags.DEFINE_string("topology", None, "Chips as v5e:2x4, v5e:16x16, v6e:4x4, v5p:4x4x4.")
SLICES = flags.DEFINE_integer("slices", 1, "How many of them, joined by the data centre's network.", 1)
INSTALL = "compiling for TPUs needs libtpu: pip install --no-deps libtpu==0.0.42.1"
COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
# libtpu would else ask Google Cloud what machine it is on
ALONE = {
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-8",
    "TPU_WORKER_HOSTNAMES": "localhost",
}


@process.one_line
def main(_) -> int:
    """The door; returns the exit code."""
    jax.config.update("jax_platforms", "cpu")
    devices = chips(TOPOLOGY.value, SLICES.value)
    c, mesh = CONFIG.value, sharding.make_mesh(CONFIG.value.mesh, devices)
    with tempfile.TemporaryDirectory(prefix="signjax-aot-") as folder:
        stand_in(c, folder)
        step, state, batch = abstract_step(c, mesh, f"{folder}/run")
    found, kind = memory_check.estimate(step, state, batch), devices[0].device_kind
    print(f"{mesh.size} chips {kind}, {_gb(memory_check.KNOWN.get(kind))} each, mesh {dict(mesh.shape)}")
    print(f"estimate      {_gb(found.total)} a chip, {_gb(found.given)} of them state and batch", flush=True)
    memory_check.check(c, found, devices[0], print)
    begun = time.perf_counter()
    compiled = compile_step(step, state, batch)
    print(f"compiled in   {time.perf_counter() - begun:.1f} s")
    for line in report(compiled):
        print(line)
    return 0


def chips(topology: str, slices: int = 1) -> list:
    """The devices of TPU slices that are not there.

    Raises:
      ConfigError: there is no libtpu here, or no such topology.
    """
    if not importlib.util.find_spec("libtpu"):
        raise ConfigError(INSTALL)
    for name, value in ALONE.items():
        os.environ.setdefault(name, value)
    try:
        return topologies.get_topology_desc(topology, "tpu", num_slices=slices).devices
    except (jax.errors.JaxRuntimeError, RuntimeError, ValueError) as e:
        known = "give chips as v5e:2x4, v6e:4x4 or v5p:2x2x2"
        raise ConfigError(f"--topology {topology!r}: {known} ({str(e).splitlines()[0]})") from e


def stand_in(c, folder: str) -> None:
    """Changes a config to demo data in `folder` and, where a run it needs is missing, to one made there."""
    demo.write_dataset(f"{folder}/datasets", sizes=smoke_runs.SIZES)
    c.update_from_flattened_dict({"data.root": f"{folder}/datasets", "data.name": "demo"})
    for field, run in c.items():
        if str(run).startswith("runs/") and not pathlib.Path(run).is_dir():
            needed = setup.config(run.removeprefix("runs/").replace("-", ":", 1), folder, {"num_steps": 1})
            c[field] = setup.trained(needed, f"{folder}/{run}")


def abstract_step(c, mesh, workdir: str):
    """(the jitted training step of a config, its abstract state, its abstract batch) on a mesh."""
    os.makedirs(workdir)
    task = make_task(c, workdir)
    batches = iter(task.batches(0))
    batch = sharding.shapes_of(next(batches), mesh)
    batches.close()
    _, step, _, state = compile_steps(c, task, mesh, batch)
    return step, state, batch


def compile_step(step, state, batch):
    """The compiled step.

    Raises:
      ConfigError: XLA finds that it does not fit.
    """
    try:
        return step.lower(state, batch).compile()
    except jax.errors.JaxRuntimeError as e:
        if "RESOURCE_EXHAUSTED" not in str(e):
            raise
        raise ConfigError(f"XLA finds no room: {str(e).splitlines()[0]}") from e


def report(compiled) -> list[str]:
    """What a compiled step takes on each chip, and how often it communicates."""
    m = compiled.memory_analysis()
    given, made, within = m.argument_size_in_bytes, m.output_size_in_bytes, m.alias_size_in_bytes
    calls = collections.Counter(re.findall(rf"\b({'|'.join(COLLECTIVES)})(?:-start)?\(", compiled.as_text()))
    return [
        f"arguments     {_gb(given)} a chip",
        f"temporaries   {_gb(m.temp_size_in_bytes)}",
        f"outputs       {_gb(made)}, {_gb(within)} of them in the place of arguments",
        f"in all        {_gb(given + made - within + m.temp_size_in_bytes)}",
        f"collectives   {', '.join(f'{n} {name}' for name, n in calls.items()) or 'none'}",
    ]


def _gb(size: float | None) -> str:
    return "unknown" if size is None else f"{size / memory_check.GB:.3f} GB"


if __name__ == "__main__":
    flags.mark_flags_as_required(["config", "topology"])
    flags.declare_key_flag("config")
    app.run(main, flags_parser=functools.partial(parse_with_config, "signjax.tools.aot", __doc__))
