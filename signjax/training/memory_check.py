"""Whether a training step fits into a device's memory, estimated before anything is compiled.

The bytes of the arguments and of the gradients follow from shapes and shardings alone. Those of temporaries
are estimated by signjax.training.jaxpr_memory from the step with one device's part of the batch. Padding of
small dimensions, as on TPUs, is not counted.

Compared with XLA's own account of GPT steps: arguments are exact, but 10 % too low for a model of width 64 on
a v5e, which pads. Temporaries are 0.6 times XLA's on CPU, which fuses less; on a v5e 1.4 times with 8 layers
of 256 and 32 rows a chip, 3.4 times with 3 of 64 and 8 rows, as it keeps small arrays out of its main memory.
So only a quarter of the temporaries that do not fit there is certain.
"""

import math
import os
from collections.abc import Callable
from typing import NamedTuple

import jax

from signjax.errors import ConfigError
from signjax.training import sharding

GB = 1e9
ON_CHIP = 128 * 2**20  # bytes of a TPU's vector memory, beside its main memory; small arrays stay there
# The largest ratio of estimated temporaries to XLA's that was seen was 3.4, see above.
MAX_OVERESTIMATE = 4.0
# Bytes that programs can use, for devices that do not report them. TPU v5e: what XLA's compiler called
# available, of 16 GiB. The others are from specifications (v6e: 32 GiB, less what XLA reserves) and were not
# checked on a device.
KNOWN_LIMITS = {
    "TPU v5 lite": 15.75 * 2**30,
    "TPU v5": 95.0 * 2**30,
    "TPU v6 lite": 31.25 * 2**30,
    "NVIDIA H100 80GB HBM3": 80 * GB,
    "NVIDIA H200": 141 * GB,
}


class MemoryEstimate(NamedTuple):
    """Bytes of a training step on one device."""

    arguments: int  # the state and the batch, in use throughout
    gradients: int  # of all parameters: all are there at once, as their common norm is computed
    temporaries: int  # at most in use at once beside the arguments, gradients included
    batch_sharers: (
        int  # devices that may divide the work on one part of the batch: those of the other mesh axes
    )

    @property
    def expected_bytes(self) -> int:
        """What the step is expected to take."""
        return self.arguments + max(self.temporaries, self.gradients)

    @property
    def certain_bytes(self) -> float:
        """What the step takes at least."""
        temporaries = (self.temporaries - ON_CHIP) / (MAX_OVERESTIMATE * self.batch_sharers)
        return self.arguments + max(temporaries, self.gradients)


def estimate_memory(step, state, batch) -> MemoryEstimate:
    """Estimates the memory of a training step on each device.

    Args:
      step: the jitted step of signjax.training.train_step.compile_steps; it is traced, but not compiled.
      state: its abstract state, with shardings.
      batch: a global batch, arrays or ShapeDtypeStructs, with shardings.
    """
    from signjax.training import jaxpr_memory  # it imports Pallas

    mesh = state.step.sharding.mesh
    leaves, parts = jax.tree.leaves(state), {}
    for leaf in leaves:
        # A step gathers parameters along "fsdp" before it uses them.
        used = sharding.drop_fsdp_axis(leaf.sharding)
        count = math.prod(leaf.shape) // max(1, math.prod(used.shard_shape(leaf.shape)))
        # The jaxpr does not say which array is a parameter: gradients and moments are known by their shapes.
        parts[leaf.shape] = max(parts.get(leaf.shape, 1), count)
    local = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.sharding.shard_shape(x.shape), x.dtype), batch)
    # Without shardings, which tracing would check against the local batch.
    whole = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), state)
    return MemoryEstimate(
        arguments=sum(_count_local_bytes(x) for x in (*leaves, *batch.values())),
        gradients=sum(_count_local_bytes(x) for x in jax.tree.leaves(state.params)),
        temporaries=jaxpr_memory.estimate_peak(step.trace(whole, local).jaxpr, parts),
        batch_sharers=mesh.size // math.prod(mesh.shape[axis] for axis in sharding.get_batch_axes(mesh)),
    )


def _count_local_bytes(x) -> int:
    """Bytes of one device's part of an array."""
    return math.prod(x.sharding.shard_shape(x.shape)) * x.dtype.itemsize


def get_memory_limit(device) -> float | None:
    """Bytes that programs can use on a device, as it reports or as listed for its kind; None if neither."""
    try:
        stats = device.memory_stats()
    # Devices of a topology, which programs are compiled for without having one.
    except jax.errors.JaxRuntimeError:
        stats = None
    return (stats or {}).get("bytes_limit") or KNOWN_LIMITS.get(device.device_kind)


def check_memory(config, estimate: MemoryEstimate, device, print_line: Callable[[str], object]) -> None:
    """Raises if a step certainly does not fit on a device, and warns if it may not fit.

    Args:
      config: of the run, to name the fields that can be changed.
      estimate: of the step.
      device: one of the devices.
      print_line: shows a warning.

    Raises:
      ConfigError: not even `certain_bytes` fit.
    """
    limit = get_memory_limit(device)
    if limit is None or estimate.expected_bytes <= limit:
        return
    # The estimate is rough, so what only probably does not fit is left to the user.
    refused = estimate.certain_bytes > limit
    certain, expected = estimate.certain_bytes / GB, estimate.expected_bytes / GB
    size = f"at least {certain:.3g}" if refused else f"about {expected:.3g}"
    line = (
        f"a training step takes {size} GB a device, {estimate.arguments / GB:.3g} of them for state and "
        f"batch; a {device.device_kind} has {limit / GB:.3g}: {_suggest_changes(config, estimate, limit)}"
    )
    if refused:
        raise ConfigError(line)
    print_line(f"warning: {line}")


def _suggest_changes(config, estimate: MemoryEstimate, limit: float) -> str:
    """What to change in the config, by the names of its fields."""
    # A smaller batch does not help if state and gradients alone do not fit.
    if estimate.arguments + estimate.gradients > limit:
        return "make the model smaller, or split its state over more devices with mesh and sharding"
    batch_field = next(name for name in ("batch_size", "batch_tokens", "batch_frames") if name in config)
    can_remat = "model" in config and "remat" in config.model and not config.model.remat
    remat = ", set model.remat=True" if can_remat else ""
    return f"lower {batch_field}{remat}, or give mesh.shape more devices"


def get_total_memory() -> float | None:
    """Bytes of the memory that programs use: of the first device, or of this machine if that is a CPU."""
    device = jax.local_devices()[0]
    if device.platform != "cpu":
        return get_memory_limit(device)
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (OSError, ValueError):
        return None


def check_state_memory(abstract) -> None:
    """Raises if a state alone cannot fit into the memory of this machine, before any of it is allocated.

    Args:
      abstract: the state with shardings, as signjax.training.train_step.compile_steps gives it.

    Raises:
      ConfigError: it cannot.
    """
    device, needed = jax.local_devices()[0], sum(map(_count_local_bytes, jax.tree.leaves(abstract)))
    limit = get_total_memory()
    if limit is not None and needed > limit:
        raise ConfigError(
            f"the parameters and what the optimizer keeps take {needed / GB:.3g} GB a device, and a "
            f"{device.device_kind} has {limit / GB:.3g}; make the model smaller"
        )
