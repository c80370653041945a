"""Where arrays live: a device mesh and (regex, spec) rules from the config, for any number of devices.

The models hold no sharding words. XLA's partitioner (GSPMD, arXiv 2105.04663) turns the placement of
the state and of the batch into the communication between devices.
"""

import math
import re

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from signjax.errors import ConfigError

BATCH_AXIS = "data"


def make_mesh(config) -> Mesh:
    """Builds the mesh of `config.shape` and `config.axes`; at most one size is -1, "all that are left".

    A shape without -1 takes the first devices it needs. The axis called "data" splits the batch.
    Axis types are Auto: with jax.make_mesh's default, Explicit, plain model code does not trace.

    Raises:
      ConfigError: the shape does not fit the axes or the devices.
    """
    shape, axes, found = tuple(config.shape), tuple(config.axes), jax.device_count()
    known = math.prod(n for n in shape if n != -1)
    if len(shape) != len(axes) or shape.count(-1) > 1 or known < 1 or BATCH_AXIS not in axes:
        raise ConfigError(
            f"mesh.shape={shape}, mesh.axes={axes}: give each axis one size (one of them may be -1) "
            f'and call one axis "{BATCH_AXIS}"'
        )
    shape = tuple(found // known if n == -1 else n for n in shape)
    used = math.prod(shape)
    if not 1 <= used <= found or (-1 in config.shape and used != found):
        raise ConfigError(f"mesh.shape={tuple(config.shape)} does not fit {found} device(s)")
    devices = jax.devices()[:used] if used < found else None
    return jax.make_mesh(shape, axes, axis_types=(AxisType.Auto,) * len(axes), devices=devices)


def replicated(mesh: Mesh) -> NamedSharding:
    """The sharding of an array that every device of the mesh holds whole."""
    return NamedSharding(mesh, PartitionSpec())


def shard(tree, mesh: Mesh, rules):
    """Chooses a NamedSharding for every leaf of `tree` (arrays or jax.eval_shape's results).

    Args:
      rules: ((regex, spec), ...); the first regex found in a leaf's path decides. Paths run over field
        names and keys, "params/Dense_0/kernel", "opt_state/1/0/mu/Dense_0/kernel". A spec gives one
        mesh axis, a tuple of axes, or None per dimension. A leaf no rule matches is replicated.

    Raises:
      ConfigError: a spec names an unknown axis, has too many entries, or does not divide the leaf.
    """

    def place(path, leaf):
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        spec = next((tuple(spec) for regex, spec in rules if re.search(regex, name)), ())
        fault = _fault(spec, leaf.shape, mesh)
        if fault:
            raise ConfigError(f"sharding rule {spec} for {name} {tuple(leaf.shape)}: {fault}")
        return NamedSharding(mesh, PartitionSpec(*spec))

    return jax.tree_util.tree_map_with_path(place, tree)


def _fault(spec, shape, mesh: Mesh) -> str:
    """Says what is wrong with a spec for an array of this shape, "" if nothing."""
    if len(spec) > len(shape):
        return f"the array has only {len(shape)} dimensions"
    for size, entry in zip(shape, spec, strict=False):
        axes = () if entry is None else (entry,) if isinstance(entry, str) else tuple(entry)
        unknown = [a for a in axes if a not in mesh.shape]
        if unknown:
            return f"the mesh has no axis {unknown[0]!r}"
        parts = math.prod(mesh.shape[a] for a in axes)
        if size % parts:
            return f"{size} does not divide into {parts} equal parts"
    return ""


def to_global(batch: dict, mesh: Mesh) -> dict:
    """Puts each host's part of a batch, numpy [B / hosts, ...], on the mesh, split over the "data" axis.

    Raises:
      ConfigError: the batch does not divide into the axis.
    """
    split = NamedSharding(mesh, PartitionSpec(BATCH_AXIS))
    parts, hosts = mesh.shape[BATCH_AXIS], jax.process_count()

    def put(name, x):
        x = np.asarray(x)
        if x.ndim == 0:
            return jax.make_array_from_process_local_data(replicated(mesh), x)
        if x.shape[0] * hosts % parts:
            raise ConfigError(
                f'batch_size (or batch_tokens): {x.shape[0] * hosts} rows of "{name}" do not divide into '
                f"{parts} equal parts, one for each device of the mesh axis {BATCH_AXIS!r}; "
                "change it or mesh.shape"
            )
        return jax.make_array_from_process_local_data(split, x)

    return {name: put(name, x) for name, x in batch.items()}
