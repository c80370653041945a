"""Whether a training step fits into a device's memory, estimated before anything is compiled.

What a step is given and what its gradients take follows from shapes and shardings alone. What it holds
besides is the sweep of signjax.training.jaxpr_memory over the step with one device's part of the batch. Not
counted is how TPUs pad small dimensions.

Measured against XLA's own account of GPT steps. What is given is exact, but 10 % too low for one of width 64
on a v5e, which pads. What is held besides, over XLA's temporaries: 0.6 on CPU, which fuses less; on a v5e 1.4
with 8 layers of 256 and 32 rows a chip, 3.4 with 3 of 64 and 8 rows, since it keeps small arrays out of its
main memory. So only a quarter of what has no room there counts as sure.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax

from signjax.errors import ConfigError
from signjax.training import jaxpr_memory, sharding

GB = 1e9
ON_CHIP = 128 * 2**20  # bytes that a TPU has beside its main memory, where small arrays stay
SURE_FRACTION = 4.0  # no step took less than this part of what was estimated beside state and gradients
# Bytes that programs can use, where a device does not report them. TPU v5e: what XLA's compiler said was
# available, of 16 GiB. The others: from the makers' specifications (v6e: 32 GiB, less some that XLA keeps);
# they were not checked on a device.
KNOWN_LIMITS = {
    "TPU v5 lite": 15.75 * 2**30,
    "TPU v5": 95.0 * 2**30,
    "TPU v6 lite": 31.25 * 2**30,
    "NVIDIA H100 80GB HBM3": 80 * GB,
    "NVIDIA H200": 141 * GB,
}


class MemoryEstimate(NamedTuple):
    """Bytes of a training step on one device."""

    given: int  # the state and the batch, from the first step to the last
    gradients: int  # of all parameters at once, since their common length is measured
    held: int  # at most beside what is given, gradients included
    split: int  # devices that may share in a part of the batch: those of the mesh's other axes

    @property
    def total(self) -> int:
        """What the step is expected to take."""
        return self.given + max(self.held, self.gradients)

    @property
    def least(self) -> float:
        """What it surely takes."""
        return self.given + max((self.held - ON_CHIP) / (SURE_FRACTION * self.split), self.gradients)


def estimate_memory(step, state, batch) -> MemoryEstimate:
    """What a compiled-to-be training step takes on each device.

    Args:
      step: the jitted step, see signjax.training.train_step.compile_steps; it is traced, and not compiled.
      state: its abstract state, with shardings.
      batch: a global batch, arrays or ShapeDtypeStructs with shardings.
    """
    mesh = state.step.sharding.mesh
    leaves, parts = jax.tree.leaves(state), {}
    for leaf in leaves:
        used = sharding.drop_fsdp_axis(leaf.sharding)  # as a step uses parameters
        count = math.prod(leaf.shape) // max(1, math.prod(used.shard_shape(leaf.shape)))
        parts[leaf.shape] = max(parts.get(leaf.shape, 1), count)
    local = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.sharding.shard_shape(x.shape), x.dtype), batch)
    whole = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), state)
    return MemoryEstimate(
        given=sum(_count_local_bytes(x) for x in (*leaves, *batch.values())),
        gradients=sum(_count_local_bytes(x) for x in jax.tree.leaves(state.params)),
        held=jaxpr_memory.estimate_peak(step.trace(whole, local).jaxpr, parts),
        split=mesh.size // math.prod(mesh.shape[axis] for axis in sharding.get_batch_axes(mesh)),
    )


def _count_local_bytes(x) -> int:
    """Of an array's part on one device."""
    return math.prod(x.sharding.shard_shape(x.shape)) * x.dtype.itemsize


def get_memory_limit(device) -> float | None:
    """Bytes that programs can use on a device, as it reports or as is known of its kind; None if neither."""
    try:
        stats = device.memory_stats()
    except jax.errors.JaxRuntimeError:  # a device of a topology, which is only compiled for
        stats = None
    return (stats or {}).get("bytes_limit") or KNOWN_LIMITS.get(device.device_kind)


def check_memory(config, found: MemoryEstimate, device, say: Callable[[str], object]) -> None:
    """Refuses a step that surely does not fit a device, and says so if it may not fit.

    Raises:
      ConfigError: not even the least that the step takes fits.
    """
    most = get_memory_limit(device)
    if most is None or found.total <= most:
        return
    refused = found.least > most
    size = f"at least {found.least / GB:.3g}" if refused else f"about {found.total / GB:.3g}"
    line = (
        f"a training step takes {size} GB a device, {found.given / GB:.3g} of them for state and batch; "
        f"a {device.device_kind} has {most / GB:.3g}: {_suggest_changes(config, found, most)}"
    )
    if refused:
        raise ConfigError(line)
    say(f"warning: {line}")


def _suggest_changes(config, found: MemoryEstimate, most: float) -> str:
    """What to change, by name."""
    if found.given + found.gradients > most:
        return "make the model smaller, or split its state over more devices with mesh and sharding"
    rows = next(name for name in ("batch_size", "batch_tokens", "batch_frames") if name in config)
    kept = "model" in config and "remat" in config.model and not config.model.remat
    remat = ", set model.remat=True" if kept else ""
    return f"lower {rows}{remat}, or give mesh.shape more devices"
