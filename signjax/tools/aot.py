"""Compiles the training step for a TPU topology on a machine without TPUs, and prints its memory.

    python -m signjax.tools.aot --config=configs/gpt.py --topology=v5e:2x4
    python -m signjax.tools.aot --config=configs/gpt.py --topology=v5e:4x4 --slices=2

It needs libtpu, the compiler for TPUs, but no data: batches come from a small demo set. If the config depends
on another run that does not exist, this run is trained on the demo set for one step. A step that cannot fit
into memory is refused before XLA begins.
"""

import sys
import tempfile
import time

from signjax import limits
from signjax.cli import config_options, parsing
from signjax.cli.command import run_as_command
from signjax.errors import ConfigError


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    parser = parsing.make_short_parser("signjax.tools.aot", __doc__, ConfigError.exit_code)
    parser.add_argument("--topology", required=True, help="chips, as v5e:2x4, v5e:16x16, v6e:4x4, v5p:4x4x4")
    slices = "number of such slices, connected by the network of the data centre"
    parsing.add_number(parser, "--slices", limits.SLICES, slices, 1)
    args, _, c = config_options.parse_options(parser, argv)
    import jax

    from signjax.benchmarks import tpu_programs
    from signjax.benchmarks.tpu_programs import format_gb
    from signjax.training import memory_check, sharding

    # This process itself has no TPU; jax would look for one as soon as libtpu is installed.
    jax.config.update("jax_platforms", "cpu")
    devices = tpu_programs.describe_chips(args.topology, args.slices)
    mesh = sharding.make_mesh(c.mesh, devices)
    # The program does not depend on what the data say, so a tiny set of its own will do.
    with tempfile.TemporaryDirectory(prefix="signjax-aot-") as folder:
        tpu_programs.use_demo_data(c, folder)
        step, state, batch = tpu_programs.trace_step(c, mesh, f"{folder}/run")
    needed, kind = memory_check.estimate_memory(step, state, batch), devices[0].device_kind
    print(
        f"{mesh.size} chips {kind}, {format_gb(memory_check.KNOWN_LIMITS.get(kind))} each, "
        f"mesh {dict(mesh.shape)}"
    )
    print(
        f"estimate      {format_gb(needed.expected_bytes)} a chip, "
        f"{format_gb(needed.arguments)} of them state and batch",
        flush=True,
    )
    # Before compiling, which takes minutes for a large model and ends with a page of XLA's if it fails.
    memory_check.check_memory(c, needed, devices[0], print)
    # Printed because it is what a first start on the real chips would take, too.
    start = time.perf_counter()
    compiled = tpu_programs.compile_step(step, state, batch)
    print(f"compiled in   {time.perf_counter() - start:.1f} s")
    print("\n".join(tpu_programs.describe_program(compiled)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
