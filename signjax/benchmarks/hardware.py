"""The machine: its description, and its measured peaks in matrix products and in copying memory."""

import os
import pathlib
import platform
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from signjax.benchmarks import timing

SIDE = 4096  # of the matrices: a product takes 137 GFLOP
# float32 numbers, 268 MB: more than a processor's caches hold, or the copy would measure those.
COPIED = 1 << 26


class Peak(NamedTuple):
    """The most that one device did in the same run."""

    flops: float  # a second, in a float32 matrix product at the precision that models use
    bytes: float  # a second, read and written


def measure_peak(side: int = SIDE, copied: int = COPIED) -> Peak:
    """Measures the device: a matrix product [side, side] and a copy of `copied` numbers that adds 1."""
    # Measured and not looked up: data sheets give peaks that no product of a library reaches.
    line, copy = jnp.zeros(copied), jax.jit(lambda x: x + 1)
    workloads = {
        "product": make_product_workload(side, jnp.float32),
        "copy": timing.Workload(lambda: copy(line)),
    }
    # The fastest repeat: a peak is what the device can do, and other programs only slow it down.
    best = {measured.name: min(measured.seconds) for measured in timing.compare_workloads(workloads)}
    return Peak(2 * side**3 / best["product"], 2 * line.nbytes / best["copy"])


def make_product_workload(side: int, dtype) -> timing.Workload:
    """A matrix product [side, side] of a type."""
    square, multiply = jnp.ones((side, side), dtype), jax.jit(jnp.matmul)
    return timing.Workload(lambda: multiply(square, square), flops=2 * side**3)


def count_threads() -> int:
    """Processor threads that this process may use; XLA takes all of them, and the reference gets as many."""
    # os.cpu_count would count those of other containers on the machine, too.
    return len(os.sched_getaffinity(0))


def describe_environment() -> dict[str, object]:
    """Device, processor, threads, load and versions."""
    device = jax.devices()[0]
    return {
        "device": f"{device.device_kind} x {jax.device_count()}",
        "processor": _read_processor_name(),
        "threads": count_threads(),
        "load": round(os.getloadavg()[0], 2),  # of the last minute, other programs' work included
        "python": platform.python_version(),
        "jax": jax.__version__,
        "numpy": np.__version__,
    }


def _read_processor_name() -> str:
    # platform.processor() is empty or "x86_64" on Linux.
    info = pathlib.Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
