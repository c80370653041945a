"""Compiles the training step for a TPU topology on a machine without TPUs, and prints what it takes.

    python -m signjax.tools.aot --config=configs/gpt.py --topology=v5e:2x4
    python -m signjax.tools.aot --config=configs/gpt.py --topology=v5e:4x4 --slices=2

It needs libtpu, the compiler for TPUs, and no data: batches come from a small demo set, and a run that the
config depends on and that is not there is trained on it for a step. What cannot fit is refused before XLA
begins.
"""

import functools
import tempfile
import time

import jax
from absl import app, flags

from signjax.benchmarks import tpu_programs
from signjax.benchmarks.tpu_programs import format_gb
from signjax.main import CONFIG, parse_with_config
from signjax.training import memory_check, process, sharding

TOPOLOGY = flags.DEFINE_string("topology", None, "Chips as v5e:2x4, v5e:16x16, v6e:4x4, v5p:4x4x4.")
SLICES = flags.DEFINE_integer("slices", 1, "How many of them, joined by the data centre's network.", 1)


@process.run_as_command
def main(_) -> int:
    """Runs the command; returns the exit code."""
    # This process itself has no TPU; jax would look for one as soon as libtpu is installed.
    jax.config.update("jax_platforms", "cpu")
    devices = tpu_programs.describe_chips(TOPOLOGY.value, SLICES.value)
    c, mesh = CONFIG.value, sharding.make_mesh(CONFIG.value.mesh, devices)
    with tempfile.TemporaryDirectory(prefix="signjax-aot-") as folder:
        tpu_programs.use_demo_data(c, folder)
        step, state, batch = tpu_programs.trace_step(c, mesh, f"{folder}/run")
    needed, kind = memory_check.estimate(step, state, batch), devices[0].device_kind
    print(
        f"{mesh.size} chips {kind}, {format_gb(memory_check.KNOWN.get(kind))} each, mesh {dict(mesh.shape)}"
    )
    print(
        f"estimate      {format_gb(needed.total)} a chip, {format_gb(needed.given)} of them state and batch",
        flush=True,
    )
    # Before compiling, which takes minutes for a large model and ends with a page of XLA's if it fails.
    memory_check.check(c, needed, devices[0], print)
    start = time.perf_counter()
    compiled = tpu_programs.compile_step(step, state, batch)
    print(f"compiled in   {time.perf_counter() - start:.1f} s")
    print("\n".join(tpu_programs.describe_program(compiled)))
    return 0


if __name__ == "__main__":
    flags.mark_flags_as_required(["config", "topology"])
    flags.declare_key_flag("config")
    app.run(main, flags_parser=functools.partial(parse_with_config, "signjax.tools.aot", __doc__))
